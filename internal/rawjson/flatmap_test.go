package rawjson

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestFlatmap(t *testing.T) {
	for _, row := range []struct{ name, ops, in, want string }{
		{"del removes a member", "del a", `{"a":1,"b":2}`, `{"b":2}`},
		{"del removes what is inside", "del a.b", `{"a":{"b":1,"c":2}}`, `{"a":{"c":2}}`},
		{"del takes several paths", "del a c", `{"a":1,"b":2,"c":3}`, `{"b":2}`},
		{"del goes into arrays by number", "del a.1", `{"a":[1,2,3]}`, `{"a":[1,3]}`},
		{"elements keep their numbers while others go", "del a.0 a.1", `{"a":[1,2,3]}`, `{"a":[3]}`},
		{"and so they do in the next operation", "del a.0; del a.1", `{"a":[1,2,3]}`, `{"a":[3]}`},
		{"del goes into every element", "del a.*.b", `{"a":[{"b":1,"c":2},{"c":3},4,[]]}`, `{"a":[{"c":2},{"c":3},4,[]]}`},
		{"del goes into every member", "del *.b", `{"x":{"b":1},"y":{"c":1},"b":2}`, `{"x":{},"y":{"c":1},"b":2}`},
		{"del of all leaves an empty array", "del a.*", `{"a":[1,2]}`, `{"a":[]}`},
		{"del of all leaves an empty object", "del a.*", `{"a":{"b":1}}`, `{"a":{}}`},
		{"del of everything leaves an empty object", "del *", `{"a":1,"b":2}`, `{}`},
		{"del of nothing leaves every byte", "del x a.x b.7 b.x b.01", `{ "a" : { "b":1 }, "b":[ 0 ] }`, `{ "a" : { "b":1 }, "b":[ 0 ] }`},
		{"del of nested arrays", "del a.*.b.*.c", `{"a":[{"b":[{"c":{"a":1},"d":1},{"c":2}]},{"b":[{"c":3,"e":1}]}]}`, `{"a":[{"b":[{"d":1},{}]},{"b":[{"e":1}]}]}`},
		{"what is not touched keeps its bytes", "del a.0", `{"a":[1,{ "x" : 1.0 }],"b":{ "y" : [ ] }}`, `{"a":[{ "x" : 1.0 }],"b":{ "y" : [ ] }}`},
		{"del is not evaded by escapes", "del a.*.b", `{"\u0061":[{"\u0062":1}]}`, `{"\u0061":[{}]}`},
		{"del is not evaded by doubling", "del a.b", `{"a":{"b":1},"a":5}`, `{"a":5}`},
		{"del is not evaded by doubling inside", "del a.b.c", `{"a":{"b":{"c":1},"b":6}}`, `{"a":{"b":6}}`},

		{"move renames in place", "move a b", `{"x":0,"a":1,"y":2}`, `{"x":0,"b":1,"y":2}`},
		{"a path as long renames the last segment only", "move a.v x.y", `{"a":{"v":1},"x":{}}`, `{"a":{"y":1},"x":{}}`},
		{"move renames in every element", "move a.*.b a.*.c", `{"a":[{"b":1,"x":2},{"b":{"d":3}},{}]}`, `{"a":[{"c":1,"x":2},{"c":{"d":3}},{}]}`},
		{"move renames over a member of that name", "move a b", `{"b":2,"a":1}`, `{"b":1}`},
		{"move to its own name does nothing", "move a a", `{ "a":1}`, `{ "a":1}`},
		{"elements have no names to change", "move a.0 a.1", `{"a":[1,2]}`, `{"a":[1,2]}`},
		{"move of what is missing does nothing", "move x y", `{ "a":1}`, `{ "a":1}`},

		{"a longer path embeds", "move a b.c", `{"a":1}`, `{"b":{"c":1}}`},
		{"and finds what is there", "move a b.c", `{"a":1,"b":{"d":2}}`, `{"b":{"d":2,"c":1}}`},
		{"and writes over what is there", "move a b.c", `{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"c":1,"d":3}}`},
		{"and takes the place of a scalar", "move a b.c", `{"a":1,"b":2}`, `{"b":{"c":1}}`},
		{"into itself, in its place", "move a a.b.c", `{"x":0,"a":1,"y":2}`, `{"x":0,"a":{"b":{"c":1}},"y":2}`},
		{"an element into itself, in its place", "move a.0 a.0.b", `{"a":[1,2]}`, `{"a":[{"b":1},2]}`},
		{"deep inside", "move b.a b.b.a.b.c", `{"a":1,"b":{"a":42}}`, `{"a":1,"b":{"b":{"a":{"b":{"c":42}}}}}`},
		{"in every member", "move b.*.c b.*.c.b.x", `{"b":{"first":{"c":{"d":1}},"last":{"m":2,"c":3}}}`, `{"b":{"first":{"c":{"b":{"x":{"d":1}}}},"last":{"m":2,"c":{"b":{"x":3}}}}}`},
		{"what dst says before that is not looked at", "move a.b x.y.z", `{"a":{"b":1}}`, `{"a":{"y":{"z":1}}}`},
		{"into an array, as its last element", "move a b.c", `{"a":1,"b":[0]}`, `{"b":[0,1]}`},
		{"an element to an element that is not there stays", "move a.0 a.7.b", `{"a":[1,2]}`, `{"a":[1,2]}`},
		{"an element into an element that is there", "move a.0 a.1.b", `{"a":[1,{}]}`, `{"a":[{"b":1}]}`},

		{"a shorter path promotes", "move a.b c", `{"a":{"b":1,"d":2}}`, `{"a":{"d":2},"c":1}`},
		{"and may leave an empty object", "move a.b c", `{"a":{"b":1}}`, `{"a":{},"c":1}`},
		{"and writes over what is there", "move a.b c", `{"c":{"x":2},"a":{"b":1}}`, `{"c":1,"a":{}}`},
		{"and over what it was in", "move a.b a", `{"x":0,"a":{"b":1,"c":2}}`, `{"x":0,"a":1}`},
		{"and makes what is missing", "move a.b.c x.y", `{"a":{"b":{"c":1}}}`, `{"a":{"b":{}},"x":{"y":1}}`},
		{"in every element", "move a.*.b.c a.*.c", `{"a":[{"b":{"c":1}},{"b":{"c":2,"d":3}},{}]}`, `{"a":[{"b":{},"c":1},{"b":{"d":3},"c":2},{}]}`},
		{"in every member, whatever its spelling", "move *.b.c *.c", `{"\u0061":{"b":{"c":1}},"q\"":{"b":{"c":2}}}`, `{"\u0061":{"b":{},"c":1},"q\"":{"b":{},"c":2}}`},
		{"with an element's number for a key", "move *.*.*.z a.*.z", `{"b":[{"c":{"z":1}}]}`, `{"b":[{"c":{}}],"a":{"0":{"z":1}}}`},
		{"several out of what the first replaces", "move *.*.*.z *.b", `{"0":{"b":{"x":{"z":1},"y":{"z":2}}}}`, `{"0":{"b":2}}`},
		{"of several the last wins", "move a.*.b c", `{"a":[{"b":1},{"b":2}]}`, `{"a":[{},{}],"c":2}`},
		{"an element out of an array", "move a.0 b", `{"a":[1,2]}`, `{"a":[2],"b":1}`},
		{"into an array, as its last element", "move a.b.c d.e", `{"a":{"b":{"c":1}},"d":[0]}`, `{"a":{"b":{}},"d":[0,1]}`},
		{"through an array that does not have it stays", "move a.b.c.d e.f.g", `{"a":{"b":{"c":{"d":1}}},"e":[0]}`, `{"a":{"b":{"c":{"d":1}}},"e":[0]}`},

		{"append joins arrays", "append a b", `{"a":[1,2],"b":[3]}`, `{"b":[3,1,2]}`},
		{"append to an empty array", "append a b", `{"a":[1],"b":[]}`, `{"b":[1]}`},
		{"append of an empty array", "append a b", `{"a":[],"b":[1]}`, `{"b":[1]}`},
		{"append inside", "append a.x b.y", `{"a":{"x":[1]},"b":{"y":[2]}}`, `{"a":{},"b":{"y":[2,1]}}`},
		{"append wants two arrays", "append a b; append b a; append c a; append a c", `{ "a":[1],"b":2}`, `{ "a":[1],"b":2}`},
		{"append of what is in every element", "append a.*.b c", `{"a":[{"b":1},{"x":2},{"b":[3]}],"c":[0]}`, `{"a":[{},{"x":2},{}],"c":[0,1,null,[3]]}`},
		{"append of what is in every element of every element", "append a.*.*.b c", `{"a":[[{"b":1},{"b":2}],[],[{"b":3}]],"c":[]}`, `{"a":[[{},{}],[],[{}]],"c":[[1,2],null,[3]]}`},
		{"append of an element to what it is in", "append a.0 a", `{"a":[[1,2],3]}`, `{"a":[3,1,2]}`},
		{"appended elements go on counting", "append a b; del b.0 b.2", `{"a":[1,2],"b":[3]}`, `{"b":[1]}`},

		{"operations see what those before them did", "move schools.42.students alumni; del schools; del alumni.*.password; move alumni.*.PK_ID alumni.*.id; append kids alumni",
			`{"schools":{"42":{"students":[{"PK_ID":1,"password":"x"},{"PK_ID":2}]}},"kids":[{"id":3}]}`, `{"alumni":[{"id":1},{"id":2},{"id":3}]}`},
		{"after a target, before a group", "target t; del a; group g", `{"t":{"a":1,"b":2}}`, `{"g":{"b":2}}`},
		{"instead of allow, deny and mapping", "del a; allow x; deny b; map b c", `{"a":1,"b":2}`, `{"b":2}`},
	} {
		t.Run(row.name+", "+row.ops, func(t *testing.T) {
			spec := specOf(row.ops)
			plan, err := Compile(*spec)
			if err != nil {
				t.Fatal(err)
			}
			v := parsed(t, row.in, plan.Depth())
			if err := plan.Apply(v); err != nil {
				t.Fatal(err)
			}
			if got := printed(t, v); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
			if got, want := decoded(t, []byte(row.in)).shaped(*spec).text(t), decoded(t, []byte(row.want)).text(t); got != want {
				t.Errorf("the reference says %s, want %s", got, want)
			}
		})
	}
}

// place is a value and where it is in the reference.
type place struct {
	up   *doc
	at   *doc
	path []string
}

func (d *doc) index(name string) int {
	switch d.kind {
	case '{':
		return slices.Index(d.keys, name)
	case '[':
		if n, err := strconv.Atoi(name); err == nil && strconv.Itoa(n) == name {
			return slices.Index(d.labels, n)
		}
	}
	return -1
}

func (d *doc) name(i int) string {
	if d.kind == '{' {
		return d.keys[i]
	}
	return strconv.Itoa(d.labels[i])
}

func (d *doc) places(path []string) []place {
	found := []place{{at: d}}
	for _, name := range path {
		var next []place
		for _, p := range found {
			for i, value := range p.at.values {
				if name == "*" || p.at.index(name) == i {
					next = append(next, place{p.at, value, append(slices.Clone(p.path), p.at.name(i))})
				}
			}
		}
		found = next
	}
	return found
}

func (p place) detach() { p.up.remove(slices.Index(p.up.values, p.at)) }

func (d *doc) flatmap(op Op) {
	src := op.Args[0]
	switch op.Type {
	case "del":
		for _, path := range op.Args {
			for _, p := range d.places(path) {
				p.detach()
			}
		}
		return
	case "append":
		to := d.places(op.Args[1])
		list, ok := d.collect(src)
		if len(to) == 1 && to[0].at.kind == '[' && ok {
			for _, p := range d.places(src) {
				p.detach()
			}
			for _, value := range list {
				to[0].at.push(value)
			}
		}
		return
	}
	for _, p := range d.places(src) {
		d.move(p, src, op.Args[1])
	}
}

func (d *doc) move(p place, src, dst []string) {
	last := len(src) - 1
	own, name := p.up.name(slices.Index(p.up.values, p.at)), dst[len(dst)-1]
	switch {
	case len(src) == len(dst):
		if p.up.kind == '{' && name != own {
			if i := p.up.index(name); i >= 0 {
				p.up.remove(i)
			}
			p.up.keys[slices.Index(p.up.values, p.at)] = name
		}
	case len(src) > len(dst):
		way := slices.Clone(dst[:len(dst)-1])
		for i := range way {
			if way[i] == "*" {
				way[i] = p.path[i]
			}
		}
		if d.can(way) {
			p.detach()
			d.ensure(way).place(name, p.at)
		}
	case dst[last] == src[last]:
		shell := &doc{kind: '{'}
		p.up.values[slices.Index(p.up.values, p.at)] = shell
		shell.ensure(dst[last+1:len(dst)-1]).place(name, p.at)
	case p.up.kind == '[' && p.up.index(dst[last]) < 0:
	default:
		p.detach()
		at := p.up
		for _, step := range dst[last : len(dst)-1] {
			if at.kind == '[' && at.index(step) < 0 {
				break
			}
			at = at.ensure([]string{step})
		}
		at.place(name, p.at)
	}
}

// can reports whether a way exists or may be made: not through an element that is not there.
func (d *doc) can(way []string) bool {
	for _, name := range way {
		i := d.index(name)
		if i < 0 {
			return d.kind != '['
		}
		d = d.values[i]
	}
	return true
}

func (d *doc) ensure(way []string) *doc {
	for _, name := range way {
		d.object()
		i := d.index(name)
		if i < 0 {
			d.set(name, &doc{kind: '{'})
			i = d.index(name)
		}
		d = d.values[i]
	}
	return d
}

func (d *doc) object() {
	if d.kind != '{' && d.kind != '[' {
		*d = doc{kind: '{'}
	}
}

func (d *doc) place(name string, value *doc) {
	if d.object(); d.kind == '[' {
		d.push(value)
		return
	}
	d.set(name, value)
}

// collect is what append takes from a path, and whether it is a list.
func (d *doc) collect(path []string) ([]*doc, bool) {
	if i := slices.Index(path, "*"); i >= 0 {
		found := d.places(path[:i])
		if len(found) != 1 || len(found[0].at.values) == 0 {
			return nil, false
		}
		var list []*doc
		for _, value := range found[0].at.values {
			list = append(list, value.gathered(path[i+1:]))
		}
		return list, true
	}
	found := d.places(path)
	if len(found) != 1 || found[0].at.kind != '[' {
		return nil, false
	}
	return found[0].at.values, true
}

func (d *doc) gathered(path []string) *doc {
	if strings.Contains(strings.Join(path, "."), "*") {
		list, ok := d.collect(path)
		if !ok {
			return &doc{kind: 'n'}
		}
		out := &doc{kind: '['}
		for _, value := range list {
			out.push(value)
		}
		return out
	}
	found := d.places(path)
	if len(found) != 1 {
		return &doc{kind: 'n'}
	}
	return found[0].at
}

package rawjson

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// action is what an operation does; a move is one of three, by the lengths of its paths.
type action uint8

const (
	rename  action = iota // as long: the last segment gets the new name, in place; the rest of dst is not looked at
	promote               // shorter: goes up to dst, which counts from the top
	embed                 // longer: goes into what dst adds to src, from where it was
	remove
	concat
)

// operation is a compiled Op.
type operation struct {
	action action
	paths  [][]string // src and dst; for remove all that it removes
	keys   [][]byte   // dst, quoted
}

// compileFlatmap compiles all operations, says how deep they look, and returns all mistakes.
func compileFlatmap(ops []Op) (compiled []operation, depth int, mistakes []error) {
	for i, op := range ops {
		o, err := compileOp(op)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("flatmap operation %d, %s: %w", i, op.Type, err))
			continue
		}
		compiled = append(compiled, o)
		for _, path := range op.Args {
			depth = max(depth, len(path))
		}
	}
	return compiled, depth, mistakes
}

// Check says what is wrong with one operation.
func (op Op) Check() error {
	_, err := compileOp(op)
	return err
}

func compileOp(op Op) (operation, error) {
	for _, arg := range op.Args {
		if len(arg) == 0 {
			return operation{}, fmt.Errorf("an empty path, want a key")
		}
	}
	switch op.Type {
	case "move", "append":
		if len(op.Args) != 2 {
			return operation{}, fmt.Errorf("got %s, want 2: from and to", counted(len(op.Args)))
		}
	case "del":
		if len(op.Args) == 0 {
			return operation{}, fmt.Errorf("got no arguments, want the paths to delete")
		}
		return operation{action: remove, paths: op.Args}, nil
	default:
		return operation{}, fmt.Errorf("no such type, want move, del or append")
	}
	o := operation{paths: op.Args}
	for _, key := range op.Args[1] {
		o.keys = append(o.keys, quoted(key))
	}
	if op.Type == "append" {
		o.action = concat
		return o, checkAppend(op.Args[0], op.Args[1])
	}
	return o, o.compileMove(op.Args[0], op.Args[1])
}

func (o *operation) compileMove(src, dst []string) error {
	if src[len(src)-1] == "*" || dst[len(dst)-1] == "*" {
		return fmt.Errorf("a path ends in *, want a name there")
	}
	switch {
	case len(src) == len(dst):
		o.action = rename
	case len(src) > len(dst):
		o.action = promote
	default:
		o.action = embed
		if slices.Contains(dst[len(src)-1:], "*") {
			return fmt.Errorf("a * in what %s adds, want names there", strings.Join(dst, "."))
		}
	}
	return nil
}

func checkAppend(src, dst []string) error {
	if slices.Contains(dst, "*") {
		return fmt.Errorf("a * in %s, want one array", strings.Join(dst, "."))
	}
	for i, key := range src {
		if i == len(dst) || key != "*" && key != dst[i] {
			return nil
		}
	}
	return fmt.Errorf("%s is inside %s, which goes", strings.Join(dst, "."), strings.Join(src, "."))
}

// flatten runs operations on an object. Only what they touch is taken apart and printed anew. depth is how deep they
// look.
func (v *Value) flatten(ops []operation, depth int) error {
	t := &v.tree
	t.reset()
	t.v, t.depth = v, depth
	if v.edited {
		v.nodes = v.nodes[:0] // of what it was before
		t.plant(v.members)
	} else {
		if err := v.index(depth); err != nil {
			return err
		}
		t.grow()
	}
	for i := range ops {
		t.run(&ops[i])
	}
	if t.over == nil && t.items[0].changed {
		t.harvest()
	}
	return t.over
}

func (t *tree) run(o *operation) {
	switch o.action {
	case remove:
		for _, path := range o.paths {
			t.remove(path)
		}
	case concat:
		t.concat(o.paths[0], o.paths[1])
	default:
		t.move(o)
	}
}

// remove deletes what a path leads to. An element keeps its number when those before it go.
func (t *tree) remove(path []string) {
	for _, at := range t.match(path) {
		t.detach(at)
	}
}

func (t *tree) move(o *operation) {
	src, dst := o.paths[0], o.paths[1]
	last := len(src) - 1
	for _, at := range t.match(src) {
		parent := t.items[at].up
		switch o.action {
		case rename:
			if t.items[parent].kind == '{' {
				t.relabel(at, dst[last], o.keys[last])
			}
		case promote:
			if to, ok := t.above(at, len(src), dst, o.keys); ok {
				t.detach(at)
				t.put(to, at, dst[len(dst)-1], o.keys[len(dst)-1])
			}
		case embed:
			t.embed(at, src[last], dst[last:], o.keys[last:])
		}
	}
}

// above finds the place for a promotion; * is what it was on the way down to the item. What is not there is made.
func (t *tree) above(at int32, depth int, dst []string, keys [][]byte) (int32, bool) {
	place := int32(0)
	for i := range len(dst) - 1 {
		name, key := dst[i], keys[i]
		if name == "*" {
			passed := at
			for range depth - 1 - i {
				passed = t.items[passed].up
			}
			name, key = t.label(passed)
		}
		var ok bool
		if place, ok = t.enter(place, name, key); !ok {
			return 0, false
		}
	}
	return place, true
}

// embed puts an item into new or known objects beside it. If the first of them has its own name it stays in its place.
func (t *tree) embed(at int32, own string, dst []string, keys [][]byte) {
	last := len(dst) - 1
	place := t.items[at].up
	if dst[0] == own {
		shell := t.wrap(at)
		place, dst, keys, last = shell, dst[1:], keys[1:], last-1
	} else {
		array := t.items[place].kind == '['
		if array && t.child(place, dst[0]) < 0 {
			return
		}
		t.detach(at)
	}
	for i := range last {
		next, ok := t.enter(place, dst[i], keys[i])
		if !ok {
			break // an array in the way: the value becomes its last element
		}
		place = next
	}
	t.put(place, at, dst[last], keys[last])
}

// concat moves the elements of one array to the end of another. With * in src they are what it matches, null where
// something is missing, one array for each further *.
func (t *tree) concat(src, dst []string) {
	to := int32(0)
	for _, name := range dst {
		if to = t.child(to, name); to < 0 {
			return
		}
	}
	if t.items[to].kind != '[' {
		return
	}
	from := t.gather(0, src)
	if from < 0 || t.items[from].kind != '[' {
		return
	}
	t.remove(src)
	t.open(from)
	t.open(to)
	for c := t.items[from].first; c >= 0; {
		next := t.items[c].next
		t.push(to, c)
		c = next
	}
}

// gather is the item that src means, or a new array of copies where it has a *; -1 if there is none.
func (t *tree) gather(at int32, src []string) int32 {
	for i, name := range src {
		if name != "*" {
			if at = t.child(at, name); at < 0 {
				return -1
			}
			continue
		}
		t.open(at)
		if t.items[at].first < 0 {
			return -1
		}
		list := t.made(nil, '[')
		for c := t.items[at].first; c >= 0; c = t.items[c].next {
			found := t.gather(c, src[i+1:])
			if found < 0 {
				t.push(list, t.add(nil, []byte("null"), 'n', -1))
				continue
			}
			t.push(list, t.twin(found))
		}
		return list
	}
	return at
}

func counted(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

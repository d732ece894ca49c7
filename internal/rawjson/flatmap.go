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
		for i, path := range op.Args {
			if i == 0 || o.action != embed { // what an embedded value comes into is looked into if it is there
				depth = max(depth, len(path))
			}
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
		v.raw, v.edited = v.whole(), false
	}
	if err := v.index(depth); err != nil {
		return err
	}
	t.grow()
	for i := range ops {
		if t.over == nil {
			t.work = 0
			t.run(&ops[i])
		}
	}
	if t.over == nil && t.is(t.top, changed) {
		t.harvest()
	}
	if t.over != nil {
		v.forget()
	}
	return t.over
}

func (t *tree) run(o *operation) {
	switch o.action {
	case remove:
		for _, path := range o.paths {
			t.delete(path)
		}
	case concat:
		t.concat(o.paths[0], o.paths[1])
	default:
		t.move(o)
	}
}

// delete removes what a path leads to.
func (t *tree) delete(path []string) {
	for _, at := range t.match(path) {
		t.remove(at)
	}
}

func (t *tree) move(o *operation) {
	src, dst := o.paths[0], o.paths[1]
	last := len(src) - 1
	keys := t.names[:0]
	for _, key := range o.keys {
		keys = append(keys, t.bring(key))
	}
	t.names = keys
	for _, at := range t.match(src) {
		if t.over != nil {
			return
		}
		parent := t.link(at).up
		switch o.action {
		case rename:
			if t.node(parent).kind == '{' {
				t.relabel(at, dst[last], keys[last])
			}
		case promote:
			if to, ok := t.above(at, len(src), dst, keys); ok {
				t.lift(at)
				t.put(to, at, dst[len(dst)-1], keys[len(dst)-1])
			}
		case embed:
			t.embed(at, src[last], dst[last:], keys[last:])
		}
	}
}

// above finds the place for a promotion; * is what it was on the way down to the item. What is not there is made.
func (t *tree) above(at uint32, depth int, dst []string, keys []span) (uint32, bool) {
	place := t.top
	for i := range len(dst) - 1 {
		name, key := dst[i], keys[i]
		if name == "*" {
			passed := at
			for range depth - 1 - i {
				passed = t.link(passed).up
			}
			if t.link(passed).up == place && !t.is(passed, gone) {
				place = passed // no other child has its name
				continue
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
func (t *tree) embed(at uint32, own string, dst []string, keys []span) {
	last := len(dst) - 1
	place := t.link(at).up
	if dst[0] == own {
		shell := t.wrap(at)
		place, dst, keys, last = shell, dst[1:], keys[1:], last-1
	} else {
		array := t.node(place).kind == '['
		if array && t.child(place, dst[0]) == nobody {
			return
		}
		t.lift(at)
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
	to := t.top
	for _, name := range dst {
		if to = t.child(to, name); to == nobody {
			return
		}
	}
	if t.node(to).kind != '[' {
		return
	}
	from := t.gather(t.top, src)
	if from == nobody || t.node(from).kind != '[' {
		return
	}
	t.delete(src)
	t.open(from)
	t.open(to)
	for c := t.first(from); c != nobody && t.over == nil; {
		next := t.after(c)
		t.push(to, c)
		c = next
	}
}

// gather is the item that src means, or a new array of copies where it has a *; nobody if there is none.
func (t *tree) gather(at uint32, src []string) uint32 {
	for i, step := range src {
		if step != "*" {
			if at = t.child(at, step); at == nobody {
				return nobody
			}
			continue
		}
		t.open(at)
		if t.first(at) == nobody {
			return nobody
		}
		list := t.make(span{}, '[')
		for c := t.first(at); c != nobody && t.over == nil; c = t.after(c) {
			found := t.gather(c, src[i+1:])
			if found == nobody {
				found = t.nothing()
			} else if !t.is(found, gone) { // no list that was just made
				found = t.twin(found)
			}
			t.push(list, found)
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

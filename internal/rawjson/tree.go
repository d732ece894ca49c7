package rawjson

import (
	"slices"
	"strconv"
)

// item is a value in a tree. What nobody looked into is raw; what was taken apart has its children in a list.
type item struct {
	key     []byte // quoted, in an object
	raw     []byte
	number  int   // in an array: where it was when the array was taken apart
	node    int32 // where raw is indexed; -1: not yet
	kind    byte
	opened  bool
	changed bool // it, or something in it, is not raw any more

	up, first, last, prev, next int32 // -1: none
	count                       int   // how many children it ever had: the number of the next
}

// tree is a value taken apart where operations need it. Item 0 is the top. Memory is kept.
type tree struct {
	v     *Value // whose nodes index what is raw
	depth int    // how deep to index what is not
	over  error  // something could not be looked into
	items []item
	found []int32
}

func (t *tree) reset() {
	clear(t.items)
	t.v, t.over, t.items, t.found = nil, nil, kept(t.items, 1<<13), kept(t.found, 1<<17)
}

// add makes an item without a place; its node is -1 or what raw is indexed by.
func (t *tree) add(key, raw []byte, kind byte, node int32) int32 {
	if len(t.items) == cap(t.items) {
		t.items = append(t.items, item{})
	} else {
		t.items = t.items[:len(t.items)+1]
	}
	it := &t.items[len(t.items)-1]
	it.key, it.raw, it.kind, it.node = key, raw, kind, node
	it.opened, it.changed, it.number, it.count = false, false, 0, 0
	it.up, it.first, it.last, it.prev, it.next = -1, -1, -1, -1, -1
	return int32(len(t.items) - 1)
}

// made is an empty object or array that was not there.
func (t *tree) made(key []byte, kind byte) int32 {
	c := t.add(key, nil, kind, -1)
	t.items[c].opened, t.items[c].changed = true, true
	return c
}

// grow makes the value, which is indexed, the top.
func (t *tree) grow() {
	t.add(nil, t.v.raw, '{', int32(t.v.root))
	t.open(0)
}

// plant makes the top an object of these members.
func (t *tree) plant(members []Member) {
	t.made(nil, '{')
	for _, m := range members {
		t.link(0, t.add(m.Key, m.Value, kindOf(m.Value), -1))
	}
	t.items[0].changed = false
}

// harvest makes the value's members what the tree has become.
func (t *tree) harvest() {
	v := t.v
	v.members = v.members[:0]
	v.reserve(len(v.raw))
	for c := t.items[0].first; c >= 0; c = t.items[c].next {
		it := &t.items[c]
		value := it.raw
		if it.changed {
			mark := len(v.buf)
			v.buf = t.print(v.buf, c)
			value = v.buf[mark:len(v.buf):len(v.buf)]
		}
		v.members = append(v.members, Member{it.key, value})
	}
	v.become()
	v.escaped = true
}

func (t *tree) print(dst []byte, at int32) []byte {
	it := &t.items[at]
	if !it.changed {
		return append(dst, it.raw...)
	}
	dst = append(dst, it.kind)
	for c := it.first; c >= 0; c = t.items[c].next {
		if c != it.first {
			dst = append(dst, ',')
		}
		if it.kind == '{' {
			dst = append(append(dst, t.items[c].key...), ':')
		}
		dst = t.print(dst, c)
	}
	return append(dst, it.kind+2) // '{' and '}', '[' and ']' are two apart
}

// kindOf is the kind of valid JSON without white space before it.
func kindOf(raw []byte) byte {
	if c := raw[0]; c == '-' || c-'0' <= 9 {
		return '0'
	}
	return raw[0]
}

// open takes an item apart.
func (t *tree) open(at int32) {
	it := &t.items[at]
	if it.opened || it.kind != '{' && it.kind != '[' {
		return
	}
	it.opened = true
	v, raw, object := t.v, it.raw, it.kind == '{'
	if it.node < 0 || !v.nodes[it.node].open {
		it.node = int32(len(v.nodes))
		nodes, end, bad := scan(raw, t.depth, maxNest, v.nodes, &v.nest)
		if bad == 0 && crowded(nodes, int(it.node), &v.nest) {
			bad = tooMany
		}
		if bad != 0 {
			it.node, t.over = -1, bad.reedited(end)
			return
		}
		v.nodes = nodes
	}
	top := &v.nodes[it.node]
	first, last, zero := uint32(it.node)+1, top.next, top.at
	v.keys.clear()
	base := int32(len(t.items))
	if last-first > fewNodes {
		n := members(v.nodes, int(it.node))
		t.items = slices.Grow(t.items, n)
		if object {
			v.keys.expect(n)
		}
	}
	for c := first; c < last; c = v.nodes[c].next {
		n := &v.nodes[c]
		value := raw[n.at-zero : n.end-zero : n.end-zero]
		if !object {
			t.link(at, t.add(nil, value, n.kind, int32(c)))
			continue
		}
		key := raw[n.key-zero : n.keyEnd-zero : n.keyEnd-zero]
		if i, fresh := v.keys.put(key, n.escaped); !fresh {
			known := &t.items[base+int32(i)]
			known.raw, known.kind, known.node = value, n.kind, int32(c)
			t.touch(at)
			continue
		}
		t.link(at, t.add(key, value, n.kind, int32(c)))
	}
}

// link makes c the last child of at.
func (t *tree) link(at, c int32) {
	it, child := &t.items[at], &t.items[c]
	child.up, child.prev, child.next, child.number = at, it.last, -1, it.count
	if it.last >= 0 {
		t.items[it.last].next = c
	} else {
		it.first = c
	}
	it.last = c
	it.count++
}

// push is link as an edit.
func (t *tree) push(at, c int32) {
	t.link(at, c)
	t.touch(at)
}

// touch marks an item and all that it is in as changed.
func (t *tree) touch(at int32) {
	for ; at >= 0 && !t.items[at].changed; at = t.items[at].up {
		t.items[at].changed = true
	}
}

// detach takes an item out of its parent. It still says where it was: other moves may ask for names on its way.
func (t *tree) detach(c int32) {
	child := &t.items[c]
	up := &t.items[child.up]
	if child.prev >= 0 {
		t.items[child.prev].next = child.next
	} else {
		up.first = child.next
	}
	if child.next >= 0 {
		t.items[child.next].prev = child.prev
	} else {
		up.last = child.prev
	}
	t.touch(child.up)
	child.prev, child.next = -1, -1
}

// child is the member or element of that name, -1 if there is none.
func (t *tree) child(at int32, name string) int32 {
	t.open(at)
	it := &t.items[at]
	if it.kind == '[' {
		number, ok := position(name)
		if !ok {
			return -1
		}
		for c := it.first; c >= 0; c = t.items[c].next {
			if t.items[c].number == number {
				return c
			}
		}
		return -1
	}
	for c := it.first; c >= 0; c = t.items[c].next {
		if keyIs(t.items[c].key, true, name) {
			return c
		}
	}
	return -1
}

// match is all that a path leads to, in order; * is every child.
func (t *tree) match(path []string) []int32 {
	t.found = append(t.found[:0], 0)
	from := 0
	for _, name := range path {
		to := len(t.found)
		for i := from; i < to; i++ {
			if name != "*" {
				if c := t.child(t.found[i], name); c >= 0 {
					t.found = append(t.found, c)
				}
				continue
			}
			t.open(t.found[i])
			for c := t.items[t.found[i]].first; c >= 0; c = t.items[c].next {
				t.found = append(t.found, c)
			}
		}
		from = to
	}
	return t.found[from:]
}

// label is the name of an item, and its key.
func (t *tree) label(c int32) (string, []byte) {
	it := &t.items[c]
	if t.items[it.up].kind == '[' {
		name := strconv.Itoa(it.number)
		return name, AppendString(nil, name)
	}
	name, _ := Unquote(it.key)
	return name, it.key
}

// enter goes to a child on the way of a move. One that is missing is made, a scalar in the way gives way to an object;
// an array has only what it has.
func (t *tree) enter(at int32, name string, key []byte) (int32, bool) {
	t.shell(at)
	if c := t.child(at, name); c >= 0 {
		return c, true
	}
	if t.items[at].kind == '[' {
		return 0, false
	}
	c := t.made(key, '{')
	t.push(at, c)
	return c, true
}

// shell makes an empty object of a scalar.
func (t *tree) shell(at int32) {
	if k := t.items[at].kind; k != '{' && k != '[' {
		t.items[at].kind, t.items[at].opened = '{', true
		t.touch(at)
	}
}

// put makes c a member, in the place of one that has its name, or an array's last element.
func (t *tree) put(at, c int32, name string, key []byte) {
	t.shell(at)
	if t.items[at].kind == '{' {
		if old := t.child(at, name); old >= 0 {
			t.items[c].key = t.items[old].key
			t.replace(old, c)
			return
		}
		t.items[c].key = key
	}
	t.open(at)
	t.push(at, c)
}

// replace puts c where old is.
func (t *tree) replace(old, c int32) {
	o, it := t.items[old], &t.items[c]
	it.up, it.prev, it.next, it.number = o.up, o.prev, o.next, o.number
	if o.prev >= 0 {
		t.items[o.prev].next = c
	} else {
		t.items[o.up].first = c
	}
	if o.next >= 0 {
		t.items[o.next].prev = c
	} else {
		t.items[o.up].last = c
	}
	t.touch(o.up)
}

// wrap puts a new object where c is and leaves c without a place.
func (t *tree) wrap(c int32) int32 {
	shell := t.made(t.items[c].key, '{')
	t.replace(c, shell)
	return shell
}

// relabel renames a member in place; another one of that name goes.
func (t *tree) relabel(c int32, name string, key []byte) {
	old := t.child(t.items[c].up, name)
	if old == c {
		return
	}
	if old >= 0 {
		t.detach(old)
	}
	t.items[c].key = key
	t.touch(t.items[c].up)
}

// twin is a copy of an item that may stand elsewhere. The original is about to go.
func (t *tree) twin(c int32) int32 {
	copied := t.items[c]
	copied.up, copied.prev, copied.next, copied.key = -1, -1, -1, nil
	t.items = append(t.items, copied)
	at := int32(len(t.items) - 1)
	for k := copied.first; k >= 0; k = t.items[k].next {
		t.items[k].up = at
	}
	return at
}

package rawjson

import "strconv"

// item is a value in a tree. What nobody looked into is raw; what was taken apart has its children in a list.
type item struct {
	key     []byte // quoted, in an object
	number  int    // in an array: where it was when the array was taken apart
	raw     []byte
	kind    byte
	opened  bool
	changed bool // it, or something in it, is not raw any more

	up, first, last, prev, next int32 // -1: none
	count                       int   // how many children it ever had: the number of the next
}

// tree is a value taken apart where operations need it. Item 0 is the top. Memory is kept.
type tree struct {
	v     *Value
	items []item
	found []int32
	room  []byte
}

func (t *tree) reset() {
	clear(t.items)
	t.v, t.items, t.found, t.room = nil, t.items[:0], t.found[:0], t.room[:0]
}

func (t *tree) add(i item) int32 {
	i.up, i.first, i.last, i.prev, i.next = -1, -1, -1, -1, -1
	t.items = append(t.items, i)
	return int32(len(t.items) - 1)
}

// plant makes the top an object of these members.
func (t *tree) plant(members []Member, changed bool) {
	t.add(item{kind: '{', opened: true, changed: changed})
	for _, m := range members {
		t.push(0, t.add(item{key: m.Key, raw: m.Value, kind: kindOf(m.Value)}))
	}
	t.items[0].changed = changed
}

// harvest makes the value's members what the tree has become.
func (t *tree) harvest() {
	v := t.v
	v.members = v.members[:0]
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
	v, raw, kind := t.v, it.raw, it.kind
	nodes, _, bad := scan(raw, 1, maxNest, v.more[:0], &v.nest)
	if v.more = nodes; bad != 0 {
		return
	}
	v.keys.reset()
	base := int32(len(t.items))
	for c := uint32(1); c < uint32(len(nodes)); c = nodes[c].next {
		n := &nodes[c]
		child := item{raw: raw[n.at:n.end:n.end], kind: n.kind}
		if kind == '{' {
			child.key = raw[n.key:n.keyEnd:n.keyEnd]
			if i, fresh := v.keys.put(child.key, n.escaped); !fresh {
				twin := &t.items[base+int32(i)]
				twin.raw, twin.kind = child.raw, child.kind
				t.touch(at)
				continue
			}
		}
		t.link(at, t.add(child))
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
	c := t.add(item{key: key, kind: '{', opened: true, changed: true})
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
	shell := t.add(item{key: t.items[c].key, kind: '{', opened: true, changed: true})
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

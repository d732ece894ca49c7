package rawjson

import "strconv"

// touch marks an item and all that it is in as changed.
func (t *tree) touch(at uint32) {
	for ; at != nobody && !t.is(at, changed); at = t.link(at).up {
		t.node(at).state |= changed
	}
}

// push makes c the last child of at.
func (t *tree) push(at, c uint32) {
	t.node(c).state &^= gone
	l := t.link(c)
	l.up, l.next = at, nobody
	last := t.last(at)
	if last == nobody {
		t.link(at).first = c
	} else {
		t.link(last).next = c
	}
	n := t.node(at)
	n.next, n.state = c, n.state|tailed
	t.touch(at)
}

// last is the last child, gone or not.
func (t *tree) last(at uint32) uint32 {
	if n := t.node(at); n.state&tailed != 0 {
		return n.next
	}
	last := uint32(nobody)
	for c := t.link(at).first; c != nobody; c = t.link(c).next {
		last = c
	}
	return last
}

// remove takes an item out of its parent. It still says where it was.
func (t *tree) remove(c uint32) {
	t.node(c).state |= gone
	t.touch(t.link(c).up)
}

// lift is remove of what is to stand elsewhere: its place is closed, or, in an array, kept by something else. It still says
// where it was: other moves may ask for names on its way.
func (t *tree) lift(c uint32) {
	up := t.link(c).up
	if t.node(up).kind == '[' {
		hole := t.make(span{}, 'n')
		t.replace(c, hole)
		t.node(hole).state |= gone
		return
	}
	next := t.link(c).next
	if t.relink(c, next) && next == nobody {
		t.node(up).state &^= tailed
	}
	t.remove(c)
}

// relink makes what stood before c stand before another one, and says whether anything did.
func (t *tree) relink(c, to uint32) bool {
	up := t.link(c).up
	at := &t.link(up).first
	for *at != c {
		if *at == nobody || !t.step() {
			return false
		}
		at = &t.link(*at).next
	}
	*at = to
	return true
}

// replace puts c where old is.
func (t *tree) replace(old, c uint32) {
	o, l := t.link(old), t.link(c)
	l.up, l.next = o.up, o.next
	t.node(c).state &^= gone
	t.node(old).state |= gone
	t.relink(old, c)
	if up := t.node(o.up); up.state&tailed != 0 && up.next == old {
		up.next = c
	}
	t.touch(o.up)
}

// wrap puts a new object where c is and leaves c without a place.
func (t *tree) wrap(c uint32) uint32 {
	n := t.node(c)
	shell := t.make(span{n.key, n.keyEnd}, '{')
	t.replace(c, shell)
	return shell
}

// relabel renames a member in place; another one of that name goes.
func (t *tree) relabel(c uint32, to string, key span) {
	up := t.link(c).up
	old := t.child(up, to)
	if old == c {
		return
	}
	if old != nobody {
		t.remove(old)
	}
	n := t.node(c)
	n.key, n.keyEnd = key.at, key.end
	t.touch(up)
}

// twin is a copy of an item that may stand elsewhere. The original is about to go.
func (t *tree) twin(c uint32) uint32 {
	t.open(c) // what is made has no nodes behind it
	at := t.make(span{}, 0)
	*t.node(at), *t.link(at) = *t.node(c), *t.link(c)
	for k := t.link(at).first; k != nobody; k = t.link(k).next {
		t.link(k).up = at
	}
	return at
}

// nothing is a null.
func (t *tree) nothing() uint32 {
	if t.null == (span{}) {
		t.null = t.bring([]byte("null"))
	}
	c := t.make(span{}, 'n')
	n := t.node(c)
	n.at, n.end, n.state = t.null.at, t.null.end, n.state&^changed
	return c
}

// enter goes to a child on the way of a move. One that is missing is made, a scalar in the way gives way to an object;
// an array has only what it has.
func (t *tree) enter(at uint32, name string, key span) (uint32, bool) {
	t.shell(at)
	if c := t.child(at, name); c != nobody {
		return c, true
	}
	if t.node(at).kind == '[' {
		return 0, false
	}
	c := t.make(key, '{')
	t.push(at, c)
	return c, true
}

// shell makes an empty object of a scalar.
func (t *tree) shell(at uint32) {
	if n := t.node(at); n.kind != '{' && n.kind != '[' {
		n.kind = '{'
		n.state |= opened
		t.touch(at)
	}
}

// put makes c a member, in the place of one that has its name, or an array's last element.
func (t *tree) put(at, c uint32, name string, key span) {
	t.shell(at)
	t.open(at)
	if t.node(at).kind == '{' {
		old := t.child(at, name)
		if old != nobody {
			o := t.node(old)
			key = span{o.key, o.keyEnd}
		}
		n := t.node(c)
		n.key, n.keyEnd = key.at, key.end
		if old != nobody {
			t.replace(old, c)
			return
		}
	}
	t.push(at, c)
}

// label is the name of an item, and its key.
func (t *tree) label(c uint32) (string, span) {
	up := t.link(c).up
	if t.node(up).kind == '[' {
		number := 0
		for k := t.link(up).first; k != c && k != nobody && t.step(); k = t.link(k).next {
			number++
		}
		said := strconv.Itoa(number)
		return said, t.bring(AppendString(nil, said))
	}
	n := t.node(c)
	said, _ := Unquote(t.bytes(n.key, n.keyEnd))
	return said, span{n.key, n.keyEnd}
}

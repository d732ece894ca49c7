package rawjson

import "slices"

// mostPrinted is how much a value may become by edits, unless twice what it was is more: long names in many places are
// much more than came.
const mostPrinted = 20 << 20

// harvest makes the value's members what the tree has become.
func (t *tree) harvest() {
	v := t.v
	count, size := 0, 0
	for c := t.first(t.top); c != nobody; c = t.after(c) {
		n := t.node(c)
		count++
		if n.key >= t.base {
			size += int(n.keyEnd - n.key)
		}
		if n.state&changed != 0 {
			size += t.size(c)
		}
	}
	if size > max(mostPrinted, 2*int(t.base)) {
		t.fail(&SyntaxError{fault: tooMany})
		return
	}
	v.fresh(size)
	v.members = slices.Grow(v.members[:0], count)
	for c := t.first(t.top); c != nobody; c = t.after(c) {
		n := t.node(c)
		key, value := t.bytes(n.key, n.keyEnd), t.bytes(n.at, n.end)
		mark := len(v.buf)
		if n.key >= t.base { // the next operations bring keys of their own
			v.buf = append(v.buf, key...)
			key = v.buf[mark:len(v.buf):len(v.buf)]
			mark = len(v.buf)
		}
		if n.state&changed != 0 {
			v.buf = t.print(v.buf, c)
			value = v.buf[mark:len(v.buf):len(v.buf)]
		}
		v.members = append(v.members, Member{key, value})
	}
	v.become()
	v.escaped = true
}

// size is how long an item is.
func (t *tree) size(at uint32) int {
	n := t.node(at)
	if n.state&changed == 0 {
		return int(n.end - n.at)
	}
	size := 2
	for c := t.first(at); c != nobody; c = t.after(c) {
		if n.kind == '{' {
			k := t.node(c)
			size += int(k.keyEnd-k.key) + 1
		}
		size += t.size(c) + 1
	}
	return size
}

func (t *tree) print(dst []byte, at uint32) []byte {
	n := t.node(at)
	if n.state&changed == 0 {
		return append(dst, t.bytes(n.at, n.end)...)
	}
	dst = append(dst, n.kind)
	first := t.first(at)
	for c := first; c != nobody; c = t.after(c) {
		if c != first {
			dst = append(dst, ',')
		}
		if n.kind == '{' {
			dst = append(append(dst, t.key(c)...), ':')
		}
		dst = t.print(dst, c)
	}
	return append(dst, n.kind+2) // '{' and '}', '[' and ']' are two apart
}

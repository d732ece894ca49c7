package rawjson

import (
	"bytes"
	"fmt"
	"slices"
)

// branch is one level of allow or deny paths.
type branch struct {
	names   []string
	below   []*branch // for each name what is meant inside it; nil: all of it
	lengths uint64    // one bit for each length of a name, the last for all from 63: most keys are none of them at a glance
}

// find is the place of what a key says, or -1.
func (b *branch) find(key []byte) int {
	if b.lengths>>min(len(key), 63)&1 == 0 {
		return -1
	}
	for i, name := range b.names {
		if name == string(key) {
			return i
		}
	}
	return -1
}

// findRaw is find for a quoted key, which may have escapes.
func (b *branch) findRaw(raw []byte, escaped bool) int {
	raw = raw[1 : len(raw)-1]
	if escaped && bytes.IndexByte(raw, '\\') >= 0 {
		var room [64]byte
		return b.find(unescape(room[:0], raw))
	}
	return b.find(raw)
}

func (b *branch) add(name string) int {
	b.names = append(b.names, name)
	b.below = append(b.below, nil)
	b.lengths |= 1 << min(len(name), 63)
	return len(b.names) - 1
}

// compilePaths makes a tree of paths and says how deep it is. A path that ends inside another one wins over it: the union.
func compilePaths(paths [][]string, name string) (*branch, int, error) {
	if len(paths) == 0 {
		return nil, 0, nil
	}
	top, deep := &branch{}, 0
	for _, path := range paths {
		if len(path) == 0 {
			return nil, 0, fmt.Errorf("%s: an empty path, want a key", name)
		}
		deep = max(deep, len(path))
		top.grow(path)
	}
	return top, deep, nil
}

func (b *branch) grow(path []string) {
	at := b.find([]byte(path[0]))
	known := at >= 0
	if !known {
		at = b.add(path[0])
	}
	switch {
	case len(path) == 1:
		b.below[at] = nil
	case known && b.below[at] == nil: // all of it already
	default:
		if !known {
			b.below[at] = &branch{}
		}
		b.below[at].grow(path[1:])
	}
}

// deep reports whether something is meant inside a name.
func (b *branch) deep() bool {
	return slices.ContainsFunc(b.below, func(below *branch) bool { return below != nil })
}

// reserve makes room for n bytes that are going to be rewritten, if that is much: step by step it would take a multiple.
func (v *Value) reserve(n int) {
	if n > 1<<20 {
		v.fresh(n)
	}
}

// list makes v's members those of raw and reports whether a key stood twice.
func (v *Value) list() bool {
	v.members, v.listed, v.escaped = v.members[:0], true, false
	mark := len(v.rows)
	doubled := v.children(v.root)
	v.members = slices.Grow(v.members, len(v.rows)-mark)
	for _, c := range v.rows[mark:] {
		v.members = append(v.members, v.member(c))
		v.escaped = v.escaped || v.nodes[c].escaped
	}
	v.rows = v.rows[:mark]
	return doubled
}

// filter makes v's members what allow or deny leaves of raw and reports whether that is anything else than raw.
func (v *Value) filter(b *branch, allow bool) bool {
	v.members, v.listed, v.escaped = v.members[:0], true, false
	mark := len(v.rows)
	changed := v.children(v.root)
	v.members = slices.Grow(v.members, len(v.rows)-mark)
	for i := mark; i < len(v.rows); i++ {
		c := v.rows[i]
		m := v.member(c)
		start := len(v.buf)
		verdict := v.judge(c, b, allow)
		if verdict == drop {
			changed = true
			continue
		}
		if verdict == rewritten {
			changed = true
			m.Value = v.buf[start:len(v.buf):len(v.buf)]
		}
		v.members = append(v.members, m)
		v.escaped = v.escaped || v.nodes[c].escaped
	}
	v.rows = v.rows[:mark]
	return changed
}

type verdict uint8

const (
	keep verdict = iota
	drop
	rewritten
)

// judge says what becomes of a member; if it is rewritten its new value is at the end of buf, else nothing was added.
func (v *Value) judge(c uint32, b *branch, allow bool) verdict {
	n := &v.nodes[c]
	at := b.findRaw(v.src[n.key:n.keyEnd], n.escaped)
	switch {
	case at < 0 && allow:
		return drop
	case at < 0:
		return keep
	case b.below[at] == nil && allow:
		return keep
	case b.below[at] == nil:
		return drop
	case n.kind != '{' && allow:
		return drop
	case n.kind != '{':
		return keep
	}
	start := len(v.buf)
	left, changed := v.prune(c, b.below[at], allow)
	if allow && left == 0 || !changed {
		v.buf = v.buf[:start]
	}
	switch {
	case allow && left == 0:
		return drop
	case changed:
		return rewritten
	}
	return keep
}

// prune prints at the end of buf what is left of an object inside the value, and says how many members that is and
// whether it differs.
func (v *Value) prune(object uint32, b *branch, allow bool) (left int, changed bool) {
	mark := len(v.rows)
	changed = v.children(int(object))
	v.buf = append(v.buf, '{')
	for i := mark; i < len(v.rows); i++ {
		n := &v.nodes[v.rows[i]]
		start := len(v.buf)
		if left > 0 {
			v.buf = append(v.buf, ',')
		}
		v.buf = append(append(v.buf, v.src[n.key:n.keyEnd]...), ':')
		switch v.judge(v.rows[i], b, allow) {
		case drop:
			v.buf, changed = v.buf[:start], true
			continue
		case keep:
			v.buf = append(v.buf, v.src[n.at:n.end]...)
		case rewritten:
			changed = true
		}
		left++
	}
	v.rows = v.rows[:mark]
	v.buf = append(v.buf, '}')
	return left, changed
}

package rawjson

import (
	"fmt"
	"slices"
)

// Mode says what happens to a key that two parts have.
type Mode string

// The modes of Merge.
const (
	Shallow Mode = "shallow" // the later part's value
	Deep    Mode = "deep"    // objects are merged, anything else as Shallow
	Strict  Mode = "error"   // a mistake that names the key
)

// Merge makes dst the union of parts in their order: a key stands where it stood first. A part that is nil, no value or null
// is passed over; anything else must be an object. parts must outlive dst, and dst must not be one of them. After an error
// dst is no value.
func Merge(dst *Value, parts []*Value, mode Mode) error {
	dst.Reset()
	escaped := false
	for i, part := range parts {
		if part == nil || part.kind == 0 || part.kind == 'n' {
			continue
		}
		if part.kind != '{' {
			dst.Reset()
			return fmt.Errorf("part %d is not an object, want one", i)
		}
		listed := part.listed
		if err := part.Index(); err != nil {
			dst.Reset()
			return fmt.Errorf("part %d: %w", i, err)
		}
		members := part.Members()
		escaped = escaped || part.escaped
		if !listed && len(dst.members) == 0 {
			dst.adopt(part)
			continue
		}
		dst.expect(part, len(members))
		for _, m := range members {
			at, fresh := dst.keys.put(m.Key, part.escaped)
			if fresh {
				dst.members = append(dst.members, m)
				continue
			}
			old := &dst.members[at]
			switch {
			case mode == Strict:
				dst.Reset()
				return fmt.Errorf("part %d has the key %s, as one before it", i, m.Key)
			case mode == Deep && old.Value[0] == '{' && m.Value[0] == '{':
				if err := dst.fuse(&old.Value, m.Value); err != nil {
					dst.Reset()
					return err
				}
			default:
				old.Value = m.Value
			}
		}
	}
	dst.become()
	dst.escaped = escaped
	return nil
}

// adopt makes v's members those of the first part, whose list was just made; the part can make another one.
func (v *Value) adopt(part *Value) {
	v.allow(part)
	v.members, part.members = part.members, v.members[:0]
	v.keys, part.keys = part.keys, v.keys
	part.listed = false
}

// allow has what may be indexed of the whole be what may be of all parts. No value has less than two bytes.
func (v *Value) allow(part *Value) { v.nest.most += min(part.nest.bound(), part.Len()/2) }

// expect makes room for the members of a part.
func (v *Value) expect(part *Value, n int) {
	v.allow(part)
	v.members = slices.Grow(v.members, n)
	if n > few {
		v.keys.expect(n)
	}
}

// fuse merges the object b into the object a. The result is in v's buf.
func (v *Value) fuse(a *[]byte, b []byte) error {
	f := fusion{v: v, a: *a, b: b}
	nodes, end, bad := scan(f.a, maxNest, maxNest, v.more[:0], &v.nest)
	second := len(nodes)
	if bad == 0 {
		nodes, end, bad = scan(f.b, maxNest, maxNest, nodes, &v.nest)
	}
	if bad == 0 && crowded(nodes, 0, &v.nest) {
		bad = tooMany
	}
	if bad != 0 {
		return bad.reedited(end)
	}
	v.more = nodes
	v.reserve(len(f.a) + len(f.b))
	start := len(v.buf)
	f.object(0, uint32(second))
	*a = v.buf[start:len(v.buf):len(v.buf)]
	return nil
}

// fusion is two objects, indexed in v.more, on their way into one.
type fusion struct {
	v    *Value
	a, b []byte
}

// object prints the union of two objects, given by their nodes.
func (f *fusion) object(a, b uint32) {
	v := f.v
	mark := len(v.rows)
	f.pair(a, b)
	v.buf = append(v.buf, '{')
	for i := mark; i < len(v.rows); i += 2 {
		if i > mark {
			v.buf = append(v.buf, ',')
		}
		in, out := v.rows[i], v.rows[i+1]
		src, n := f.a, &v.more[in]
		if in == none {
			src, n = f.b, &v.more[out]
		}
		v.buf = append(append(v.buf, src[n.key:n.keyEnd]...), ':')
		switch {
		case out == none:
			v.buf = append(v.buf, src[n.at:n.end]...)
		case in != none && n.kind == '{' && v.more[out].kind == '{':
			f.object(in, out)
		default:
			v.buf = append(v.buf, f.b[v.more[out].at:v.more[out].end]...)
		}
	}
	v.buf = append(v.buf, '}')
	v.rows = v.rows[:mark]
}

// none stands for a node that is not there: node 0 is a whole text, never a member.
const none = 0

// pair pushes for each key of two objects its node in the first and its node in the second.
func (f *fusion) pair(a, b uint32) {
	v := f.v
	keys := &v.inner // Merge still needs v.keys
	keys.clear()
	mark := len(v.rows)
	if f.large(a) || f.large(b) {
		n := members(v.more, int(a)) + members(v.more, int(b))
		keys.expect(n)
		v.rows = slices.Grow(v.rows, 2*n)
	}
	for c := a + 1; c < v.more[a].next; c = v.more[c].next {
		n := &v.more[c]
		if i, fresh := keys.put(f.a[n.key:n.keyEnd], n.escaped); fresh {
			v.rows = append(v.rows, c, none)
		} else {
			v.rows[mark+2*i] = c
		}
	}
	for c := b + 1; c < v.more[b].next; c = v.more[c].next {
		n := &v.more[c]
		if i, fresh := keys.put(f.b[n.key:n.keyEnd], n.escaped); fresh {
			v.rows = append(v.rows, none, c)
		} else {
			v.rows[mark+2*i+1] = c
		}
	}
}

func (f *fusion) large(at uint32) bool { return f.v.more[at].next-at > fewNodes }

package rawjson

import (
	"bytes"
	"encoding/json"
	"slices"
)

// SetMembers makes v an object of these members; keys must be quoted JSON and unique.
func (v *Value) SetMembers(m []Member) {
	v.members = append(v.members[:0], m...)
	v.become()
	for i := range m {
		if bytes.IndexByte(m[i].Key, '\\') >= 0 {
			v.escaped = true
		}
	}
}

// become makes v the object that its members are.
func (v *Value) become() {
	v.kind, v.edited, v.listed, v.escaped, v.raw = '{', true, true, false, nil
	v.depth = 0
}

// Members are an object's members in order. A key that stands twice is listed once, where it stood first, with its last
// value. What is not an object has none.
func (v *Value) Members() []Member {
	if v.listed || v.kind != '{' {
		return v.members
	}
	_ = v.Index()
	v.list()
	return v.members
}

// Index sees to it that Members, or Elements, of what was not looked into so far are there. Without it a value of too many
// of them has none.
func (v *Value) Index() error {
	if v.listed || v.kind != '{' && v.kind != '[' {
		return nil
	}
	return v.index(1)
}

// index sees to it that raw is indexed down to depth, also where Parse was not asked to. It can only fail on what edits
// have made too deep and on too many values.
func (v *Value) index(depth int) error {
	if v.depth >= depth {
		return nil
	}
	nodes, end, bad := scan(v.raw, depth, maxNest, v.nodes[:0], &v.nest)
	if bad == 0 && crowded(nodes, 0, &v.nest) {
		bad = tooMany
	}
	if bad != 0 {
		v.forget()
		return bad.reedited(end)
	}
	v.src, v.nodes, v.root, v.depth = v.raw, nodes, 0, depth
	return nil
}

// forget is an index of nothing but the value itself.
func (v *Value) forget() {
	v.nodes = append(v.nodes[:0], node{kind: v.kind, end: uint32(len(v.raw)), next: 1})
	v.src, v.root, v.depth = v.raw, 0, 0
}

// member is what a node of an object stands for.
func (v *Value) member(c uint32) Member {
	n := &v.nodes[c]
	return Member{v.src[n.key:n.keyEnd:n.keyEnd], v.src[n.at:n.end:n.end]}
}

// children pushes the nodes of an object's members on rows, each key once (Members says which), and reports whether a
// key stood twice.
func (v *Value) children(object int) (doubled bool) {
	base := len(v.rows)
	last := v.nodes[object].next
	v.keys.clear()
	if int(last)-object > fewNodes {
		n := members(v.nodes, object)
		v.keys.expect(n)
		v.rows = slices.Grow(v.rows, n)
	}
	for c := uint32(object) + 1; c < last; c = v.nodes[c].next {
		n := &v.nodes[c]
		i, fresh := v.keys.put(v.src[n.key:n.keyEnd], n.escaped)
		if fresh {
			v.rows = append(v.rows, c)
			continue
		}
		v.rows[base+i], doubled = c, true
	}
	return doubled
}

// Elements are the values in an array, in order; nil for anything else.
func (v *Value) Elements() [][]byte {
	if v.kind != '[' {
		return nil
	}
	_ = v.index(1)
	v.elems = v.elems[:0]
	last := v.nodes[v.root].next
	for c := uint32(v.root) + 1; c < last; c = v.nodes[c].next {
		v.elems = append(v.elems, v.src[v.nodes[c].at:v.nodes[c].end:v.nodes[c].end])
	}
	return v.elems
}

// Get finds a value by keys (decoded strings; digits also index arrays) and returns its raw bytes. Without keys it is the
// whole value.
func (v *Value) Get(path ...string) ([]byte, bool) {
	switch {
	case v.kind == 0:
		return nil, false
	case len(path) == 0:
		return v.whole(), true
	case v.edited:
		for i := range v.members {
			if keyIs(v.members[i].Key, v.escaped, path[0]) {
				return v.inside(v.members[i].Value, path[1:])
			}
		}
		return nil, false
	}
	at := v.root
	for n, key := range path {
		if !v.nodes[at].open {
			return v.inside(v.src[v.nodes[at].at:v.nodes[at].end], path[n:])
		}
		if at = step(v.src, v.nodes, at, key); at < 0 {
			return nil, false
		}
	}
	n := &v.nodes[at]
	return v.src[n.at:n.end:n.end], true
}

// inside is Get on raw JSON that nobody has indexed.
func (v *Value) inside(raw []byte, path []string) ([]byte, bool) {
	for _, key := range path {
		if raw[0] != '{' && raw[0] != '[' { // a scalar has nothing in it
			return nil, false
		}
		var bad fault
		if v.more, _, bad = scan(raw, 1, maxNest, v.more[:0], &v.nest); bad != 0 {
			return nil, false
		}
		at := step(raw, v.more, 0, key)
		if at < 0 {
			return nil, false
		}
		raw = raw[v.more[at].at:v.more[at].end:v.more[at].end]
	}
	return raw, true
}

// step is the node of one member (the last of that key) or element, -1 if there is none.
func step(src []byte, nodes []node, at int, key string) int {
	n := &nodes[at]
	found, last := -1, int(n.next)
	switch n.kind {
	case '{':
		for c := at + 1; c < last; c = int(nodes[c].next) {
			if keyIs(src[nodes[c].key:nodes[c].keyEnd], nodes[c].escaped, key) {
				found = c
			}
		}
	case '[':
		want, ok := position(key)
		if !ok {
			return -1
		}
		c := at + 1
		for ; c < last && want > 0; c = int(nodes[c].next) {
			want--
		}
		if c < last {
			found = c
		}
	}
	return found
}

// position reads a path segment as the place of an element: digits, no sign, no leading zero.
func position(key string) (int, bool) {
	if len(key) == 0 || len(key) > 9 || len(key) > 1 && key[0] == '0' {
		return 0, false
	}
	n := 0
	for i := range len(key) {
		if key[i] < '0' || key[i] > '9' {
			return 0, false
		}
		n = n*10 + int(key[i]-'0')
	}
	return n, true
}

// whole is the value as one slice.
func (v *Value) whole() []byte {
	if !v.edited {
		return v.raw
	}
	v.fresh(v.Len())
	mark := len(v.buf)
	v.buf = v.Append(v.buf)
	return v.buf[mark:len(v.buf):len(v.buf)]
}

// fresh makes room for n bytes. Where that is much it is in another place: a copy of what is there would be a copy for
// nothing.
func (v *Value) fresh(n int) {
	switch {
	case cap(v.buf)-len(v.buf) >= n:
	case n > 1<<20:
		v.buf = make([]byte, 0, n)
	default:
		v.buf = slices.Grow(v.buf, n)
	}
}

// Any decodes the value as encoding/json does, with json.Number for numbers.
func (v *Value) Any() (any, error) {
	if v.kind == 0 {
		return nil, &SyntaxError{fault: tooShort}
	}
	d := json.NewDecoder(bytes.NewReader(v.whole()))
	if v.edited {
		v.buf = v.buf[:len(v.buf)-v.Len()]
	}
	d.UseNumber()
	var out any
	err := d.Decode(&out)
	return out, err
}

package rawjson

// Node is a value inside another one, for those who print it in another form.
type Node struct {
	Key  []byte // raw JSON with its quotes; nil for an element and the whole value
	Raw  []byte
	Kind byte // as Value.Kind
	at   uint32
}

// Root indexes all of v, as it is now, and returns it as a node; false if there is no value. The node, and what Inside
// makes of it, are valid until the next call of any other method of v.
func (v *Value) Root() (Node, bool) {
	if v.kind == 0 {
		return Node{}, false
	}
	raw := v.whole()
	var bad fault
	if v.more, _, bad = scan(raw, maxNest, maxNest, v.more[:0], &v.nest); bad != 0 {
		return Node{}, false
	}
	return Node{Raw: raw, Kind: v.more[0].kind}, true
}

// Next is the element of an array that follows c; after the array itself comes its first one. false: there is none.
func (v *Value) Next(root, array, c Node) (Node, bool) {
	at := v.more[c.at].next
	if c.at == array.at {
		at = c.at + 1
	}
	if array.Kind != '[' || at >= v.more[array.at].next {
		return Node{}, false
	}
	n := &v.more[at]
	return Node{Raw: root.Raw[n.at:n.end:n.end], Kind: n.kind, at: at}, true
}

// Inside appends to dst the members of an object, each key once (as Members does), or the elements of an array. root is
// what Root returned, n is root or was appended by Inside.
func (v *Value) Inside(root, n Node, dst []Node) []Node {
	if n.Kind != '{' && n.Kind != '[' {
		return dst
	}
	base, last := len(dst), v.more[n.at].next
	v.inner.reset()
	for c := n.at + 1; c < last; c = v.more[c].next {
		m := &v.more[c]
		child := Node{Raw: root.Raw[m.at:m.end:m.end], Kind: m.kind, at: c}
		if n.Kind == '{' {
			child.Key = root.Raw[m.key:m.keyEnd:m.keyEnd]
			if i, fresh := v.inner.put(child.Key, m.escaped); !fresh {
				dst[base+i] = child
				continue
			}
		}
		dst = append(dst, child)
	}
	return dst
}

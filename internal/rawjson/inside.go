package rawjson

// Node is a value inside another one, for those who print it in another form.
type Node struct {
	Key  []byte // raw JSON with its quotes; nil for an element and the whole value
	Raw  []byte
	Kind byte   // as Value.Kind
	At   uint32 // where Raw begins in the whole value
	at   uint32
}

// Root indexes all of v, as it is now, and returns it as a node; its Kind is 0 if there is no value. The node, and what
// Next and Inside make of it, are valid until the next call of any other method of v.
func (v *Value) Root() (Node, error) {
	if v.kind == 0 {
		return Node{}, nil
	}
	if !v.edited {
		if err := v.index(maxNest); err != nil {
			return Node{}, err
		}
		return v.node(v.root), nil
	}
	// The index of what it was before is of no use any more, and its memory is.
	raw := v.whole()
	nodes, end, bad := scan(raw, maxNest, maxNest, v.nodes[:0], &v.nest)
	if bad == 0 && crowded(nodes, 0, &v.nest) {
		bad = tooMany
	}
	if bad != 0 {
		return Node{}, bad.reedited(end)
	}
	v.src, v.nodes, v.root = raw, nodes, 0
	return v.node(0), nil
}

func (v *Value) node(at int) Node {
	n := &v.nodes[at]
	node := Node{Raw: v.src[n.at:n.end:n.end], Kind: n.kind, At: n.at, at: uint32(at)}
	if n.keyEnd > 0 {
		node.Key = v.src[n.key:n.keyEnd:n.keyEnd]
	}
	return node
}

// Next is the element of an array that follows c; after the array itself comes its first one. false: there is none.
func (v *Value) Next(array, c Node) (Node, bool) {
	if array.Kind != '[' {
		return Node{}, false
	}
	at := v.nodes[c.at].next
	if c.at == array.at {
		at = c.at + 1
	}
	if at >= v.nodes[array.at].next {
		return Node{}, false
	}
	return v.node(int(at)), true
}

// List is the members of an object, each key once (as Value.Members does). Done must be called after the last use, of
// lists inside others first.
type List struct {
	v        *Value
	from, to int
}

// Inside lists the members of an object; of anything else there are none.
func (v *Value) Inside(n Node) List {
	from := len(v.rows)
	if n.Kind == '{' {
		v.children(int(n.at))
	}
	return List{v, from, len(v.rows)}
}

// Len is how many members there are.
func (l List) Len() int { return l.to - l.from }

// At is a member.
func (l List) At(i int) Node { return l.v.node(int(l.v.rows[l.from+i])) }

// Done ends a list.
func (l List) Done() { l.v.rows = l.v.rows[:l.from] }

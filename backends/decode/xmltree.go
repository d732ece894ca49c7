package decode

import (
	"bytes"
	"slices"
	"sync"

	"gatehouse/internal/rawjson"
)

var xmlTrees = sync.Pool{New: func() any { return newXMLTree() }}

// xmlTree is a document on its way to JSON.
type xmlTree struct {
	nodes  []xmlNode
	chunks []xmlChunk
	text   []byte
	names  []string
	known  map[string]int32
	many   map[uint64]int32 // parent and name -> node, of elements with many names in them
	spare  []byte
	line   []byte // the text of one element
}

// xmlNode is an element or an attribute. All numbers are places in the tree's slices plus one; 0 is none.
type xmlNode struct {
	name         int32
	first, last  int32 // what is in it: the first of each name
	next         int32 // the first of the next name, in the same element
	twin, twins  int32 // the next of the same name; of a first one also the last
	text, ending int32 // chunks
	different    int32 // names in it
}

// xmlChunk is a piece of an element's text.
type xmlChunk struct{ from, to, next int32 }

// manyNames is from when on names in one element are looked up in a map.
const manyNames = 16

func newXMLTree() *xmlTree {
	return &xmlTree{known: map[string]int32{}, many: map[uint64]int32{}}
}

// keptTree is how many bytes a tree may hold to be worth keeping.
const keptTree = 256 << 10

// free gives back a tree that did not grow large.
func (t *xmlTree) free() {
	if cap(t.text)+cap(t.spare)+cap(t.line) > keptTree || cap(t.nodes)+cap(t.chunks) > keptTree/32 {
		return
	}
	clear(t.known)
	clear(t.many)
	clear(t.names)
	t.nodes, t.chunks, t.text, t.names = t.nodes[:0], t.chunks[:0], t.text[:0], t.names[:0]
	xmlTrees.Put(t)
}

// add makes a node in parent. Of an attribute that is there already (in another namespace) the value counts that comes last.
func (t *xmlTree) add(parent, name int32, attribute bool) int32 {
	first := int32(0)
	if parent > 0 {
		first = t.find(parent, name)
	}
	if first > 0 && attribute {
		return first
	}
	t.nodes = append(t.nodes, xmlNode{name: name})
	at := int32(len(t.nodes))
	switch {
	case parent == 0:
	case first > 0:
		head := &t.nodes[first-1]
		if head.twins == 0 {
			head.twin = at
		} else {
			t.nodes[head.twins-1].twin = at
		}
		head.twins = at
	default:
		t.append(parent, at)
	}
	return at
}

// append puts the first node of a new name at the end of parent.
func (t *xmlTree) append(parent, at int32) {
	p := &t.nodes[parent-1]
	if p.last == 0 {
		p.first = at
	} else {
		t.nodes[p.last-1].next = at
	}
	p.last = at
	switch p.different++; {
	case p.different == manyNames:
		for c := p.first; c > 0; c = t.nodes[c-1].next {
			t.many[pair(parent, t.nodes[c-1].name)] = c
		}
	case p.different > manyNames:
		t.many[pair(parent, t.nodes[at-1].name)] = at
	}
}

func pair(parent, name int32) uint64 { return uint64(parent)<<32 | uint64(name) }

// find is the first node of a name in parent.
func (t *xmlTree) find(parent, name int32) int32 {
	if t.nodes[parent-1].different >= manyNames {
		return t.many[pair(parent, name)]
	}
	c := t.nodes[parent-1].first
	for c > 0 && t.nodes[c-1].name != name {
		c = t.nodes[c-1].next
	}
	return c
}

// say adds to the text of a node.
func (t *xmlTree) say(at int32, text []byte) {
	from := int32(len(t.text))
	t.text = append(t.text, text...)
	t.chunks = append(t.chunks, xmlChunk{from: from, to: int32(len(t.text))})
	n, chunk := &t.nodes[at-1], int32(len(t.chunks))
	if n.ending == 0 {
		n.text = chunk
	} else {
		t.chunks[n.ending-1].next = chunk
	}
	n.ending = chunk
}

// value prints what a node is; it is given by its place.
func (t *xmlTree) value(dst []byte, place int32) []byte {
	n := &t.nodes[place]
	if n.first == 0 {
		return t.textOf(dst, n)
	}
	dst = append(dst, '{')
	texted := n.text == 0
	for c := n.first; c > 0; c = t.nodes[c-1].next {
		child := &t.nodes[c-1]
		name := t.names[child.name]
		if !texted && name[0] != '-' {
			dst = t.ownText(dst, n)
			texted = true
		}
		dst = rawjson.AppendString(rawjson.Comma(dst), name)
		dst = append(dst, ':')
		if child.twin == 0 {
			dst = t.value(dst, c-1)
			continue
		}
		dst = append(dst, '[')
		for twin := c; twin > 0; twin = t.nodes[twin-1].twin {
			dst = t.value(rawjson.Comma(dst), twin-1)
		}
		dst = append(dst, ']')
	}
	if !texted {
		dst = t.ownText(dst, n)
	}
	return append(dst, '}')
}

func (t *xmlTree) ownText(dst []byte, n *xmlNode) []byte {
	return t.textOf(append(rawjson.Comma(dst), `"#text":`...), n)
}

// textOf prints the text of a node without the white space around it; that of an attribute is kept as it is.
func (t *xmlTree) textOf(dst []byte, n *xmlNode) []byte {
	t.line = t.line[:0]
	for c := n.text; c > 0; c = t.chunks[c-1].next {
		t.line = append(t.line, t.text[t.chunks[c-1].from:t.chunks[c-1].to]...)
	}
	line := t.line
	if t.names[n.name][0] != '-' {
		line = bytes.Trim(line, xmlSpace)
	}
	return rawjson.AppendString(slices.Grow(dst, len(line)+2), string(line))
}

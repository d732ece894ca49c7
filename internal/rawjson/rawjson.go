// Package rawjson works on JSON as bytes. One pass validates a text and indexes what a plan needs to see; compiled plans
// then edit, merge and print it without decoding: numbers keep every digit, strings their escapes, objects the order of
// their keys.
//
// What counts as JSON is RFC 8259, strictly, with one exception: bytes in strings that are not UTF-8 pass untouched
// (ParseStrict refuses them, and answers of backends are
// rid of them before). Keys are compared by what they say, not by how they are spelt: "a" and "\u0061" are one
// key. Where an object has a key twice the last value counts, and an object that is edited prints each key once.
package rawjson

import (
	"io"
	"slices"
	"strings"
)

// Value is one JSON value: as it came (bytes and an index), or, once a plan has edited it, an object kept as members.
// The zero Value is no value. A Value may be reused; what it hands out is valid until Reset and must not be changed.
// Every method may use the Value's own memory to answer: a Value belongs to one goroutine at a time.
type Value struct {
	kind    byte
	edited  bool     // it is members; else it is raw
	listed  bool     // members are those of raw
	escaped bool     // a key of members has a backslash
	raw     []byte   // the value as it came, without white space around it
	src     []byte   // what nodes point into
	nodes   []node   // the index
	root    int      // the node of raw
	depth   int      // how deep nodes go below root
	members []Member // the object as it is now
	elems   [][]byte // what Elements has handed out

	buf   []byte   // what was rewritten; members point into it
	rows  []uint32 // a stack of child lists, for edits inside edits and for Inside
	keys  keySet
	inner keySet  // keys for objects inside, while keys is needed
	more  []node  // an index of something inside raw or of what is merged
	tree  tree    // flatmap's
	nest  nesting // scan's
}

// Member is one key and value of an object: raw JSON both, the key with its quotes.
type Member struct{ Key, Value []byte }

// Reset forgets the value and keeps its memory, a megabyte at most for each use of it.
func (v *Value) Reset() {
	clear(v.members)
	clear(v.elems)
	v.keys.reset()
	v.inner.reset()
	v.tree.reset()
	v.kind, v.edited, v.listed, v.escaped, v.root, v.depth = 0, false, false, false, 0, 0
	v.raw, v.src = nil, nil
	v.nest.most = 0
	v.nodes, v.more = kept(v.nodes, 1<<15), kept(v.more, 1<<15)
	v.members, v.elems = kept(v.members, 1<<14), kept(v.elems, 1<<15)
	v.buf, v.rows = kept(v.buf, 1<<20), kept(v.rows, 1<<18)
}

// kept is s without what is in it, or nothing if it has room for more than limit: one giant must not stay for ever.
func kept[T any](s []T, limit int) []T {
	if cap(s) > limit {
		return nil
	}
	return s[:0]
}

// Parse validates data (one JSON value, RFC 8259, at most 512 deep, white space around it and nothing else) and indexes it
// down to depth (1: the members of an object or the elements of an array; 0: nothing but its kind). It keeps data, not a copy.
// A mistake is a *SyntaxError, and v is then no value.
func (v *Value) Parse(data []byte, depth int) error { return v.parse(data, depth, maxDepth, 0) }

// ParseWithin is Parse of a text that may have had size bytes: that says how many values may be indexed, now or later, one
// for each 8 bytes, and how many of them may be members of one object, one for each 40 bytes; of 10 MiB at least.
func (v *Value) ParseWithin(data []byte, depth int, size int64) error {
	return v.parse(data, depth, maxDepth, bound(size))
}

func (v *Value) parse(data []byte, depth, limit, most int) error {
	v.Reset()
	v.nest.most = most
	if uint64(len(data)) > maxLen {
		return &SyntaxError{fault: tooBig}
	}
	nodes, end, bad := scan(data, depth, limit, v.nodes, &v.nest)
	if bad == 0 && crowded(nodes, 0, &v.nest) {
		bad = tooMany
	}
	if bad != 0 {
		return &SyntaxError{Offset: end, fault: bad}
	}
	v.src, v.nodes, v.depth = data, nodes, depth
	v.setRoot(0)
	return nil
}

// setRoot makes v the value of a node.
func (v *Value) setRoot(i int) {
	n := &v.nodes[i]
	v.root, v.kind, v.raw = i, n.kind, v.src[n.at:n.end:n.end]
	v.edited, v.listed = false, false
}

// Kind is '{', '[', '"', '0' (a number), 't', 'f', 'n', or 0 for no value.
func (v *Value) Kind() byte { return v.kind }

// KindName is a kind in words.
func KindName(kind byte) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "nothing"
}

// Empty reports whether v is no value, or an object or array without anything in it.
func (v *Value) Empty() bool {
	switch {
	case v.kind == 0:
		return true
	case v.edited:
		return len(v.members) == 0
	case v.kind == '{' || v.kind == '[':
		return space(v.raw, 1) == len(v.raw)-1
	}
	return false
}

// Len is the number of bytes that Append will add.
func (v *Value) Len() int {
	if !v.edited {
		return len(v.raw)
	}
	n := 1 + max(1, len(v.members)) // the braces, and a comma between members
	for i := range v.members {
		n += len(v.members[i].Key) + 1 + len(v.members[i].Value)
	}
	return n
}

// Append prints the value: untouched bytes as they came.
func (v *Value) Append(dst []byte) []byte {
	if !v.edited {
		return append(dst, v.raw...)
	}
	return appendObject(slices.Grow(dst, v.Len()), v.members)
}

// Text is the value as text.
func (v *Value) Text() string {
	if !v.edited {
		return string(v.raw)
	}
	var b strings.Builder
	b.Grow(v.Len())
	_ = v.Print(&b)
	return b.String()
}

// Print writes what Append appends, for what is too large for one more copy.
func (v *Value) Print(w io.Writer) error {
	if !v.edited {
		_, err := w.Write(v.raw)
		return err
	}
	piece := append(make([]byte, 0, printedAtOnce), '{')
	for i := range v.members {
		m := &v.members[i]
		if i > 0 {
			piece = append(piece, ',')
		}
		piece = append(append(piece, m.Key...), ':')
		if len(piece)+len(m.Value) < printedAtOnce {
			piece = append(piece, m.Value...)
			continue
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
		if _, err := w.Write(m.Value); err != nil {
			return err
		}
		piece = piece[:0]
	}
	_, err := w.Write(append(piece, '}'))
	return err
}

// printedAtOnce is how much Print writes at once of small values.
const printedAtOnce = 32 << 10

func appendObject(dst []byte, members []Member) []byte {
	dst = append(dst, '{')
	for i := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, members[i].Key...)
		dst = append(dst, ':')
		dst = append(dst, members[i].Value...)
	}
	return append(dst, '}')
}

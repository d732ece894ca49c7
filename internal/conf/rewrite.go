package conf

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// edit is a span of the file and what stands there instead.
type edit struct {
	at, end int
	text    string
}

// modern is what version 4 has instead of something that an older file may say, found while it was read.
type modern struct {
	edit
	note *Error
}

func (w *walk) modernize(at, end int, text string, path Path, format string, args ...any) {
	if w.version < 4 {
		w.doc.modern = append(w.doc.modern, modern{edit{at, end, text}, w.doc.errorAt(at, path, fmt.Errorf(format, args...))})
	}
}

// modernKey gives a key another name.
func (w *walk) modernKey(m *member, name string, path Path, format string, args ...any) {
	w.modernize(m.at, w.doc.endOfKey(m.at), string(jsonString(name)), path, format, args...)
}

// endOfKey is where the string ends that begins at an offset.
func (d *Document) endOfKey(at int) int {
	p := &parser{data: d.data, pos: at}
	if _, err := p.str(); err != nil {
		return at
	}
	return p.pos
}

// Rewrite changes the text of a document and leaves all else as it stands: the order of keys, remarks, white space.
type Rewrite struct {
	doc   *Document
	edits []edit
	added map[*node]*addition
	order []*node
	notes []*Error
}

// addition is a key that an object gets: a value, or an object of further ones.
type addition struct {
	key   string
	value string
	inner []*addition
}

// Modernize begins a Rewrite with what version 4 writes otherwise in every file of an older one that Decode has read:
// today's names, numbers and lists in their own types, and "$${" for "${". What was passed over becomes a remark.
func (d *Document) Modernize() *Rewrite {
	r := &Rewrite{doc: d, added: map[*node]*addition{}}
	for _, m := range d.modern {
		r.edits = append(r.edits, m.edit)
		r.notes = append(r.notes, m.note)
	}
	r.literals(d.root, nil)
	return r
}

// literals doubles the dollar of "${", which older files take as it is.
func (r *Rewrite) literals(n *node, path Path) {
	if n.kind == String && strings.Contains(n.text, "${") {
		r.edits = append(r.edits, edit{n.at, n.end, string(jsonString(literal(n.text)))})
		r.notes = append(r.notes, r.doc.errorAt(n.at, path, fmt.Errorf(`"${" is filled in from version 4 on; written "$${" it stays what it is`)))
	}
	for i, item := range n.items {
		r.literals(item, append(path[:len(path):len(path)], i))
	}
	for _, m := range n.members {
		if !m.ignored {
			r.literals(m.value, append(path[:len(path):len(path)], m.key))
		}
	}
}

// literal is a text of an older file as version 4 has to write it.
func literal(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// Set gives the key at a path a value, as JSON: in the place of what stands there, or behind the other keys of its object.
// Objects on the way that are not there are made.
func (r *Rewrite) Set(value string, path ...any) {
	n := r.doc.root
	for i, segment := range path {
		next, _ := step(n, segment)
		if next == nil {
			r.add(n, value, path[i:])
			return
		}
		n = next
	}
	r.replace(edit{n.at, n.end, value})
}

// replace puts something in the place of what stands there, and of what Modernize would have put there.
func (r *Rewrite) replace(e edit) {
	r.edits = slices.DeleteFunc(r.edits, func(other edit) bool { return other.at == e.at })
	r.edits = append(r.edits, e)
}

func (r *Rewrite) add(n *node, value string, path Path) {
	if r.added[n] == nil {
		r.added[n] = &addition{}
		r.order = append(r.order, n)
	}
	at := r.added[n]
	for _, segment := range path {
		key, _ := segment.(string)
		at = at.under(key)
	}
	at.value = value
}

// under is the addition of a key within another one.
func (a *addition) under(key string) *addition {
	for _, inner := range a.inner {
		if inner.key == key {
			return inner
		}
	}
	inner := &addition{key: key}
	a.inner = append(a.inner, inner)
	return inner
}

// Remark turns a key into one that nobody reads.
func (r *Rewrite) Remark(path ...any) {
	n := r.doc.root
	for _, segment := range path[:len(path)-1] {
		if n, _ = step(n, segment); n == nil {
			return
		}
	}
	key, _ := path[len(path)-1].(string)
	if m := n.member(key); m != nil {
		r.replace(edit{m.at, r.doc.endOfKey(m.at), string(jsonString("@" + m.key))})
	}
}

// Notes say what the rewrite does of itself, in the order of the file.
func (r *Rewrite) Notes() []*Error {
	out := slices.Clone(r.notes)
	slices.SortStableFunc(out, byPlace)
	return out
}

// Bytes is the new text.
func (r *Rewrite) Bytes() []byte {
	edits := slices.Clone(r.edits)
	for _, n := range r.order {
		edits = append(edits, r.insertion(n))
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.at, b.at) })
	var out bytes.Buffer
	from := 0
	for _, e := range edits {
		if e.at < from { // within a value that was replaced as a whole
			continue
		}
		out.Write(r.doc.data[from:e.at])
		out.WriteString(e.text)
		from = e.end
	}
	out.Write(r.doc.data[from:])
	return out.Bytes()
}

// insertion puts new keys behind the last one, in the manner of the first one: on a line of their own, or on its line.
func (r *Rewrite) insertion(n *node) edit {
	at, comma, gap := n.at+1, "", ""
	if len(n.members) > 0 {
		first := n.members[0].at
		at, comma, gap = n.members[len(n.members)-1].value.end, ",", " "
		if line := bytes.LastIndexByte(r.doc.data[:first], '\n'); line > n.at {
			gap = string(r.doc.data[line:first])
		}
	}
	var out strings.Builder
	for _, a := range r.added[n].inner {
		out.WriteString(comma + gap)
		a.write(&out)
		comma = ","
		if gap == "" {
			gap = " "
		}
	}
	return edit{at, at, out.String()}
}

func (a *addition) write(out *strings.Builder) {
	out.Write(jsonString(a.key))
	out.WriteString(": ")
	if a.inner == nil {
		out.WriteString(a.value)
		return
	}
	out.WriteByte('{')
	for i, inner := range a.inner {
		if i > 0 {
			out.WriteString(", ")
		}
		inner.write(out)
	}
	out.WriteByte('}')
}

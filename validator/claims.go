package validator

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math"
	"slices"
	"strings"
)

// Claims are what a verified client says of itself. They are shared between requests and never change. All methods may be
// called on nil, a guest, who says nothing. Thousands of them are remembered, and looked through by the garbage collector
// again and again, so most are a piece of text and nothing else.
type Claims struct {
	print print  // of the token
	text  string // the compiled claims, see values.packed
	rest  *rest  // what does not fit into a text; nil: nothing, all is in the text
}

// rest are claims as they are written down where they are not packed.
type rest struct {
	id      string // of who has no token
	payload []byte // nil where nobody reads the claims as a whole
	values
}

// values are compiled claims, one for each slot.
type values struct {
	texts   []string // those of all slots in a row; where a slot has not exactly one, the joined text comes after them
	extents []extent // where the slots are; nil: each has one text, its own
}

// extent is a slot that has not exactly one text.
type extent struct {
	first, n int // n is -1 where the claim is missing or null
}

func (v *values) extent(slot int) extent {
	switch {
	case slot < 0:
	case v.extents == nil && slot < len(v.texts):
		return extent{slot, 1}
	case slot < len(v.extents):
		return v.extents[slot]
	}
	return extent{n: -1}
}

// packed is one text of all, if each slot has one: where the texts begin, two bytes each, and the texts. false: it does not
// fit, or there is nothing.
func (v *values) packed() (string, bool) {
	n := 2 * len(v.texts)
	for _, text := range v.texts {
		n += len(text)
	}
	if v.extents != nil || n == 0 || n > math.MaxUint16 {
		return "", false
	}
	out := make([]byte, 0, n)
	at := 2 * len(v.texts)
	for _, text := range v.texts {
		out = binary.LittleEndian.AppendUint16(out, uint16(at))
		at += len(text)
	}
	for _, text := range v.texts {
		out = append(out, text...)
	}
	return string(out), true
}

// unpacked is the text of a slot in a packed one.
func unpacked(text string, slot int) (string, bool) {
	begin := func(i int) int { return int(text[2*i]) | int(text[2*i+1])<<8 }
	if text == "" || slot < 0 || slot >= begin(0)/2 {
		return "", false
	}
	if slot+1 < begin(0)/2 {
		return text[begin(slot):begin(slot+1)], true
	}
	return text[begin(slot):], true
}

// Value is what the claim of this slot (see [Wants.Add]) says, ready for its use; false: missing or null.
func (c *Claims) Value(slot int) (string, bool) {
	if c == nil {
		return "", false
	}
	if c.rest == nil {
		return unpacked(c.text, slot)
	}
	switch s := c.rest.extent(slot); s.n {
	case -1:
		return "", false
	case 1:
		return c.rest.texts[s.first], true
	default:
		return c.rest.texts[s.first+s.n], true
	}
}

// Values is Value for formats of several values ("repeat"): one string per header line. It must not be changed.
func (c *Claims) Values(slot int) []string {
	if c == nil {
		return nil
	}
	if c.rest == nil {
		if text, ok := unpacked(c.text, slot); ok {
			return []string{text}
		}
		return nil
	}
	s := c.rest.extent(slot)
	if s.n < 0 {
		return nil
	}
	return c.rest.texts[s.first : s.first+s.n : s.first+s.n]
}

// ID tells one client from another wherever answers are shared: equal IDs, equal identity. It is made with a secret of
// this process and tells nothing of the token. A guest's is "".
func (c *Claims) ID() string {
	switch {
	case c == nil:
		return ""
	case c.rest != nil && c.rest.id != "":
		return c.rest.id
	}
	return c.print.id()
}

// Payload is the claims set as raw JSON (an object); it must not be changed. It is nil where it was not asked for (see
// [Wants.Whole]), and a guest's.
func (c *Claims) Payload() []byte {
	if c == nil || c.rest == nil {
		return nil
	}
	return c.rest.payload
}

// Wants collects, at load, the claims that an endpoint will ask for.
type Wants struct {
	list  []want
	whole bool
}

type want struct {
	ref Ref
	use Use
}

// Whole asks for the claims as a whole, as [Claims.Payload] has them. They are most of what a remembered token weighs.
func (w *Wants) Whole() { w.whole = true }

// split reports whether one slot is asked for as several values.
func (w *Wants) split() bool {
	return w != nil && slices.ContainsFunc(w.list, func(one want) bool { return one.use == Repeat })
}

// Add asks for a claim and returns its slot; the same wish gets the same slot.
func (w *Wants) Add(ref Ref, use Use) (slot int) {
	for i, old := range w.list {
		if old.use == use && old.ref.literal == ref.literal && slices.Equal(old.ref.segments, ref.segments) {
			return i
		}
	}
	w.list = append(w.list, want{ref, use})
	return len(w.list) - 1
}

// compile writes each wanted claim for its use. The second result is the first claim whose value cannot go where it is
// meant to go.
func (w *Wants) compile(claims object) (values, *unfit) {
	if w == nil || len(w.list) == 0 {
		return values{}, nil
	}
	v := values{texts: make([]string, 0, len(w.list)), extents: make([]extent, len(w.list))}
	single := true
	for i, wish := range w.list {
		raw, there := wish.ref.find(claims)
		if !there {
			v.extents[i].n, single = -1, false
			continue
		}
		texts, err := wish.use.write(raw)
		if err != nil {
			return values{}, &unfit{wish, err}
		}
		v.extents[i] = extent{len(v.texts), len(texts)}
		if v.texts = append(v.texts, texts...); len(texts) != 1 {
			v.texts, single = append(v.texts, strings.Join(texts, ",")), false
		}
	}
	if single {
		v.extents = nil
	}
	return v, nil
}

// unfit is a claim that cannot be written for its use.
type unfit struct {
	want
	err error
}

// size is the memory that the claims point at, in bytes.
func (c *Claims) size() int {
	n := 16 + len(c.text)
	if c.rest != nil {
		n += 128 + len(c.rest.payload) + 16*len(c.rest.extents)
		for _, text := range c.rest.texts {
			n += 32 + len(text)
		}
	}
	return n
}

// namesIn walks over the names in a claim: an array's strings, or a string cut at spaces where split is set, whole
// otherwise. What is no string is left out; a claim of another type has none.
func namesIn(raw []byte, split bool) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(raw) > 0 && raw[0] == '"' {
			words(unquoteBytes(raw), split, yield)
			return
		}
		for item := range items(raw) {
			if item[0] == '"' && !yield(unquoteBytes(item)) {
				return
			}
		}
	}
}

// words yields a text, cut at spaces where split is set.
func words(text []byte, split bool, yield func([]byte) bool) {
	if !split {
		yield(text)
		return
	}
	for len(text) > 0 {
		word, rest, _ := bytes.Cut(text, []byte(" "))
		if len(word) > 0 && !yield(word) {
			return
		}
		text = rest
	}
}

// names reports whether one of wanted, or all of it, is among the names in a claim, each compared whole, byte for byte.
func names(raw []byte, split bool, wanted []string, match string) bool {
	for _, w := range wanted {
		if hasName(raw, split, w) != (match == "all") {
			return match != "all"
		}
	}
	return match == "all"
}

func hasName(raw []byte, split bool, wanted string) bool {
	for name := range namesIn(raw, split) {
		if string(name) == wanted {
			return true
		}
	}
	return false
}

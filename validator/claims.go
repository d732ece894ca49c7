package validator

import (
	"bytes"
	"iter"
	"slices"
	"strings"
)

// Claims are what a verified client says of itself. They are shared between requests and never change. All methods may be
// called on nil, a guest, who says nothing.
type Claims struct {
	id      string
	payload []byte // nil where nobody reads the claims as a whole
	slots   []slot
}

// slot is one compiled claim.
type slot struct {
	values []string // nil: missing or null
	joined string
}

// Value is what the claim of this slot (see [Wants.Add]) says, ready for its use; false: missing or null.
func (c *Claims) Value(slot int) (string, bool) {
	if c == nil || slot < 0 || slot >= len(c.slots) {
		return "", false
	}
	return c.slots[slot].joined, c.slots[slot].values != nil
}

// Values is Value for formats of several values ("repeat"): one string per header line. It must not be changed.
func (c *Claims) Values(slot int) []string {
	if c == nil || slot < 0 || slot >= len(c.slots) {
		return nil
	}
	return c.slots[slot].values
}

// ID tells one client from another wherever answers are shared: equal IDs, equal identity. It is made with a secret of
// this process and tells nothing of the token. A guest's is "".
func (c *Claims) ID() string {
	if c == nil {
		return ""
	}
	return c.id
}

// Payload is the claims set as raw JSON (an object); it must not be changed. It is nil where it was not asked for (see
// [Wants.Whole]), and a guest's.
func (c *Claims) Payload() []byte {
	if c == nil {
		return nil
	}
	return c.payload
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
func (w *Wants) compile(claims object) ([]slot, *unfit) {
	if w == nil || len(w.list) == 0 {
		return nil, nil
	}
	slots := make([]slot, len(w.list))
	for i, wish := range w.list {
		raw, there := wish.ref.find(claims)
		if !there {
			continue
		}
		values, err := wish.use.write(raw)
		if err != nil {
			return nil, &unfit{wish, err}
		}
		slots[i] = slot{values, strings.Join(values, ",")}
	}
	return slots, nil
}

// unfit is a claim that cannot be written for its use.
type unfit struct {
	want
	err error
}

// size is the memory that the claims hold, in bytes, with the headers of what they point at.
func (c *Claims) size() int {
	n := 96 + len(c.id) + len(c.payload)
	for _, s := range c.slots {
		n += 40 + len(s.joined)
		for _, v := range s.values {
			n += 16 + len(v)
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

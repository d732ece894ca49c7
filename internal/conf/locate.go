package conf

import (
	"cmp"
	"errors"
	"slices"
)

// Locate gives each mistake of err its file, line and column and sorts them by place. A path that does not exist in
// the file gets the place of its nearest parent that does. Keys are shown in the author's spelling, and what ${…}
// brought in is shown as the file has it.
func (d *Document) Locate(err error) []*Error {
	found := Flatten(err)
	out := make([]*Error, 0, len(found))
	for _, m := range found {
		out = append(out, d.locate(m))
	}
	slices.SortStableFunc(out, byPlace)
	return out
}

func byPlace(a, b *Error) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// locate returns a copy of m with its place; one that already has a place keeps it.
func (d *Document) locate(m *Error) *Error {
	out := *m
	if shown := d.Redact(m.Err.Error()); shown != m.Err.Error() {
		out.Err = errors.New(shown)
	}
	if m.File != "" {
		return &out
	}
	if source, ok := d.source(m.Path); ok {
		out.File = source
		return &out
	}
	n := d.root
	out.Path = slices.Clone(m.Path)
	for i, segment := range out.Path {
		next, written := step(n, segment)
		if next == nil {
			break
		}
		n, out.Path[i] = next, written
	}
	out.File = d.file
	out.Line, out.Column = d.position(n.at)
	return &out
}

// Warnings are the things that Decode let pass, located, in the order of the file.
func (d *Document) Warnings() []*Error {
	out := slices.Clone(d.warnings)
	slices.SortStableFunc(out, byPlace)
	return out
}

// Warn adds warnings (an error made with At, joined or not) to those of the document. The same warning counts once.
func (d *Document) Warn(err error) {
	for _, warning := range d.Locate(err) {
		text := warning.Error()
		if !d.warned[text] {
			d.warned[text] = true
			d.warnings = append(d.warnings, warning)
		}
	}
}

func (d *Document) asErrors() []error {
	var out []error
	for _, warning := range d.Warnings() {
		out = append(out, warning)
	}
	return out
}

package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Override is a value of the file's top level that comes from elsewhere, such as a variable of the environment. It wins
// over what the file says. Text is read as what the key takes: digits for a number, true or false, items parted by
// commas for a list. ${…} means nothing in it.
type Override struct {
	Source string // what messages call its place: "KRAKEND_PORT"
	Key    string // of the top level
	Text   string
}

// Overridable lists the keys of the top level that an [Override] may set, and those that are known but hold more than
// one text can say.
func Overridable(root any) (plain, others []string) {
	for _, f := range (shapes{}).of(bare(reflect.TypeOf(root))).fields {
		if f.plain() {
			plain = append(plain, f.name)
		} else {
			others = append(others, f.name)
		}
	}
	return plain, others
}

// plain reports whether one text can say the value.
func (f *field) plain() bool {
	t := bare(f.typ)
	if f.namespaces {
		return false
	}
	if t.Kind() == reflect.Slice {
		t = bare(t.Elem())
	}
	switch readsHow(t) {
	case asDuration, asDigits, byText:
		return true
	case byShape:
		return t.Kind() != reflect.Struct && t.Kind() != reflect.Map && t.Kind() != reflect.Slice && t.Kind() != reflect.Array
	}
	return false
}

// override puts values from elsewhere into the document, in the place of what the file says. Of two for one key the
// earlier one wins.
func (w *walk) override(list []Override) {
	s := w.shapes.of(w.root)
	for _, o := range list {
		f := s.byName[o.Key]
		if f == nil || !f.plain() {
			w.mistakes = append(w.mistakes, &Error{File: o.Source, Err: fmt.Errorf("no key %q of the top level can be set like this", o.Key)})
			continue
		}
		if w.doc.sources[f.name] != "" {
			continue
		}
		w.doc.setFromOutside(f, o)
	}
}

// setFromOutside replaces the member of a field; the values of old names go with it.
func (d *Document) setFromOutside(f *field, o Override) {
	value := &node{kind: String, at: d.root.at, text: o.Text, outside: true}
	if bare(f.typ).Kind() == reflect.Slice {
		list := &node{kind: Array, at: d.root.at, outside: true}
		for item := range strings.SplitSeq(o.Text, ",") {
			list.items = append(list.items, &node{kind: String, at: d.root.at, text: strings.TrimSpace(item), outside: true})
		}
		value = list
	}
	d.root.members = slices.DeleteFunc(d.root.members, func(m member) bool {
		return m.key == f.name || slices.Contains(f.old, m.key)
	})
	d.root.members = append(d.root.members, member{key: f.name, at: d.root.at, value: value})
	if d.sources == nil {
		d.sources = map[string]string{}
	}
	d.sources[f.name] = o.Source
}

// source is what a path's value came from, if not from the file.
func (d *Document) source(path Path) (string, bool) {
	if len(path) == 0 || d.sources == nil {
		return "", false
	}
	key, _ := path[0].(string)
	source, ok := d.sources[key]
	return source, ok
}

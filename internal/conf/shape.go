package conf

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// field is a key of an object, as a struct field and its tags tell it.
type field struct {
	name  string
	index []int
	typ   reflect.Type
	old   []string // names of earlier grammars
	enum  []string // the only strings that may stand there
	doc   string
	def   string // the default, as a person would write it
	since string

	namespaces bool // its keys are namespaces
	open       bool // its keys are the user's
	strict     bool // an unknown key in it is a mistake in every version
	secret     bool // never shown
	filled     bool // an empty text is a mistake
	zero       bool // nought is "not written" in old files
}

// in finds the field in a struct and makes the embedded structs on the way.
func (f *field) in(rv reflect.Value) reflect.Value {
	for _, i := range f.index {
		if rv.Kind() == reflect.Pointer {
			if rv.IsNil() {
				rv.Set(reflect.New(rv.Type().Elem()))
			}
			rv = rv.Elem()
		}
		rv = rv.Field(i)
	}
	return rv
}

// shape is what a struct says of the object it is filled from.
type shape struct {
	fields []*field
	byName map[string]*field
	byOld  map[string]*field
}

// names are all names that mean something here, today's and old ones.
func (s *shape) names() []string {
	var out []string
	for _, f := range s.fields {
		out = append(out, f.name)
	}
	for _, f := range s.fields {
		out = append(out, f.old...)
	}
	return out
}

// today is the present name of an old one.
func (s *shape) today(name string) string {
	if f := s.byOld[name]; f != nil {
		return f.name
	}
	return name
}

// shapes reads each struct type once.
type shapes map[reflect.Type]*shape

func (all shapes) of(t reflect.Type) *shape {
	if s := all[t]; s != nil {
		return s
	}
	s := &shape{byName: map[string]*field{}, byOld: map[string]*field{}}
	all[t] = s
	for _, f := range collect(t, nil, nil) {
		if s.byName[f.name] != nil {
			continue // an embedded struct's key, said anew further out
		}
		s.fields = append(s.fields, f)
		s.byName[f.name] = f
		for _, old := range f.old {
			s.byOld[old] = f
		}
	}
	return s
}

// collect lists the fields of a struct, those of embedded structs behind its own.
func collect(t reflect.Type, index []int, within []reflect.Type) (out []*field) {
	var embedded []reflect.StructField
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			embedded = append(embedded, f)
		case f.IsExported() && name != "" && name != "-":
			out = append(out, newField(name, f, append(slices.Clone(index), f.Index...)))
		}
	}
	within = append(slices.Clone(within), t)
	for _, f := range embedded {
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			if !f.IsExported() {
				continue // reflection may not make it
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && !slices.Contains(within, inner) {
			out = append(out, collect(inner, append(slices.Clone(index), f.Index...), within)...)
		}
	}
	return out
}

func newField(name string, f reflect.StructField, index []int) *field {
	out := &field{
		name: name, index: index, typ: f.Type,
		old: split(f.Tag.Get("old"), ","),
		doc: f.Tag.Get("doc"), def: f.Tag.Get("default"), since: f.Tag.Get("since"),
	}
	if enum, ok := f.Tag.Lookup("enum"); ok {
		out.enum = strings.Split(enum, "|")
	}
	for _, word := range split(f.Tag.Get("conf"), ",") {
		switch word {
		case "namespaces":
			out.namespaces = true
		case "open":
			out.open = true
		case "strict":
			out.strict = true
		case "secret":
			out.secret = true
		case "filled":
			out.filled = true
		case "zero":
			out.zero = true
		}
	}
	return out
}

func split(list, separator string) (out []string) {
	for word := range strings.SplitSeq(list, separator) {
		if word = strings.TrimSpace(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// reads says how a type is filled.
type reads int

const (
	byShape    reads = iota // by what it is: a struct, a list, a number
	asAny                   // any: whatever is there
	asRaw                   // json.RawMessage: the bytes
	asDuration              // Duration, time.Duration
	asDigits                // json.Number
	byReader                // it is a Reader
	byJSON                  // it has UnmarshalJSON
	byText                  // it has UnmarshalText
)

func readsHow(t reflect.Type) reads {
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return asRaw
	case reflect.TypeFor[Duration](), reflect.TypeFor[time.Duration]():
		return asDuration
	case reflect.TypeFor[json.Number]():
		return asDigits
	}
	pointer := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		return asAny
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface:
		return byShape
	case pointer.Implements(reflect.TypeFor[Reader]()):
		return byReader
	case pointer.Implements(reflect.TypeFor[json.Unmarshaler]()):
		return byJSON
	case pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return byText
	}
	return byShape
}

// bare is the type behind pointers.
func bare(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// wanted is what a type is filled from, as messages say it.
func wanted(t reflect.Type) string {
	t = bare(t)
	switch readsHow(t) {
	case asDuration:
		return wantDuration[len("want "):]
	case byText:
		return String.String()
	case asDigits:
		return Number.String()
	case byReader, byJSON, asAny, asRaw:
		return "a value"
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return Object.String()
	case reflect.Slice, reflect.Array:
		return Array.String()
	case reflect.String:
		return String.String()
	case reflect.Bool:
		return Bool.String()
	default:
		return Number.String()
	}
}

package conf

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Described is a type that reads itself and says what it reads, as JSON Schema. It is asked of the zero value. A "title"
// in it is the type's name in the reference.
type Described interface {
	ConfSchema() map[string]any
}

// SchemaOptions are the parts of a JSON Schema that no struct knows.
type SchemaOptions struct {
	ID    string // where the schema lives, its $id; may be empty
	Title string
}

// Schema is the JSON Schema (2020-12) of the grammar of version 4 that root, a struct or a pointer to one, describes. Old
// names are not in it, comments are. It is an error if a field has no doc, or a default that cannot stand there.
func Schema(root any, opt SchemaOptions) ([]byte, error) {
	t := bare(reflect.TypeOf(root))
	if t == nil || t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("got %T, want a struct", root)
	}
	s := &schemer{shapes: shapes{}, defs: map[string]any{}, names: map[reflect.Type]string{}}
	out := s.object(t, false)
	properties, _ := out["properties"].(map[string]any)
	properties["version"] = map[string]any{"enum": []any{2, 3, 4}, "description": "The grammar of the file: KrakenD's (2, 3) or ours (4)."}
	out["required"] = []any{"version"}
	out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	out["$defs"] = s.defs
	if opt.ID != "" {
		out["$id"] = opt.ID
	}
	if opt.Title != "" {
		out["title"] = opt.Title
	}
	if err := Join(s.wrong...); err != nil {
		return nil, err
	}
	return json.MarshalIndent(out, "", "  ")
}

// schemer collects the definitions that objects refer to.
type schemer struct {
	shapes shapes
	defs   map[string]any
	names  map[reflect.Type]string
	wrong  []error
}

// commentKeys are the keys that are remarks wherever keys are ours.
const commentKeys = `^([@$_#]|//)`

// The patterns of strings that ${…} completes.
const (
	expands  = `\$\{`
	onlyThat = `^\$\{[^}]+\}$`
)

// complain says what a grammar lacks, each thing once.
func (s *schemer) complain(err error) {
	if !slices.ContainsFunc(s.wrong, func(said error) bool { return said.Error() == err.Error() }) {
		s.wrong = append(s.wrong, err)
	}
}

func (s *schemer) object(t reflect.Type, open bool) map[string]any {
	properties := map[string]any{}
	for _, f := range s.shapes.of(t).fields {
		properties[f.name] = s.field(f, t)
	}
	out := map[string]any{"type": "object", "properties": properties}
	if !open {
		out["patternProperties"] = map[string]any{commentKeys: true}
		out["additionalProperties"] = false
	}
	return out
}

func (s *schemer) field(f *field, in reflect.Type) map[string]any {
	out := s.of(f.typ, f)
	if f.doc == "" {
		s.complain(fmt.Errorf("%v: the key %q has no doc", in, f.name))
	}
	words := []string{f.doc}
	if f.def != "" {
		if value, ok := f.defaultValue(); ok {
			out["default"] = value
		} else {
			words = append(words, "Default: "+strings.TrimSuffix(f.def, ".")+".")
		}
	}
	if f.since != "" {
		words = append(words, "New in version "+f.since+".")
	}
	out["description"] = strings.Join(words, " ")
	if f.secret {
		out["writeOnly"] = true
	}
	return out
}

// defaultValue is the default as JSON, where it is a value and not a sentence.
func (f *field) defaultValue() (any, bool) {
	t := bare(f.typ)
	switch readsHow(t) {
	case asDuration:
		var d Duration
		return f.def, d.UnmarshalText([]byte(f.def)) == nil
	case byText, byReader, byJSON:
		return f.def, !strings.ContainsAny(f.def, " ")
	}
	if t.Kind() == reflect.String {
		return f.def, !strings.Contains(f.def, " ") && (f.enum == nil || slices.Contains(f.enum, f.def))
	}
	value := reflect.New(t)
	if json.Unmarshal([]byte(f.def), value.Interface()) != nil {
		return nil, false
	}
	return json.RawMessage(f.def), true
}

// of is the schema of a type; f is the field it stands in, for what its tags say.
func (s *schemer) of(t reflect.Type, f *field) map[string]any {
	t = bare(t)
	if described, ok := reflect.New(t).Interface().(Described); ok {
		return described.ConfSchema()
	}
	switch readsHow(t) {
	case asAny, asRaw:
		return map[string]any{}
	case byReader, byJSON:
		s.complain(fmt.Errorf("%v reads itself: it wants a method ConfSchema", t))
		return map[string]any{}
	case asDuration:
		return map[string]any{"type": "string", "pattern": durations}
	case asDigits:
		return numeric("number")
	case byText:
		return text(f)
	}
	switch t.Kind() {
	case reflect.Struct:
		return s.ref(t, f.open)
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem(), f)}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem(), f)}
	case reflect.Array:
		return map[string]any{"type": "array", "items": s.of(t.Elem(), f), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.String:
		return text(f)
	case reflect.Bool:
		return map[string]any{"type": []any{"boolean", "string"}, "pattern": onlyThat}
	case reflect.Float32, reflect.Float64:
		return numeric("number")
	}
	if whole := reflect.New(t).Elem(); whole.CanInt() || whole.CanUint() {
		return integer(t)
	}
	s.complain(fmt.Errorf("nothing of a file can fill a %v", t))
	return map[string]any{}
}

// durations is what time.ParseDuration takes, or a string with ${…} in it.
const durations = `^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$|` + expands

func numeric(kind string) map[string]any {
	return map[string]any{"type": []any{kind, "string"}, "pattern": onlyThat}
}

func integer(t reflect.Type) map[string]any {
	out := numeric("integer")
	bits := t.Bits()
	unsigned := reflect.New(t).Elem().CanUint()
	if unsigned {
		out["minimum"] = 0
	}
	switch {
	case bits == 64: // JSON Schema's numbers are not good for the borders of 64 bits
	case unsigned:
		out["maximum"] = uint64(math.MaxUint64) >> (64 - bits)
	default:
		out["minimum"] = int64(math.MinInt64) >> (64 - bits)
		out["maximum"] = int64(math.MaxInt64) >> (64 - bits)
	}
	return out
}

func text(f *field) map[string]any {
	if f.enum == nil {
		return map[string]any{"type": "string"}
	}
	return map[string]any{"type": "string", "anyOf": []any{map[string]any{"enum": f.enum}, map[string]any{"pattern": expands}}}
}

// ref refers to the definition of a struct and makes it when it is first asked for.
func (s *schemer) ref(t reflect.Type, open bool) map[string]any {
	if t.Name() == "" {
		return s.object(t, open)
	}
	name, ok := s.names[t]
	if !ok {
		name = s.free(strings.TrimPrefix(t.String(), "*"))
		if open {
			name += ".open"
		}
		s.names[t] = name
		s.defs[name] = nil // taken, while the object may refer to itself
		s.defs[name] = s.object(t, open)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

// free is a name for a definition that no other type has: packages may share their last part.
func (s *schemer) free(name string) string {
	name = strings.NewReplacer("[", ".", "]", "", "/", ".", "*", "", ",", ".").Replace(name)
	free := name
	for i := 2; ; i++ {
		if _, taken := s.defs[free]; !taken {
			return free
		}
		free = name + "." + strconv.Itoa(i)
	}
}

// Package rawjson works on JSON as bytes. One pass validates a text and indexes what a plan needs to see; compiled plans
// then edit, merge and print it without decoding: numbers keep every digit, strings their escapes, objects the order of
// their keys.
package rawjson

// Value is one JSON value: as it came (bytes and an index), or, once a plan has edited it, an object kept as members.
// A Value may be reused; what it hands out is valid until Reset and must not be changed.
type Value struct {
	todo int
}

// Member is one key and value of an object: raw JSON both, the key with its quotes.
type Member struct{ Key, Value []byte }

// Reset forgets the value and keeps its memory.
func (v *Value) Reset() { panic("todo") }

// Parse validates data (one JSON value, RFC 8259, at most 512 deep, white space around it and nothing else) and indexes it
// down to depth (1: the members of an object or the elements of an array; 0: nothing but its kind). It keeps data, not a copy.
func (v *Value) Parse(data []byte, depth int) error { panic("todo") }

// SetMembers makes v an object of these members; keys must be quoted JSON and unique.
func (v *Value) SetMembers(m []Member) { panic("todo") }

// Kind is '{', '[', '"', '0' (a number), 't', 'f', 'n', or 0 for no value.
func (v *Value) Kind() byte { panic("todo") }

// Empty reports whether v is no value, or an object or array without anything in it.
func (v *Value) Empty() bool { panic("todo") }

// Members are an object's members in order. A key that stands twice is listed once, with its last value.
func (v *Value) Members() []Member { panic("todo") }

// Len is the number of bytes that Append will add.
func (v *Value) Len() int { panic("todo") }

// Append prints the value: untouched bytes as they came.
func (v *Value) Append(dst []byte) []byte { panic("todo") }

// Get finds a value by keys (decoded strings; digits also index arrays) and returns its raw bytes.
func (v *Value) Get(path ...string) ([]byte, bool) { panic("todo") }

// Any decodes the value as encoding/json does, with json.Number for numbers.
func (v *Value) Any() (any, error) { panic("todo") }

// Spec says what a Plan does, in this order (krakend.md 2.6): collection, target, then flatmap if there is any, else allow
// (or deny) and mapping, then group. Paths are split at dots by the caller.
type Spec struct {
	Collection string     // a top-level array becomes {Collection: [...]}; "" : an array is a mistake of the part
	Target     []string   // go down to this object; missing or not an object: {}
	Allow      [][]string // keep only these; objects only, never into arrays
	Deny       [][]string // drop these; ignored where Allow is not empty
	Mapping    [][2]string
	Group      string
	Flatmap    []Op
}

// Op is one flatmap operation: move, del or append; Args are dotted paths with * and indices, split.
type Op struct {
	Type string
	Args [][]string
}

// Plan is a compiled Spec; it is safe for concurrent use.
type Plan struct{ todo int }

// Compile builds a plan; what can never work is a mistake.
func Compile(s Spec) (*Plan, error) { panic("todo") }

// Depth is how deep Parse must index for Apply.
func (p *Plan) Depth() int { panic("todo") }

// Nothing reports whether the plan changes no object.
func (p *Plan) Nothing() bool { panic("todo") }

// Apply edits v in place. Errors: a value that is not an object (nor a collection where one is wanted).
func (p *Plan) Apply(v *Value) error { panic("todo") }

// Mode says what happens to a key that two parts have.
type Mode string

// The modes of Merge.
const (
	Shallow Mode = "shallow" // the later part's value
	Deep    Mode = "deep"    // objects are merged, anything else as Shallow
	Strict  Mode = "error"   // a mistake that names the key
)

// Merge makes dst the union of parts in their order. parts must outlive dst.
func Merge(dst *Value, parts []*Value, mode Mode) error { panic("todo") }

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte { panic("todo") }

// Unquote decodes a raw JSON string.
func Unquote(raw []byte) (string, error) { panic("todo") }

package conf

import "strings"

// Kind is what a JSON value is.
type Kind int

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String is the kind as messages say it, with its article.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// node is a value of the file with the span of bytes it stands on.
type node struct {
	kind    Kind
	at, end int
	text    string // a string's value, a number's digits as written, "true" or "false"
	members []member
	items   []*node

	expansion *expansion // what ${…} made of the text; nil until asked for
	secret    bool       // never shown, even where it was written in plain
	outside   bool       // an Override: text that stands for what the key takes
}

// member is a key and its value. Decode writes down what it took the key for.
type member struct {
	key     string
	at      int // offset of the key's opening quote
	value   *node
	doubled bool // the key stands earlier in the same object, at first
	first   int

	name    string // what Decode read the key as; "" until then
	ignored bool   // a comment, or passed over with a warning
}

// member finds the value that Decode read as name, or else the one written so.
func (n *node) member(name string) *member {
	var written *member
	for i := range n.members {
		m := &n.members[i]
		if m.doubled || m.ignored {
			continue
		}
		if m.name == name {
			return m
		}
		if m.key == name && written == nil {
			written = m
		}
	}
	return written
}

// holding finds the member whose value is v, anywhere below n.
func (n *node) holding(v *node) *member {
	for i := range n.members {
		if n.members[i].value == v {
			return &n.members[i]
		}
		if m := n.members[i].value.holding(v); m != nil {
			return m
		}
	}
	for _, item := range n.items {
		if m := item.holding(v); m != nil {
			return m
		}
	}
	return nil
}

// isComment reports whether a key is a remark, where keys are ours.
func isComment(key string) bool {
	return strings.HasPrefix(key, "//") || key != "" && strings.IndexByte("@$_#", key[0]) >= 0
}

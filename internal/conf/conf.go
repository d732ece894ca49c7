// Package conf reads a configuration file strictly: JSON and struct are walked together, and every mistake is
// reported at once with its place (file, line, column, path) and, where a name is nearly right, "did you mean".
//
// It knows nothing of gateways. What a struct says of itself in tags is all it knows:
//
//	json:"name"        the key (a field without one is no key)
//	old:"a,b"          names of earlier grammars: taken silently in version 2, with a warning in 3, a mistake in 4
//	enum:"a|b|c"       the only strings that may stand there, or in the list or map that stands there
//	doc:"…"            one sentence for the reference and the JSON Schema, which refuse to be made without it
//	default:"…"        the default, as a person would write it, or a few words; documentation only
//	since:"4"          key of version 4, accepted in 3 and 2
//	conf:"namespaces"  on a struct field: its keys are namespaces (extra_config), an unknown one is always a mistake
//	conf:"open"        on a struct or map field: its keys are the user's; nothing in it is a comment, nothing unknown
//	conf:"strict"      an unknown key in it is a mistake in every version, as in auth/, validation/, security/ and qos/
//	conf:"secret"      its value is never shown
//	conf:"filled"      an empty text is a mistake: where the check is that was meant, nothing would be
//	conf:"zero"        nought means "not written" in old files
//
// The keys of every map are the user's, too. A type may read itself: [encoding.TextUnmarshaler] is given the string,
// [json.Unmarshaler] the value's bytes (after ${ENV} expansion), a [Reader] the value with all these rules, if it must
// choose between shapes. json.RawMessage and any take what is there; numbers in any are json.Number and keep their
// digits. Pointers tell "not written" from zero. null is a mistake, but for json.RawMessage and any; old files may say it
// for "not written" where that opens no door, and an empty text where only some texts, or a duration, may stand.
package conf

import (
	"io"
	"strings"
)

// Options say how a document is read.
type Options struct {
	Env      func(string) (string, bool)      // looks up ${NAME}; nil: os.LookupEnv
	ReadFile func(string) ([]byte, error)     // reads ${file:…}; nil: os.ReadFile
	Unserved map[string]string                // namespaces (and other keys) known elsewhere and refused here, each with what it is, in a few words
	Renamed  map[string]string                // old namespace -> today's name
	Root     func(document *Document) []error // further checks on the bare document; may be nil
	Override []Override                       // values of the top level that win over the file's
}

// Strict turns every warning of a document into a mistake (check --strict).
func (d *Document) Strict() error { return Join(d.asErrors()...) }

// Print writes mistakes one a line, in the order given, as "file:line:column: path: what is wrong". Further lines of a
// mistake are indented.
func Print(w io.Writer, mistakes []*Error) {
	for _, m := range mistakes {
		io.WriteString(w, strings.ReplaceAll(strings.TrimSpace(m.Error()), "\n", "\n\t")+"\n")
	}
}

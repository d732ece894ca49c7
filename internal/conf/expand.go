package conf

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// expansion is what ${…} made of a string.
type expansion struct {
	text  string
	whole bool // the string is one ${…} and nothing else: it may stand for a number, a boolean or a duration
	from  bool // something came from outside the file

	failed bool
}

// secret is a text from outside the file, and how the file wrote it.
type secret struct{ text, written string }

// expander resolves ${NAME}, ${NAME:-default} and ${file:/path} in strings.
type expander struct {
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)
	secrets  []secret
}

// expand resolves each ${…} of a string once: what it brings in is not looked at again. $${ is a literal ${.
func (x *expander) expand(text string) (expansion, error) {
	var out strings.Builder
	var wrong []error
	e := expansion{}
	rest := text
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			break
		}
		if i > 0 && rest[i-1] == '$' {
			out.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		out.WriteString(rest[:i])
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			wrong = append(wrong, errors.New(`"${" without "}" (a literal one is written "$${")`))
			break
		}
		written := rest[i : i+end+1]
		value, outside, err := x.lookup(written)
		if err != nil {
			wrong = append(wrong, err)
		}
		e.whole = written == text
		e.from = e.from || outside
		if outside {
			x.secrets = append(x.secrets, secret{value, written})
		}
		out.WriteString(value)
		rest = rest[i+end+1:]
	}
	out.WriteString(rest)
	e.text = out.String()
	return e, errors.Join(wrong...)
}

// lookup resolves one ${…} and says whether its value came from outside the file.
func (x *expander) lookup(written string) (value string, outside bool, err error) {
	inner := written[2 : len(written)-1]
	if path, ok := strings.CutPrefix(inner, "file:"); ok {
		value, err = x.file(path)
		return value, true, err
	}
	name, fallback, optional := strings.Cut(inner, ":-")
	if !isVariable(name) {
		return "", false, fmt.Errorf(`got %s, want ${NAME}, ${NAME:-default} or ${file:/path} (a literal "${" is written "$${")`, written)
	}
	value, set := x.env(name)
	switch {
	case optional && value == "": // as a shell does it
		return fallback, false, nil
	case !set:
		return "", false, fmt.Errorf("%s is not set in the environment (a default is written ${%s:-default})", name, name)
	case !utf8.ValidString(value):
		return "", false, fmt.Errorf("%s is not UTF-8 text", written)
	}
	return value, true, nil
}

// file reads a secret from a file, without the line break that editors leave at its end.
func (x *expander) file(path string) (string, error) {
	if path == "" {
		return "", errors.New("got ${file:} without a path, want ${file:/path}")
	}
	data, err := x.readFile(path)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", fmt.Errorf("%s is not UTF-8 text", path)
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

func isVariable(name string) bool {
	for i := range len(name) {
		if !isLetter(name[i]) && (i == 0 || !isDigit(name[i])) {
			return false
		}
	}
	return name != ""
}

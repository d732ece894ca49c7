package endpoints

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"gatehouse/internal/rawjson"
)

// appendYAML prints JSON as YAML, in blocks, with the order of keys and every digit of numbers. Strings that could be
// taken for anything else are quoted.
func appendYAML(dst []byte, v *rawjson.Value) ([]byte, error) {
	root, err := v.Root()
	if err != nil || root.Kind == 0 {
		return append(dst, "{}\n"...), err
	}
	p := printers.Get().(*printer)
	defer p.free()
	p.begin(v, root)
	if container(root) {
		dst = p.block(dst, root, 0)
	} else {
		dst = append(p.flat(dst, root), '\n')
	}
	return dst, p.err
}

// container reports whether a value takes lines of its own.
func container(n rawjson.Node) bool {
	return (n.Kind == '{' || n.Kind == '[') && len(bytes.TrimSpace(n.Raw[1:len(n.Raw)-1])) > 0
}

// maxIndent is from where on containers are printed in one line: indenting costs the square of the depth.
const maxIndent = 64

// maxImplicitKey is how long a key may be without "? " before it; parsers look no further than 1024 characters.
const maxImplicitKey = 250

// block prints the lines of an object or array; the first begins where dst ends.
func (p *printer) block(dst []byte, n rawjson.Node, indent int) []byte {
	if n.Kind == '[' {
		for c, ok := p.v.Next(n, n); ok && p.err == nil; {
			dst = p.entry(dst, c, indent)
			if c, ok = p.v.Next(n, c); ok {
				dst = appendSpaces(dst, indent)
			}
		}
		return dst
	}
	members := p.v.Inside(n)
	defer members.Done()
	for i := 0; i < members.Len() && p.err == nil; i++ {
		if i > 0 {
			dst = appendSpaces(dst, indent)
		}
		dst = p.entry(dst, members.At(i), indent)
	}
	return dst
}

// entry prints "key: value" or "- value" and the line's end.
func (p *printer) entry(dst []byte, n rawjson.Node, indent int) []byte {
	nested := container(n) && indent < maxIndent
	dst = p.room(dst, int(n.At), 3*(indent+2)+4*len(n.Key)) // its own indentation, that of what is in it, and the next one's
	if n.Key == nil {
		dst = append(dst, "- "...)
		if nested {
			return p.block(dst, n, indent+2)
		}
		return append(p.flat(dst, n), '\n')
	}
	if len(n.Key) > maxImplicitKey {
		dst = append(appendQuoted(append(dst, "? "...), p.say(n.Key)), '\n')
		return append(p.flat(append(appendSpaces(dst, indent), ": "...), n), '\n')
	}
	dst = append(appendYAMLString(dst, p.say(n.Key)), ':')
	switch {
	case nested && n.Kind == '[':
		return p.block(appendSpaces(append(dst, '\n'), indent), n, indent)
	case nested:
		return p.block(appendSpaces(append(dst, '\n'), indent+2), n, indent+2)
	}
	return append(p.flat(append(dst, ' '), n), '\n')
}

// flat prints a value without a line's end.
func (p *printer) flat(dst []byte, n rawjson.Node) []byte {
	switch n.Kind {
	case '"':
		return p.string(dst, n, false)
	case '[':
		dst = append(dst, '[')
		for c, ok := p.v.Next(n, n); ok && p.err == nil; {
			dst = p.inFlow(dst, c)
			if c, ok = p.v.Next(n, c); ok {
				dst = append(dst, ", "...)
			}
		}
		return append(dst, ']')
	case '{':
		dst = append(dst, '{')
		members := p.v.Inside(n)
		defer members.Done()
		for i := 0; i < members.Len() && p.err == nil; i++ {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			c := members.At(i)
			dst = p.room(dst, int(c.At), 4*len(c.Key))
			if len(c.Key) > maxImplicitKey {
				dst = append(dst, "? "...)
			}
			dst = append(appendQuoted(dst, p.say(c.Key)), ": "...)
			dst = p.inFlow(dst, c)
		}
		return append(dst, '}')
	}
	return append(p.room(dst, int(n.At), len(n.Raw)), n.Raw...)
}

// inFlow prints a value inside brackets, where strings are always quoted.
func (p *printer) inFlow(dst []byte, n rawjson.Node) []byte {
	if n.Kind == '"' {
		return p.string(dst, n, true)
	}
	return p.flat(dst, n)
}

// string prints a string, in quotes where it must have them.
func (p *printer) string(dst []byte, n rawjson.Node, quoted bool) []byte {
	said, ended := p.say(n.Raw), int(n.At)+len(n.Raw)
	dst = p.room(dst, int(n.At), 4*min(len(said), pieceSize)+len(`"", `))
	switch {
	case p.err != nil:
		return dst
	case !quoted && plainYAML(said):
		return append(dst, said...)
	}
	dst = append(dst, '"')
	for len(said) > 0 && p.err == nil {
		piece := pieceOf(said)
		dst = appendEscaped(p.room(dst, ended-len(said), 4*len(piece)), piece)
		said = said[len(piece):]
	}
	return append(dst, '"')
}

func appendSpaces(dst []byte, n int) []byte {
	const spaces = "                                                                                                                                                                                                        "
	return append(dst, spaces[:min(n, len(spaces))]...)
}

// appendYAMLString prints a string plain where no version of YAML could take it for anything else.
func appendYAMLString(dst, s []byte) []byte {
	if plainYAML(s) {
		return append(dst, s...)
	}
	return appendQuoted(dst, s)
}

func plainYAML(s []byte) bool {
	if len(s) == 0 || len(s) > 200 || !letter(s[0]) && s[0] != '/' || yamlWord(s) {
		return false
	}
	for i, c := range s {
		switch {
		case letter(c), '0' <= c && c <= '9', c == '-', c == '.', c == '/', c == '@', c == '+', c == '(', c == ')', c == ';':
		case c == ' ' || c == ':':
			if i+1 == len(s) || s[i+1] == ' ' {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

// yamlWord reports whether some version of YAML takes a word for a boolean or null.
func yamlWord(s []byte) bool {
	if len(s) > 5 {
		return false
	}
	for _, word := range [...]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"} {
		if len(s) == len(word) && bytes.EqualFold(s, []byte(word)) {
			return true
		}
	}
	return false
}

// appendQuoted prints a double-quoted string (YAML 1.2, 7.3.1): JSON's, but for characters that YAML does not print.
func appendQuoted(dst, s []byte) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

func appendEscaped(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		i += n
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r < ' ' || r == 0x7f:
			dst = append(dst, '\\', 'x', hex[r>>4], hex[r&15])
		case r < 0x7f || r == utf8.RuneError || unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		case r <= 0xffff:
			dst = append(dst, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = append(dst, '\\', 'U', '0', '0', hex[r>>20&15], hex[r>>16&15], hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
	}
	return dst
}

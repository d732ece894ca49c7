package endpoints

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"gatehouse/internal/rawjson"
)

// appendYAML prints JSON as YAML, in blocks, with the order of keys and every digit of numbers. Strings that could be
// taken for anything else are quoted.
func appendYAML(dst []byte, v *rawjson.Value) []byte {
	root, ok := v.Root()
	if !ok {
		return append(dst, "{}\n"...)
	}
	p := printers.Get().(*printer)
	defer p.free()
	p.v, p.root, p.stack = v, root, p.stack[:0]
	if container(root) {
		return p.block(dst, root, 0)
	}
	return append(p.flat(dst, root), '\n')
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
		for c, ok := p.v.Next(p.root, n, n); ok; {
			dst = p.entry(dst, c, indent)
			if c, ok = p.v.Next(p.root, n, c); ok {
				dst = appendSpaces(dst, indent)
			}
		}
		return dst
	}
	from := p.inside(n)
	for i := from; i < len(p.stack); i++ {
		if i > from {
			dst = appendSpaces(dst, indent)
		}
		dst = p.entry(dst, p.stack[i], indent)
	}
	p.stack = p.stack[:from]
	return dst
}

// entry prints "key: value" or "- value" and the line's end.
func (p *printer) entry(dst []byte, n rawjson.Node, indent int) []byte {
	nested := container(n) && indent < maxIndent
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
		return appendYAMLString(dst, p.say(n.Raw))
	case '[':
		dst = append(dst, '[')
		for c, ok := p.v.Next(p.root, n, n); ok; {
			dst = p.inFlow(dst, c)
			if c, ok = p.v.Next(p.root, n, c); ok {
				dst = append(dst, ", "...)
			}
		}
		return append(dst, ']')
	case '{':
		dst = append(dst, '{')
		from := p.inside(n)
		for i := from; i < len(p.stack); i++ {
			if i > from {
				dst = append(dst, ", "...)
			}
			if len(p.stack[i].Key) > maxImplicitKey {
				dst = append(dst, "? "...)
			}
			dst = append(appendQuoted(dst, p.say(p.stack[i].Key)), ": "...)
			dst = p.inFlow(dst, p.stack[i])
		}
		p.stack = p.stack[:from]
		return append(dst, '}')
	}
	return append(dst, n.Raw...)
}

// inFlow prints a value inside brackets, where strings are always quoted.
func (p *printer) inFlow(dst []byte, n rawjson.Node) []byte {
	if n.Kind == '"' {
		return appendQuoted(dst, p.say(n.Raw))
	}
	return p.flat(dst, n)
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
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
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
	return append(dst, '"')
}

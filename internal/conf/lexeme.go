package conf

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// number reads digits and keeps them as they are written.
func (p *parser) number() (*node, error) {
	at := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	zero := p.peek() == '0'
	whole := p.digits()
	switch {
	case whole == 0:
		return nil, p.unexpected("a digit after '-'")
	case zero && whole > 1:
		return nil, p.fail(at, "got %s, want a number without leading zeros", p.data[at:p.pos])
	}
	if p.peek() == '.' {
		p.pos++
		if p.digits() == 0 {
			return nil, p.unexpected("a digit after the decimal point")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if p.digits() == 0 {
			return nil, p.unexpected("a digit in the exponent")
		}
	}
	return &node{kind: Number, at: at, end: p.pos, text: string(p.data[at:p.pos])}, nil
}

func (p *parser) digits() (count int) {
	for isDigit(p.peek()) {
		p.pos++
		count++
	}
	return count
}

// str reads a string, from its opening quote to behind its closing one, and resolves its escapes.
func (p *parser) str() (string, error) {
	at := p.pos
	p.pos++
	var out []byte
	from := p.pos // begin of the run that needs no change
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '"':
			out = append(out, p.data[from:p.pos]...)
			p.pos++
			return string(out), nil
		case c == '\\':
			out = append(out, p.data[from:p.pos]...)
			var err error
			if out, err = p.escape(out); err != nil {
				return "", err
			}
			from = p.pos
		case c < 0x20:
			return "", p.control(at)
		case c < utf8.RuneSelf:
			p.pos++
		default:
			r, size := utf8.DecodeRune(p.data[p.pos:])
			if r == utf8.RuneError && size < 2 {
				return "", p.fail(p.pos, "got the byte 0x%02x, want UTF-8", c)
			}
			p.pos += size
		}
	}
	line, column := p.lines(at)
	return "", p.fail(p.pos, "the file ends here, want '\"' (the string of %d:%d is not closed)", line, column)
}

// control explains a raw control character, mostly a line break behind a forgotten quote.
func (p *parser) control(at int) error {
	switch c := p.data[p.pos]; c {
	case '\n', '\r':
		return p.fail(at, "the string is not closed on its line, want '\"' (a line break in a string is \\n)")
	case '\t':
		return p.fail(p.pos, "got a tab inside a string, want \\t")
	default:
		return p.fail(p.pos, "got the control character 0x%02x inside a string, want \\u%04x", c, c)
	}
}

// escape reads one backslash sequence and appends what it means.
func (p *parser) escape(out []byte) ([]byte, error) {
	at := p.pos
	p.pos++
	c := p.peek()
	p.pos++
	switch c {
	case '"', '\\', '/':
		return append(out, c), nil
	case 'b':
		return append(out, '\b'), nil
	case 'f':
		return append(out, '\f'), nil
	case 'n':
		return append(out, '\n'), nil
	case 'r':
		return append(out, '\r'), nil
	case 't':
		return append(out, '\t'), nil
	case 'u':
		r, err := p.unicode(at)
		return utf8.AppendRune(out, r), err
	}
	return nil, p.fail(at, `got an unknown escape, want one of \" \\ \/ \b \f \n \r \t \uXXXX (a backslash itself is \\)`)
}

// unicode reads the four digits of \uXXXX, and those of the second half of a pair.
func (p *parser) unicode(at int) (rune, error) {
	r, ok := p.hex4()
	if !ok {
		return 0, p.fail(at, `got \u without four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.pos+1 < len(p.data) && p.data[p.pos] == '\\' && p.data[p.pos+1] == 'u' {
		p.pos += 2
		if low, ok := p.hex4(); ok {
			if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
				return whole, nil
			}
		}
	}
	return 0, p.fail(at, "got half a surrogate pair, want both halves")
}

func (p *parser) hex4() (rune, bool) {
	if p.pos+4 > len(p.data) {
		return 0, false
	}
	digits := p.data[p.pos : p.pos+4]
	for _, c := range digits {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(digits), 16, 32)
	p.pos += 4
	return rune(n), err == nil
}

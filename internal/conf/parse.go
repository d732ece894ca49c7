package conf

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds how deep lists and objects may stand in each other. People do not write deeper files; attacks do.
const maxDepth = 128

// syntaxError is JSON that is none, at a byte offset.
type syntaxError struct {
	at  int
	msg string
}

func (e *syntaxError) Error() string { return e.msg }

// parser reads RFC 8259 to the letter: UTF-8, no byte order mark, one value and nothing after it.
type parser struct {
	data  []byte
	pos   int
	open  []int // offsets of the lists and objects that we are in
	lines func(offset int) (line, column int)
}

// document reads one value and the white space around it.
func (p *parser) document() (*node, error) {
	p.space()
	n, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.data) {
		return nil, p.fail(p.pos, "got %s, want nothing more: the value that began the file is complete", p.here())
	}
	return n, nil
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &syntaxError{at: at, msg: fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek is the byte we stand before; 0 at the end of the file.
func (p *parser) peek() byte {
	if p.pos < len(p.data) {
		return p.data[p.pos]
	}
	return 0
}

func (p *parser) value() (*node, error) {
	switch c := p.peek(); {
	case c == '{':
		return p.nested(Object, p.object)
	case c == '[':
		return p.nested(Array, p.array)
	case c == '"':
		at := p.pos
		text, err := p.str()
		return &node{kind: String, at: at, end: p.pos, text: text}, err
	case c == '-', '0' <= c && c <= '9':
		return p.number()
	default:
		return p.literal()
	}
}

// nested reads a list or an object and remembers where it began, to say so where it does not end.
func (p *parser) nested(kind Kind, read func(*node) error) (*node, error) {
	if len(p.open) == maxDepth {
		return nil, p.fail(p.pos, "nested more than %d deep", maxDepth)
	}
	n := &node{kind: kind, at: p.pos}
	p.open = append(p.open, p.pos)
	p.pos++
	if err := read(n); err != nil {
		return nil, err
	}
	p.open = p.open[:len(p.open)-1]
	n.end = p.pos
	return n, nil
}

func (p *parser) array(n *node) error {
	p.space()
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for {
		p.space()
		if p.peek() == ']' {
			return p.fail(p.pos, "got ']', want a value (JSON takes no comma before ']')")
		}
		item, err := p.value()
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
		if done, err := p.next(']'); done || err != nil {
			return err
		}
	}
}

func (p *parser) object(n *node) error {
	p.space()
	if p.peek() == '}' {
		p.pos++
		return nil
	}
	for {
		p.space()
		m, err := p.pair()
		if err != nil {
			return err
		}
		n.members = append(n.members, m)
		if done, err := p.next('}'); err != nil {
			return err
		} else if done {
			markDoubled(n.members)
			return nil
		}
	}
}

// pair reads "key": value.
func (p *parser) pair() (member, error) {
	m := member{at: p.pos}
	switch p.peek() {
	case '"':
	case '}':
		return m, p.fail(p.pos, "got '}', want a key (JSON takes no comma before '}')")
	default:
		return m, p.unexpected("a key in double quotes")
	}
	var err error
	if m.key, err = p.str(); err != nil {
		return m, err
	}
	p.space()
	if p.peek() != ':' {
		return m, p.unexpected("':' after the key " + strconv.Quote(m.key))
	}
	p.pos++
	p.space()
	m.value, err = p.value()
	return m, err
}

// next reads the comma between two values, or the closing bracket.
func (p *parser) next(closing byte) (done bool, err error) {
	p.space()
	switch p.peek() {
	case ',':
		p.pos++
		return false, nil
	case closing:
		p.pos++
		return true, nil
	default:
		return false, p.unexpected("',' or '" + string(closing) + "'")
	}
}

// markDoubled finds keys that stand more than once. A key written with escapes is the same key.
func markDoubled(members []member) {
	if len(members) < 2 {
		return
	}
	seen := make(map[string]int, len(members))
	for i := range members {
		m := &members[i]
		if first, ok := seen[m.key]; ok {
			m.doubled, m.first = true, first
		} else {
			seen[m.key] = m.at
		}
	}
}

func (p *parser) literal() (*node, error) {
	for _, word := range []struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
		if p.word() == word.text {
			n := &node{kind: word.kind, at: p.pos, end: p.pos + len(word.text), text: word.text}
			p.pos = n.end
			return n, nil
		}
	}
	return nil, p.unexpected("a value")
}

// word is the run of letters and digits we stand before.
func (p *parser) word() string {
	end := p.pos
	for end < len(p.data) && (isLetter(p.data[end]) || isDigit(p.data[end])) {
		end++
	}
	return string(p.data[p.pos:end])
}

// here is what we stand before, as a message says it.
func (p *parser) here() string {
	if p.pos >= len(p.data) {
		return "the end of the file"
	}
	if word := p.word(); len(word) > 1 && len(word) < 40 {
		return word
	}
	r, size := utf8.DecodeRune(p.data[p.pos:])
	if r == utf8.RuneError && size < 2 {
		return fmt.Sprintf("the byte 0x%02x", p.data[p.pos])
	}
	return strconv.QuoteRune(r)
}

// unexpected says what stands here, what was wanted, and what people usually meant.
func (p *parser) unexpected(want string) error {
	if p.pos >= len(p.data) {
		if len(p.open) == 0 {
			return p.fail(p.pos, "the file ends here, want %s", want)
		}
		from := p.open[len(p.open)-1]
		line, column := p.lines(from)
		return p.fail(p.pos, "the file ends here, want %s (the '%c' of %d:%d is not closed)", want, p.data[from], line, column)
	}
	return p.fail(p.pos, "got %s, want %s%s", p.here(), want, p.hint())
}

func (p *parser) hint() string {
	rest := p.data[p.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")), bytes.HasPrefix(rest, []byte("/*")), rest[0] == '#':
		return ` (JSON has no comments: write a key such as "@comment")`
	case rest[0] == '\'':
		return " (JSON strings stand in double quotes)"
	case rest[0] == '+', rest[0] == '.':
		return " (JSON numbers begin with a digit or '-')"
	case rest[0] == '=':
		return " (JSON parts key and value by ':')"
	}
	switch p.word() {
	case "True", "TRUE", "yes", "on":
		return " (JSON writes true)"
	case "False", "FALSE", "no", "off":
		return " (JSON writes false)"
	case "None", "nil", "NULL", "Null", "undefined":
		return " (JSON writes null)"
	}
	return ""
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

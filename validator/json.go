package validator

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep the JSON of a token may nest (security.md 10).
const maxDepth = 64

// member is one name and value of an object: the name decoded, the value as raw JSON.
type member struct{ name, value []byte }

// object is a JSON object's members in their order.
type object []member

// get is the raw value of a member.
func (o object) get(name string) ([]byte, bool) {
	for i := range o {
		if string(o[i].name) == name {
			return o[i].value, true
		}
	}
	return nil, false
}

// parseObject reads the JSON of a token strictly: one object and nothing after it, valid UTF-8, no byte order mark, no
// name twice at any level, no lone surrogate, at most 64 deep (security.md 10). encoding/json takes all of these, each
// in its own way, and what two parsers read differently is an attack.
func parseObject(data []byte) (object, error) {
	var s scanner
	return s.parse(data, nil)
}

// parse is parseObject with memory that was used before: the scanner's own, and a list for the members.
func (s *scanner) parse(data []byte, room object) (object, error) {
	s.data, s.at, s.names = data, 0, s.names[:0]
	s.space()
	if s.at >= len(data) || data[s.at] != '{' {
		return nil, errors.New("not a JSON object")
	}
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	top := room[:0]
	if top == nil {
		top = object{}
	}
	if err := s.object(1, &top); err != nil {
		return nil, err
	}
	s.space()
	if s.at != len(data) {
		return nil, errors.New("something after the JSON object")
	}
	return top, nil
}

// scanner walks over JSON once and checks all of it.
type scanner struct {
	data  []byte
	at    int
	names [][]byte // of the objects that are open, for finding doubles
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek is the byte under the cursor; 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth+1, nil)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		_, err := s.str()
		return err
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	return errJSON()
}

func errJSON() error { return errors.New("broken JSON") }

// object reads one object; the outermost one's members go into top.
func (s *scanner) object(depth int, top *object) error {
	if depth > maxDepth {
		return errors.New("JSON nested too deep")
	}
	first := len(s.names)
	defer func() { s.names = s.names[:first] }()
	s.at++
	s.space()
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		name, err := s.name()
		if err != nil {
			return err
		}
		s.names = append(s.names, name)
		start := s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if top != nil {
			*top = append(*top, member{name, s.data[start:s.at]})
		}
		more, err := s.next('}')
		if err != nil {
			return err
		}
		if !more {
			return unique(s.names[first:])
		}
		if s.peek() != '"' {
			return errJSON()
		}
	}
}

// name reads a member's name and the colon after it.
func (s *scanner) name() ([]byte, error) {
	if s.peek() != '"' {
		return nil, errJSON()
	}
	raw, err := s.str()
	if err != nil {
		return nil, err
	}
	s.space()
	if s.peek() != ':' {
		return nil, errJSON()
	}
	s.at++
	s.space()
	return unquoteBytes(raw), nil
}

// next reads what follows an element: a comma and white space (true), or the closing byte.
func (s *scanner) next(closing byte) (more bool, err error) {
	s.space()
	switch s.peek() {
	case ',':
		s.at++
		s.space()
		return true, nil
	case closing:
		s.at++
		return false, nil
	}
	return false, errJSON()
}

// unique refuses a name that stands twice.
func unique(names [][]byte) error {
	if len(names) > 16 {
		seen := make(map[string]bool, len(names))
		for _, name := range names {
			if seen[string(name)] {
				return errTwice()
			}
			seen[string(name)] = true
		}
		return nil
	}
	for i := range names {
		for j := range names[:i] {
			if bytes.Equal(names[i], names[j]) {
				return errTwice()
			}
		}
	}
	return nil
}

func errTwice() error { return errors.New("a name stands twice") }

func (s *scanner) array(depth int) error {
	if depth > maxDepth {
		return errors.New("JSON nested too deep")
	}
	s.at++
	s.space()
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		if more, err := s.next(']'); !more {
			return err
		}
	}
}

// str reads a string and returns it raw, with its quotes.
func (s *scanner) str() ([]byte, error) {
	start := s.at
	for s.at++; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return s.data[start:s.at], nil
		case c < 0x20:
			return nil, errJSON()
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		}
	}
	return nil, errJSON()
}

// escape reads one escape and leaves the cursor on its last byte. A surrogate must have its other half.
func (s *scanner) escape() error {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		r, ok := hex4(s.data[s.at+1:])
		if !ok {
			return errJSON()
		}
		s.at += 4
		if !utf16.IsSurrogate(r) {
			return nil
		}
		rest := s.data[s.at+1:]
		if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
			low, ok := hex4(rest[2:])
			if ok && utf16.DecodeRune(r, low) != utf8.RuneError {
				s.at += 6
				return nil
			}
		}
		return errors.New("half a surrogate pair")
	}
	return errJSON()
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.data[s.at:], []byte(w)) {
		return errJSON()
	}
	s.at += len(w)
	return nil
}

// number reads a number as RFC 8259 section 6 writes it.
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	switch c := s.peek(); {
	case c == '0':
		s.at++
	case c >= '1' && c <= '9':
		s.digits()
	default:
		return errJSON()
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return errJSON()
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return errJSON()
		}
	}
	return nil
}

// digits reads digits and reports whether there was one.
func (s *scanner) digits() bool {
	start := s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	return s.at > start
}

package validator

import (
	"bytes"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// Raw JSON values that the scanner has passed, taken apart without decoding what nobody asks for.

// unquoteBytes decodes a raw string that the scanner has passed.
func unquoteBytes(raw []byte) []byte {
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(raw[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, _ := hex4(raw[i+3:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, raw[i])
		}
	}
	return out
}

// unquote decodes a raw value that has been scanned; false: it is not a string.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	return string(unquoteBytes(raw)), true
}

// members lists the members of a raw object that has been scanned; nil if it is not an object.
func members(raw []byte) object {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var o object
	s := scanner{data: raw}
	if s.object(1, &o) != nil {
		return nil
	}
	return o
}

// elements lists the raw elements of an array that has been scanned; false: it is not an array.
func elements(raw []byte) ([][]byte, bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	out := make([][]byte, 0, 4)
	for item := range items(raw) {
		out = append(out, item)
	}
	return out, true
}

// items walks over the raw elements of an array that has been scanned; whatever else it is given has none.
func items(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(raw) == 0 || raw[0] != '[' {
			return
		}
		s := scanner{data: raw, at: 1}
		s.space()
		for more := s.peek() != ']'; more; {
			start := s.at
			if s.value(1) != nil || !yield(raw[start:s.at]) {
				return
			}
			more, _ = s.next(']')
		}
	}
}

// compact drops the white space between the parts of a value that has been scanned.
func compact(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case quoted && c == '\\':
			out = append(out, c, raw[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		out = append(out, c)
	}
	return out
}

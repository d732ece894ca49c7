package lua

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// each goes through the members of an object or the elements of an array: valid JSON without space around it.
func each(s string, do func(key, text string)) {
	i := blank(s, 1)
	for s[i] != '}' && s[i] != ']' {
		key := ""
		if s[0] == '{' {
			end := stringEnd(s, i)
			key = s[i:end]
			i = blank(s, blank(s, end)+1)
		}
		end := valueEnd(s, i)
		do(key, s[i:end])
		if i = blank(s, end); s[i] == ',' {
			i = blank(s, i+1)
		}
	}
}

func blank(s string, i int) int {
	for s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t' {
		i++
	}
	return i
}

func stringEnd(s string, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd is where the value ends that begins at i.
func valueEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i = stringEnd(s, i) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// tooDeep reports whether valid JSON is nested deeper than what is printed may be.
func tooDeep(s string) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = stringEnd(s, i) - 1
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// unquoted is what a valid JSON string says.
func unquoted(s string) string {
	if inner := s[1 : len(s)-1]; strings.IndexByte(inner, '\\') < 0 && utf8.ValidString(inner) {
		return inner
	}
	var out string
	_ = json.Unmarshal([]byte(s), &out)
	return out
}

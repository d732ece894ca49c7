package lua

import (
	"strconv"
	"strings"
	"unicode/utf16"
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
	return string(unescape(make([]byte, 0, len(s)), s[1:len(s)-1]))
}

// unescape appends what the inside of a valid JSON string says. What is not UTF-8, as a half of a pair, becomes U+FFFD.
func unescape(dst []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == '\\' {
			if i := strings.IndexByte(letters, s[1]); i >= 0 {
				r, n = rune(escapes[i]), 2
			} else if r, n = rune(s[1]), 2; r == 'u' {
				r, n = unicodeEscape(s)
			}
		}
		dst, s = utf8.AppendRune(dst, r), s[n:]
	}
	return dst
}

// unicodeEscape is what a \uXXXX says, or two of them.
func unicodeEscape(s string) (r rune, n int) {
	r = hex4(s)
	if utf16.IsSurrogate(r) {
		if strings.HasPrefix(s[6:], `\u`) {
			if pair := utf16.DecodeRune(r, hex4(s[6:])); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	}
	return r, 6
}

func hex4(s string) rune {
	n, _ := strconv.ParseUint(s[2:6], 16, 32)
	return rune(n)
}

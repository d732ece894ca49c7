package lua

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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

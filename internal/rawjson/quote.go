package rawjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendString appends s as a JSON string: only what must be escaped is (quotes, backslashes, control characters), and
// what is not UTF-8 becomes U+FFFD, as in encoding/json.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		dst = appendEscape(append(dst, s[from:i]...), c)
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// Quote is AppendString of a text that may be long, and nothing but escapes: it must not grow its copy step by step.
func Quote(dst, text []byte) []byte {
	room, valid := len(text)+2, utf8.Valid(text)
	for _, c := range text {
		switch {
		case c == '"', c == '\\':
			room++
		case c < ' ':
			room += len(`\u0000`) - 1
		case c >= utf8.RuneSelf && !valid:
			room += len("\ufffd") - 1
		}
	}
	return AppendString(append(make([]byte, 0, len(dst)+room+quoteMore), dst...), string(text))
}

// quoteMore is room for a little behind a text that was quoted.
const quoteMore = 128

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// Unquote decodes a raw JSON string, white space around it allowed. Halves of surrogate pairs that stand alone become
// U+FFFD, as in encoding/json; bytes that are not UTF-8 stay.
func Unquote(raw []byte) (string, error) {
	i := space(raw, 0)
	if i == len(raw) {
		return "", &SyntaxError{Offset: i, fault: tooShort}
	}
	if raw[i] != '"' {
		return "", &SyntaxError{Offset: i, fault: notString}
	}
	end, bad := str(raw, i+1)
	if bad != 0 {
		return "", &SyntaxError{Offset: end, fault: bad}
	}
	if rest := space(raw, end); rest < len(raw) {
		return "", &SyntaxError{Offset: rest, fault: tooLong}
	}
	inner := raw[i+1 : end-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	return string(unescape(make([]byte, 0, len(inner)), inner)), nil
}

// unescape appends what the inside of a valid JSON string says.
func unescape(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		if s[1] != 'u' {
			dst, s = append(dst, plain(s[1])), s[2:]
			continue
		}
		r, _ := hex4(s)
		s = s[6:]
		if utf16.IsSurrogate(r) {
			low, ok := hex4(s)
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				s = s[6:]
			} else {
				r = utf8.RuneError
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
}

// plain is the byte that a two-byte escape stands for.
func plain(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// hex4 reads \uXXXX at the beginning of s.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Comma parts what follows from what stands before it, unless that opened an object or an array.
func Comma(dst []byte) []byte {
	if c := dst[len(dst)-1]; c != '{' && c != '[' {
		return append(dst, ',')
	}
	return dst
}

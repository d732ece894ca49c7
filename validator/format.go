package validator

import (
	"encoding/base64"
	"errors"
	"strings"
)

// Use says what a claim's value is for, and so how it is written and what is refused in it (security.md 21, 22, 24).
type Use string

// The uses of a claim.
const (
	Joined  Use = "joined"  // a header: arrays joined with commas
	Repeat  Use = "repeat"  // a header per element
	JSON    Use = "json"    // a header: compact JSON
	Base64  Use = "base64"  // a header: base64url of compact JSON
	Segment Use = "segment" // one escaped path segment
	Plain   Use = "plain"   // the bare value: logs, limits, keys
)

// write prints a raw claim for a use. More than one string comes of Repeat alone. An error is a value that must not go
// where it is meant to go.
func (u Use) write(raw []byte) ([]string, error) {
	switch u {
	case JSON:
		return one(header(string(compact(raw)), ""))
	case Base64:
		return []string{base64.RawURLEncoding.EncodeToString(compact(raw))}, nil
	case Segment:
		return one(segment(plain(raw)))
	case Plain:
		return []string{plain(raw)}, nil
	}
	items, isList := elements(raw)
	if !isList {
		return one(header(scalar(raw), ""))
	}
	if u == Repeat {
		out := make([]string, len(items))
		for i, item := range items {
			var err error
			if out[i], err = header(scalar(item), ""); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return one(joined(items))
}

func one(s string, err error) ([]string, error) { return []string{s}, err }

// scalar is a value as text: strings decoded, numbers and words as they came, the rest compact JSON.
func scalar(raw []byte) string {
	if s, ok := unquote(raw); ok {
		return s
	}
	return string(compact(raw))
}

// plain is scalar, with arrays joined by commas.
func plain(raw []byte) string {
	items, isList := elements(raw)
	if !isList {
		return scalar(raw)
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = scalar(item)
	}
	return strings.Join(parts, ",")
}

// joined is a list as one header value. Either the whole of it is encoded or nothing: who reads it decodes it as one.
func joined(items [][]byte) (string, error) {
	parts := make([]string, len(items))
	encode := false
	for i, item := range items {
		parts[i] = scalar(item)
		unfit, must := look(parts[i], ",")
		if unfit {
			return "", errControl()
		}
		encode = encode || must
	}
	if encode {
		for i := range parts {
			parts[i] = percent(parts[i], ",")
		}
	}
	return strings.Join(parts, ","), nil
}

// header makes a text fit for a header value: as it is where it can be, else percent-encoded.
func header(s, also string) (string, error) {
	unfit, encode := look(s, also)
	if unfit {
		return "", errControl()
	}
	if encode {
		return percent(s, also), nil
	}
	return s, nil
}

func errControl() error { return errors.New("a control character in a value for a header") }

// look reports whether a text can never be a header value, and whether it must be encoded to be one: non-ASCII, a space at
// an end, or one of the bytes in also.
func look(s, also string) (unfit, encode bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20 || c == 0x7f:
			return true, false
		case c >= 0x80 || strings.IndexByte(also, c) >= 0:
			encode = true
		}
	}
	return false, encode || s != strings.Trim(s, " ")
}

// percent encodes non-ASCII, spaces at the ends, the bytes in also, and the percent sign itself.
func percent(s, also string) string {
	first := len(s) - len(strings.TrimLeft(s, " "))
	last := len(strings.TrimRight(s, " "))
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		outer := c == ' ' && (i < first || i >= last)
		if c >= 0x80 || c == '%' || outer || strings.IndexByte(also, c) >= 0 {
			escape(&b, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func escape(b *strings.Builder, c byte) {
	const digits = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(digits[c>>4])
	b.WriteByte(digits[c&15])
}

// segment makes a text one path segment, or refuses it: a segment that some server on the way would take for two, for
// another place or for nothing (security.md 24).
func segment(s string) (string, error) {
	if s == "" {
		return "", errors.New("an empty value for a path segment")
	}
	dots, err := decoded(s)
	if err != nil {
		return "", err
	}
	if dots == "." || dots == ".." {
		return "", errors.New("a dot segment")
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '/' || c == '\\' || c < 0x20 || c == 0x7f:
			return "", errors.New("a slash, a backslash or a control character in a value for a path segment")
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~!$'()*+,=:@", c) >= 0:
			b.WriteByte(c)
		default:
			escape(&b, c)
		}
	}
	return b.String(), nil
}

// decoded undoes percent escapes of dots, and refuses those of bytes that segment refuses: our own escaping makes them
// harmless at the next server, but not at one that decodes twice.
func decoded(s string) (string, error) {
	lower := strings.ToLower(s)
	for _, bad := range []string{"%2f", "%5c", "%00", "%0a", "%0d"} {
		if strings.Contains(lower, bad) {
			return "", errors.New("an encoded slash, backslash or control character in a value for a path segment")
		}
	}
	return strings.ReplaceAll(lower, "%2e", "."), nil
}

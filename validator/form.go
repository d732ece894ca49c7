package validator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxToken is the longest token that is looked at, in bytes (security.md 13).
const maxToken = 16 << 10

// form is a token in compact serialisation (RFC 7515 section 3.1) taken apart.
type form struct {
	buf       []byte // what the rest points into
	input     []byte // what is signed: header and payload, still encoded, and the dot between
	header    []byte
	payload   []byte
	signature []byte
}

// isTokenByte reports whether a compact serialisation may hold the byte.
func isTokenByte(c byte) bool {
	const (
		letters = 1<<26 - 1
		low     = 1<<'-' | 1<<'.' | (1<<10-1)<<'0'
		high    = letters<<('A'-64) | letters<<('a'-64) | 1<<('_'-64)
	)
	if c < 64 {
		return uint64(low)>>c&1 != 0
	}
	return c < 128 && uint64(high)>>(c-64)&1 != 0
}

// parse takes a token apart. It must have exactly three parts of canonical base64url without padding. Line breaks are
// looked for by hand, because Go's base64 skips them, and a token must have one spelling only (security.md 2).
func (f *form) parse(token string) error {
	if strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return errors.New("a byte that is not base64url")
	}
	first := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if first < 0 || first == last || strings.IndexByte(token[first+1:last], '.') >= 0 {
		return errors.New("not three parts")
	}
	f.buf = append(slices.Grow(f.buf[:0], 2*len(token)), token...)
	text := f.buf
	for _, part := range []struct {
		text []byte
		into *[]byte
	}{{text[:first], &f.header}, {text[first+1 : last], &f.payload}, {text[last+1:], &f.signature}} {
		start := len(f.buf)
		var err error
		if f.buf, err = base64.RawURLEncoding.Strict().AppendDecode(f.buf, part.text); err != nil {
			return errors.New("not canonical base64url")
		}
		*part.into = f.buf[start:len(f.buf):len(f.buf)]
	}
	f.input = text[:last:last]
	return nil
}

// isJWE reports whether a token that is no JWS looks like an encrypted one (RFC 7516 section 3.1).
func isJWE(token string) bool { return len(token) <= maxToken && strings.Count(token, ".") == 4 }

// jwsHeader is what we read of a token's header.
type jwsHeader struct {
	alg          string
	kid          string
	hasKid       bool
	x5t, x5tS256 string
}

// parseHeader reads and checks a token's header (security.md 1, 3, 4, 5, 8, 10), which is one JSON object with unique
// names: no second spelling of a registered one, strings where strings belong, and nothing that would change what the
// signature means. jku, x5u, jwk and x5c are not looked at. The reason tells a broken header from one that asks for what
// we do not do.
func parseHeader(fields object) (jwsHeader, Reason, error) {
	var h jwsHeader
	for _, m := range fields {
		if reason, err := h.read(string(m.name), m.value); err != nil {
			return h, reason, err
		}
	}
	return h, "", nil
}

// read takes one member of the header.
func (h *jwsHeader) read(name string, raw []byte) (Reason, error) {
	folded := strings.ToLower(name)
	if folded != name && registered(folded) || name != "x5t#S256" && folded == "x5t#s256" {
		return HeaderMalformed, errors.New("a second spelling of " + folded)
	}
	var value string
	into := &value
	switch name {
	case "alg":
		into = &h.alg
	case "kid":
		into, h.hasKid = &h.kid, true
	case "x5t":
		into = &h.x5t
	case "x5t#S256":
		into = &h.x5tS256
	case "crit", "b64", "zip", "enc":
		return HeaderUnsupported, errors.New(name + ", which is not understood here")
	case "typ", "cty":
	default:
		return "", nil
	}
	var isString bool
	if *into, isString = unquote(raw); !isString {
		return HeaderMalformed, errors.New(name + " is not a string")
	}
	if (name == "typ" || name == "cty") && !takes(name, value) {
		return HeaderUnsupported, fmt.Errorf("%s %q, which is no access token's", name, clip(value))
	}
	return "", nil
}

// takes reports whether a value of typ or cty leaves the token one that we read (security.md 3, 4).
func takes(name, value string) bool {
	if name == "cty" {
		return !strings.EqualFold(value, "JWT") && !strings.EqualFold(value, "application/jwt")
	}
	return strings.EqualFold(value, "JWT") || strings.EqualFold(value, "at+jwt") || strings.EqualFold(value, "application/at+jwt")
}

// registered reports whether a name, in lower case, is a header parameter of RFC 7515, 7516 or 7797.
func registered(name string) bool {
	switch name {
	case "alg", "kid", "typ", "cty", "crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c", "x5t":
		return true
	}
	return false
}

package validator

import (
	"net/http"
	"strings"
)

// source is where a token may come from: one header, and a cookie where the header is absent (security.md 14).
type source struct {
	header string // canonical spelling
	bearer bool   // the scheme must be written
	cookie string // "" for no cookie
}

// find returns the token of a request as it was written, not yet looked at, and the reason to refuse it for if it is not
// even what credentials may be (see [isToken68]). Without a token there is only a reason; TokenMissing: none was shown.
func (s *source) find(h http.Header) (token string, reason Reason) {
	if lines := h[s.header]; len(lines) > 0 {
		if len(lines) > 1 {
			return "", AuthorizationMalformed
		}
		return s.inHeader(lines[0])
	}
	if s.cookie != "" {
		if lines := h["Cookie"]; len(lines) > 0 {
			return s.inCookies(lines)
		}
	}
	return "", TokenMissing
}

// inHeader reads "Bearer token" (RFC 6750 section 2.1), or the bare token where no scheme is asked for.
func (s *source) inHeader(value string) (token string, reason Reason) {
	const scheme = "bearer"
	token = value
	if len(value) >= len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) &&
		(len(value) == len(scheme) || value[len(scheme)] == ' ') {
		token = strings.TrimLeft(value[len(scheme):], " ")
	} else if s.bearer || strings.IndexByte(value, ' ') >= 0 {
		return "", otherScheme(value)
	}
	return bounded(token, AuthorizationMalformed)
}

// otherScheme tells a header of another scheme from one that is none.
func otherScheme(value string) Reason {
	if value == "" || strings.IndexByte(value, ',') >= 0 {
		return AuthorizationMalformed
	}
	return SchemeWrong
}

// bounded looks at a token's length, which is all that is done before the cache is asked.
func bounded(token string, malformed Reason) (string, Reason) {
	switch {
	case len(token) > maxToken:
		return "", TokenTooLong
	case token == "":
		return "", malformed
	}
	return token, malformed
}

// isToken68 reports whether a text is what RFC 9110 section 11.2 allows as credentials. What is allowed there and is not
// base64url is a malformed token, not a malformed header.
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	if s == "" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isTokenByte(c) && c != '~' && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

// inCookies finds the one cookie of the name (RFC 6265 section 4.2.1), its name compared exactly.
func (s *source) inCookies(lines []string) (token string, reason Reason) {
	found := false
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if strings.Trim(name, " \t") != s.cookie {
				continue
			}
			if found {
				return "", CookieMalformed
			}
			found, token = true, value
		}
	}
	if token == "" {
		return "", TokenMissing
	}
	return bounded(token, CookieMalformed)
}

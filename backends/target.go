package backends

import (
	"fmt"
	"slices"
	"strings"
	"unique"

	"gatehouse/internal/rawjson"
)

// target is a url_pattern, parsed once: pieces of text and things to fill in. Values arrive escaped; nothing is
// substituted twice.
type target struct {
	pieces []piece
	room   [2]piece        // for the first of them, so that they lie beside what is read before them
	query  bool            // the pattern has a query of its own
	filled map[string]bool // the parameters of that, folded, that values are put into; nil: none
}

type piece struct {
	text string
	slot int32 // of the parameter, the claim or the step
	kind pieceKind
	late bool     // it stands in the query
	path []string // of a value in an earlier answer
}

type pieceKind uint8

const (
	pieceText pieceKind = iota
	pieceParam
	pieceClaim
	pieceEarlier
)

// parse reads a url_pattern such as "/users/{id}/orders?of={JWT.sub}&item={resp0_items.0}".
func (t *target) parse(pattern string, env Env) error {
	if !strings.HasPrefix(pattern, "/") {
		pattern = "/" + pattern
	}
	if i := strings.IndexFunc(pattern, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }); i >= 0 {
		return fmt.Errorf("%q has %q at offset %d, which cannot stand in a URL", pattern, pattern[i:i+1], i)
	}
	if i := brokenEscape(pattern); i >= 0 {
		return fmt.Errorf("%q has a %% at offset %d that begins no escape, want %%25 for the sign itself", pattern, i)
	}
	t.pieces, t.query = t.room[:0], strings.Contains(pattern, "?")
	for rest := pattern; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			t.pieces = append(t.pieces, text(escapeText(rest)))
			break
		}
		if open > 0 {
			t.pieces = append(t.pieces, text(escapeText(rest[:open])))
		}
		end := strings.IndexByte(rest[open:], '}')
		if end < 0 {
			return fmt.Errorf("%q has a { without a }", pattern)
		}
		p, err := parsePiece(rest[open+1:open+end], env)
		if err != nil {
			return err
		}
		before := pattern[:len(pattern)-len(rest)+open]
		if p.late = strings.Contains(before, "?"); p.late {
			t.fills(before)
		}
		t.pieces = append(t.pieces, p)
		rest = rest[open+end+1:]
	}
	return nil
}

// brokenEscape is where a % stands without two hexadecimal digits behind it, or -1.
func brokenEscape(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return i
		}
	}
	return -1
}

// escapeText writes text of the file as a URL may have it (RFC 3986 2): what no URL has is escaped, all else stays.
func escapeText(s string) string {
	var out []byte
	for i := range len(s) {
		if c := s[i]; c < 0x80 && !strings.ContainsRune("\"<>\\^`|", rune(c)) {
			out = append(out, c)
		} else {
			out = fmt.Appendf(out, "%%%02X", c)
		}
	}
	return string(out)
}

// text is a piece as it is written. Thousands of backends may have the same one, and then share it.
func text(s string) piece { return piece{text: unique.Make(s).Value()} }

// fills takes down the name of the parameter whose value goes on behind a part of the pattern.
func (t *target) fills(before string) {
	pair := before[strings.LastIndexAny(before, "?&")+1:]
	name, _, ok := strings.Cut(pair, "=")
	if !ok {
		return
	}
	if t.filled == nil {
		t.filled = map[string]bool{}
	}
	t.filled[foldParameter(name)] = true
}

func parsePiece(name string, env Env) (piece, error) {
	if i := slices.Index(env.Params, name); i >= 0 {
		return piece{kind: pieceParam, slot: int32(i), text: name}, nil
	}
	if claim, ok := strings.CutPrefix(name, "JWT."); ok {
		if env.Claim == nil {
			return piece{}, fmt.Errorf("{%s} needs a token, and the endpoint has no auth/validator", name)
		}
		slot, err := env.Claim(claim)
		if err == nil && env.Needs != nil {
			env.Needs(slot, name)
		}
		return piece{kind: pieceClaim, slot: int32(slot), text: name}, err
	}
	if step, path, ok := EarlierRef(name); ok && path != nil {
		if step >= env.Earlier {
			return piece{}, fmt.Errorf("{%s} points at the answer of step %d, which has not been asked by then (is \"sequential\": true set on the endpoint's proxy?)", name, step)
		}
		return piece{kind: pieceEarlier, slot: int32(step), path: path, text: name}, nil
	}
	return piece{}, noParam(name, env.Params)
}

// noParam says what may be filled in instead.
func noParam(name string, params []string) error {
	want := ""
	for _, p := range params {
		if strings.EqualFold(p, name) {
			return fmt.Errorf("{%s} is no parameter of the endpoint (did you mean {%s}?)", name, p)
		}
		want += "{" + p + "}, "
	}
	return fmt.Errorf("{%s} is no parameter of the endpoint, want %s{JWT.claim} or {respN_key}", name, want)
}

// append writes path and query for req. A value that is missing is a Failure; nothing is ever sent in its place.
func (t *target) append(dst []byte, req *Request) ([]byte, error) {
	for i := range t.pieces {
		p := &t.pieces[i]
		switch p.kind {
		case pieceText:
			dst = append(dst, p.text...)
		case pieceParam:
			dst = append(dst, req.Params[p.slot].Escaped...)
		case pieceClaim:
			if req.Caller.Claims == nil {
				return dst, MissingValue(p.text)
			}
			v, ok := req.Caller.Claims.Value(int(p.slot))
			if !ok || v == "" {
				return dst, MissingValue(p.text)
			}
			dst = append(dst, v...)
		case pieceEarlier:
			var err error
			if dst, err = p.earlier(dst, req); err != nil {
				return dst, err
			}
		}
	}
	query := req.Query
	if t.filled != nil {
		query = without(query, t.filled)
	}
	if query != "" {
		if t.query {
			dst = append(dst, '&')
		} else {
			dst = append(dst, '?')
		}
		dst = append(dst, query...)
	}
	return dst, nil
}

// MissingValue is the failure of a request that lacks what a url_pattern names: {JWT.sub}, or {resp0_id}.
func MissingValue(name string) error {
	reason := ReasonMissingValue
	if strings.HasPrefix(name, "JWT.") {
		reason = ReasonMissingClaim
	}
	return &Failure{Reason: reason, Err: fmt.Errorf("{%s} has no value", name)}
}

// earlier inserts a value of an earlier answer, as one escaped segment or as a value of the query.
func (p *piece) earlier(dst []byte, req *Request) ([]byte, error) {
	if int(p.slot) >= len(req.Parts) || req.Parts[p.slot] == nil {
		return dst, MissingValue(p.text)
	}
	raw, ok := req.Parts[p.slot].Body.Get(p.path...)
	if !ok {
		return dst, MissingValue(p.text)
	}
	value, ok := scalar(raw)
	if !ok || !p.late && (value == "" || value == "." || value == ".." || strings.ContainsAny(value, "/\\\x00\r\n")) {
		return dst, &Failure{Reason: ReasonMissingValue, Err: fmt.Errorf("{%s} is not one path segment", p.text)}
	}
	return AppendSegment(dst, value), nil
}

// scalar is the text of a raw JSON string, number or boolean; arrays of them are joined with commas.
func scalar(raw []byte) (string, bool) {
	switch raw[0] {
	case '"':
		s, err := rawjson.Unquote(raw)
		return s, err == nil
	case '{', 'n':
		return "", false
	case '[':
		var v rawjson.Value
		if v.Parse(raw, 1) != nil {
			return "", false
		}
		var parts []string
		for _, e := range v.Elements() {
			s, ok := scalar(e)
			if !ok {
				return "", false
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), true
	}
	return string(raw), true
}

// AppendSegment appends s as (a part of) one path segment or query value: everything that means something in a URL is
// percent-encoded (RFC 3986 2.1).
func AppendSegment(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; PlainByte(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// PlainByte reports whether a byte stands for itself in a segment.
func PlainByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '-', '.', '_', '~', ':', '@', '$', ',', '!', '*', '(', ')', '\'':
		return true
	}
	return false
}

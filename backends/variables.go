package backends

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/conf"
	"gatehouse/internal/rawjson"
)

// variable is one variable of a GraphQL document: its name and what is written there.
type variable struct {
	name   string
	key    []byte // quoted
	pieces []varPiece
	fixed  bool // nothing is filled in
}

// varPiece is JSON text, or a value that is filled in: a string, or, where JSON is the source and nothing stands beside
// it, the value as it is.
type varPiece struct {
	text  []byte
	from  *piece   // a parameter, a claim or a value of an earlier answer
	query string   // a query parameter
	body  []string // a value in the client's body
	alone bool     // all of its string
	name  string   // as written, for messages
}

// parseVariables compiles the variables. A {name} that cannot be one of ours is text.
func parseVariables(v *Variables, env Env) ([]variable, error) {
	if v == nil {
		return nil, nil
	}
	var parsed rawjson.Value
	if err := parsed.Parse(v.raw, 1); err != nil {
		return nil, err
	}
	var list []variable
	var errs []error
	for _, m := range parsed.Members() {
		name, err := rawjson.Unquote(m.Key)
		if err != nil {
			return nil, err
		}
		one := variable{name: name, key: m.Key}
		if one.pieces, err = parseTemplate(m.Value, env); err != nil {
			errs = append(errs, conf.At(err, name))
		}
		one.fixed = len(one.pieces) == 1 && one.pieces[0].text != nil
		list = append(list, one)
	}
	return list, conf.Join(errs...)
}

// parseTemplate takes a JSON value apart at the places that are filled in. Keys are never.
func parseTemplate(raw []byte, env Env) ([]varPiece, error) {
	var pieces []varPiece
	text := func(b []byte) {
		if n := len(pieces); n > 0 && pieces[n-1].text != nil {
			pieces[n-1].text = append(pieces[n-1].text, b...)
		} else {
			pieces = append(pieces, varPiece{text: append([]byte(nil), b...)})
		}
	}
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			text(raw[i : i+1])
			i++
			continue
		}
		end := stringEnd(raw, i)
		written, err := rawjson.Unquote(raw[i:end])
		if err != nil {
			return nil, err
		}
		if rest := strings.TrimLeft(string(raw[end:]), " \t\r\n"); strings.HasPrefix(rest, ":") || !strings.Contains(written, "{") {
			text(raw[i:end])
			i = end
			continue
		}
		filled, err := parseString(written, env)
		if err != nil {
			return nil, err
		}
		if len(filled) == 1 && filled[0].alone {
			pieces = append(pieces, filled[0])
		} else {
			text([]byte{'"'})
			for _, p := range filled {
				if p.text != nil {
					text(p.text)
				} else {
					pieces = append(pieces, p)
				}
			}
			text([]byte{'"'})
		}
		i = end
	}
	return pieces, nil
}

// stringEnd is where the JSON string that begins at i ends.
func stringEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// parseString takes one string apart; its text is printed as the inside of a JSON string.
func parseString(s string, env Env) (pieces []varPiece, err error) {
	whole := s
	text := func(t string) {
		if t != "" {
			quoted := rawjson.AppendString(nil, t)
			pieces = append(pieces, varPiece{text: quoted[1 : len(quoted)-1]})
		}
	}
	for s != "" {
		open := strings.IndexByte(s, '{')
		end := -1
		if open >= 0 {
			end = strings.IndexByte(s[open:], '}')
		}
		if end < 0 {
			text(s)
			break
		}
		name := s[open+1 : open+end]
		if !placeholder(name) {
			text(s[:open+1])
			s = s[open+1:]
			continue
		}
		text(s[:open])
		p, err := parseVarPiece(name, env)
		if err != nil {
			return nil, err
		}
		p.alone = whole == "{"+name+"}"
		pieces = append(pieces, p)
		s = s[open+end+1:]
	}
	return pieces, nil
}

// placeholder reports whether what stands between braces is a name.
func placeholder(name string) bool {
	for _, c := range []byte(name) {
		if c >= 0x80 || !PlainByte(c) && c != '/' {
			return false
		}
	}
	return name != ""
}

func parseVarPiece(name string, env Env) (varPiece, error) {
	if key, ok := strings.CutPrefix(name, "query."); ok && key != "" {
		return varPiece{query: key, name: name}, nil
	}
	if path, ok := strings.CutPrefix(name, "body."); ok && path != "" {
		return varPiece{body: strings.Split(path, "."), name: name}, nil
	}
	_, _, earlier := EarlierRef(name)
	if !earlier && !slices.Contains(env.Params, name) && !strings.HasPrefix(name, "JWT.") {
		return varPiece{}, fmt.Errorf("{%s} is nothing that we know; want one of the path's parameters %v, query.name, body.path, JWT.claim or respN_key", name, env.Params)
	}
	p, err := parsePiece(name, env)
	if err != nil {
		return varPiece{}, err
	}
	return varPiece{from: &p, name: name}, nil
}

// append prints the piece.
func (p *varPiece) append(dst []byte, req *Request, body *rawjson.Value) ([]byte, error) {
	switch {
	case p.text != nil:
		return append(dst, p.text...), nil
	case p.body != nil:
		raw, ok := body.Get(p.body...)
		return p.json(dst, raw, ok)
	case p.query != "":
		value, ok := queryValue(req.Query, p.query)
		return p.string(dst, value, ok), nil
	}
	switch p.from.kind {
	case pieceParam:
		return p.string(dst, req.Params[p.from.slot].Value, true), nil
	case pieceClaim:
		value, ok := claimed(req, int(p.from.slot))
		if !ok {
			return dst, MissingValue(p.name)
		}
		return p.string(dst, value, true), nil
	}
	if int(p.from.slot) < len(req.Parts) && req.Parts[p.from.slot] != nil {
		if raw, ok := req.Parts[p.from.slot].Body.Get(p.from.path...); ok {
			return p.json(dst, raw, true)
		}
	}
	return dst, MissingValue(p.name)
}

// json prints a value as it is, or its text into a string. What is not there is null, or no text.
func (p *varPiece) json(dst, raw []byte, ok bool) ([]byte, error) {
	if p.alone {
		if !ok {
			raw = []byte("null")
		}
		return append(dst, raw...), nil
	}
	if !ok {
		return dst, nil
	}
	value, ok := scalar(raw)
	if !ok {
		return dst, &Failure{Reason: ReasonUnfit, Err: fmt.Errorf("{%s} is no text", p.name)}
	}
	return p.string(dst, value, true), nil
}

func (p *varPiece) string(dst []byte, value string, ok bool) []byte {
	switch quoted := rawjson.AppendString(nil, value); {
	case !p.alone && ok:
		return append(dst, quoted[1:len(quoted)-1]...)
	case !p.alone:
		return dst
	case ok:
		return append(dst, quoted...)
	}
	return append(dst, "null"...)
}

// claimed is a claim as it was before it became a path segment.
func claimed(req *Request, slot int) (string, bool) {
	if req.Caller.Claims == nil {
		return "", false
	}
	segment, ok := req.Caller.Claims.Value(slot)
	if !ok || segment == "" {
		return "", false
	}
	value, err := url.PathUnescape(segment)
	return value, err == nil
}

// queryValue is the first value of a parameter of a query.
func queryValue(query, name string) (string, bool) {
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		value, err := url.QueryUnescape(value)
		return value, err == nil
	}
	return "", false
}

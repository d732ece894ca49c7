package backends

import (
	"strings"

	"gatehouse/internal/lua"
)

// EarlierRef splits "resp0_a.b" into 0 and [a b]; "resp0" alone has no path.
func EarlierRef(name string) (step int, path []string, ok bool) {
	rest, ok := strings.CutPrefix(name, "resp")
	if !ok {
		return 0, nil, false
	}
	digits, key, ok := strings.Cut(rest, "_")
	if digits == "" || len(digits) > 3 || ok && key == "" {
		return 0, nil, false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, nil, false
		}
		step = step*10 + int(c-'0')
	}
	if key == "" {
		return step, nil, true
	}
	return step, strings.Split(key, "."), true
}

// Earlier is a value of an earlier answer that scripts and expressions see as a parameter: sequential_propagated_params.
type Earlier struct {
	name string // Resp0_a.b
	step int
	path []string // nil: the whole answer
}

// NewEarlier reads "resp0_a.b", or "resp0" for the whole answer of step 0.
func NewEarlier(ref string) (e Earlier, step int, ok bool) {
	step, path, ok := EarlierRef(ref)
	return Earlier{name: Title(ref), step: step, path: path}, step, ok
}

// Propagate gives the request those of the values that there are: scalars as text, all else as JSON.
func (r *Request) Propagate(values []Earlier) {
	r.Earlier = nil
	for _, e := range values {
		if e.step >= len(r.Parts) || r.Parts[e.step] == nil {
			continue
		}
		body := &r.Parts[e.step].Body
		if e.path == nil {
			r.Earlier = append(r.Earlier, lua.Pair{Name: e.name, Value: string(body.Append(nil))})
		} else if raw, ok := body.Get(e.path...); ok && string(raw) != "null" {
			r.Earlier = append(r.Earlier, lua.Pair{Name: e.name, Value: textOf(raw)})
		}
	}
}

func textOf(raw []byte) string {
	if text, ok := scalar(raw); ok {
		return text
	}
	return string(raw)
}

// inPath are the values of earlier answers that a url_pattern names: KrakenD has them among the parameters.
func (t *target) inPath(req *Request) (list []lua.Pair) {
	for i := range t.pieces {
		p := &t.pieces[i]
		if p.kind != pieceEarlier || int(p.slot) >= len(req.Parts) || req.Parts[p.slot] == nil {
			continue
		}
		if raw, ok := req.Parts[p.slot].Body.Get(p.path...); ok {
			list = append(list, lua.Pair{Name: Title(p.text), Value: textOf(raw)})
		}
	}
	return list
}

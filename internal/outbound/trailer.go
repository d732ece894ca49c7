package outbound

import (
	"net/http"
	"strings"
)

// announce writes the names that are known.
func (t *Trailer) announce(b []byte) []byte {
	if t == nil || len(t.Announced) == 0 {
		return b
	}
	b = append(b, "Trailer: "...)
	b = append(b, strings.Join(t.Announced, ", ")...)
	return append(b, '\r', '\n')
}

// read are the fields behind a body that has ended, but for what frames or routes.
func (t *Trailer) read() ([]Field, error) {
	if t == nil || t.Fields == nil {
		return nil, nil
	}
	var kept []Field
	for _, f := range t.Fields() {
		if !isOurs(f.Name) {
			kept = append(kept, f)
		}
	}
	return kept, checkFields(kept)
}

// appendTo writes the fields behind the last chunk, and the empty line that ends the request.
func (t *Trailer) appendTo(b []byte) ([]byte, error) {
	fields, err := t.read()
	for _, f := range fields {
		b = append(b, f.Name...)
		b = append(b, ':', ' ')
		b = append(b, f.Value...)
		b = append(b, '\r', '\n')
	}
	return append(b, '\r', '\n'), err
}

// header makes the map that net/http sends trailers from: it announces the names that it has at once, and sends all that it has
// when the body ends. An empty one, unlike none, may still be filled.
func (t *Trailer) header() http.Header {
	if t == nil {
		return nil
	}
	h := make(http.Header, len(t.Announced))
	for _, name := range t.Announced {
		h[http.CanonicalHeaderKey(name)] = nil
	}
	return h
}

// fill gives the names their values, announced or not.
func (t *Trailer) fill(h http.Header) error {
	fields, err := t.read()
	if err != nil {
		return err
	}
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	return nil
}

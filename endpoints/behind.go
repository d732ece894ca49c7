package endpoints

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"gatehouse/backends"
	"gatehouse/validator"
)

// behindScript has rules and schema judge what modifier/lua-proxy has made of the request (krakend.md 2.1).
func (c *guardCompiler) behindScript() {
	if len(c.behind) == 0 {
		return
	}
	guards, reads, e := c.behind, c.reads, c.endpoint
	e.edits = append(e.edits, func(ctx context.Context, x *Exchange, r *http.Request, claims *validator.Claims, req *backends.Request) error {
		seen, err := e.project.changed(x, r, req, reads)
		if err != nil {
			return err
		}
		for _, pass := range guards {
			if err := pass(ctx, x, nil, seen, claims); err != nil {
				return err
			}
		}
		return nil
	})
}

// changed is the client's request with what a script has changed of it: the headers and parameters that pass, the path
// parameters, the body.
func (p *projection) changed(x *Exchange, r *http.Request, req *backends.Request, reads bool) (*http.Request, error) {
	seen := r.Clone(r.Context())
	seen.Method = req.Method
	if r.URL.RawQuery == "" || req.Query != p.query.Filter(r.URL.RawQuery) {
		seen.URL.RawQuery = req.Query
	}
	for name := range seen.Header {
		if p.all || slices.Contains(p.names, name) {
			delete(seen.Header, name)
		}
	}
	for _, f := range req.Header {
		seen.Header.Add(f.Name, f.Value)
	}
	for i := range req.Params {
		x.Params[i] = req.Params[i].Escaped
	}
	seen.Body, seen.ContentLength = http.NoBody, 0
	if reads {
		body, err := kept(&req.Body)
		if err != nil {
			return nil, err
		}
		setBody(seen, body)
	}
	return seen, nil
}

// kept is the whole of a body; it is what backends will be sent.
func kept(b *backends.Body) ([]byte, error) {
	if b.Stream == nil {
		return b.Bytes, nil
	}
	read, err := readUpTo(nil, b.Stream, b.Length, maxFanOutBody)
	switch {
	case errors.Is(err, errMore):
		return nil, tooLarge(maxFanOutBody)
	case err != nil:
		return nil, badBody(err)
	}
	*b = backends.Body{Bytes: read, Length: int64(len(read)), Trailer: b.Trailer}
	return read, nil
}

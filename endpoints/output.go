package endpoints

import (
	"fmt"
	"net/http"

	"golang.org/x/net/http/httpguts"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// outputHeaders is output_headers: which headers of backends reach the client. nil lets none pass, and all of a stream's.
type outputHeaders struct {
	all   bool
	names map[string]bool // canonical
}

func newOutputHeaders(names []string) (*outputHeaders, error) {
	if names == nil {
		return nil, nil
	}
	o := &outputHeaders{names: map[string]bool{}}
	var errs []error
	for i, name := range names {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case name == "*":
			o.all = true
		case !httpguts.ValidHeaderFieldName(name):
			errs = append(errs, conf.At(fmt.Errorf("got %q, want the name of a header, or *", name), i))
		case ofBody(canonical) || hopByHop(canonical):
			errs = append(errs, conf.At(fmt.Errorf("%s is about the body, which we write, or about one connection; it never passes", canonical), i))
		default:
			o.names[canonical] = true
		}
	}
	return o, conf.Join(errs...)
}

// ofBody are headers that are about the bytes of a body; one that is written anew has others.
func ofBody(canonical string) bool {
	switch canonical {
	case "Content-Type", "Content-Length", "Content-Encoding", "Content-Range", "Content-Md5", "Content-Digest", "Repr-Digest",
		"Digest", "Accept-Ranges", "Date":
		return true
	}
	return false
}

func (o *outputHeaders) passes(canonical string) bool {
	return (o.all || o.names[canonical]) && !ofBody(canonical) && !hopByHop(canonical)
}

// copy hands on the headers of an answer that is written anew. What is there already is ours and stays. Of several
// backends each says what those before it do not; Set-Cookie, Link and Vary are all of them, each line whole.
func (o *outputHeaders) copy(h http.Header, res *backends.Response) {
	if o == nil {
		return
	}
	o.fields(h, res.Header)
	for _, part := range res.Parts() {
		o.copy(h, part)
	}
}

func (o *outputHeaders) fields(h http.Header, fields []outbound.Field) {
	if o == nil {
		return
	}
	for i := range fields {
		name := http.CanonicalHeaderKey(fields[i].Name)
		switch {
		case !o.passes(name):
		case additive(name):
			h[name] = append(h[name], fields[i].Value)
		case h[name] == nil: // then it is the first of its name here, too
			for j := i; j < len(fields); j++ {
				if http.CanonicalHeaderKey(fields[j].Name) == name {
					h[name] = append(h[name], fields[j].Value)
				}
			}
		}
	}
}

// additive headers are a list of everybody's.
func additive(canonical string) bool {
	return canonical == "Set-Cookie" || canonical == "Link" || canonical == "Vary"
}

// stream hands on the headers of an answer that goes through as it comes: all, or those of the list and what the body
// needs. What is there already is ours and stays.
func (o *outputHeaders) stream(h http.Header, fields []outbound.Field) {
	values := make([]string, 0, len(fields)) // of all headers that come once: one allocation
	for i := range fields {
		name := http.CanonicalHeaderKey(fields[i].Name)
		switch {
		case o != nil && !o.all && !o.names[name] && !ofBody(name):
		case additive(name):
			h[name] = append(h[name], fields[i].Value)
		case h[name] == nil:
			values = append(values, fields[i].Value)
			h[name] = values[len(values)-1 : len(values) : len(values)]
			for j := i + 1; j < len(fields); j++ {
				if http.CanonicalHeaderKey(fields[j].Name) == name {
					h[name] = append(h[name], fields[j].Value)
				}
			}
		}
	}
}

// trailers hands on the fields behind a body: those that would pass as headers, and none that frames, or says what we say.
func (o *outputHeaders) trailers(h http.Header, out *outbound.Response) {
	for _, f := range out.Trailer {
		name := http.CanonicalHeaderKey(f.Name)
		ours := h[name] != nil && out.Get(name) == ""
		if ours || !httpguts.ValidTrailerHeader(name) || o != nil && !o.all && !o.names[name] {
			continue
		}
		h.Add(http.TrailerPrefix+name, f.Value)
	}
}

// errorHeaders are those of a failed answer that the client needs to act on it; they pass with it.
var errorHeaders = &outputHeaders{names: map[string]bool{"Location": true, "Retry-After": true, "Www-Authenticate": true}}

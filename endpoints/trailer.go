package endpoints

import (
	"maps"
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"

	"gatehouse/internal/outbound"
)

// trailer is what may pass of the fields behind a body that is still to come; nil: none can follow it.
func (p *projection) trailer(r *http.Request) *outbound.Trailer {
	if r.ContentLength >= 0 && len(r.Trailer) == 0 {
		return nil
	}
	t := &outbound.Trailer{Fields: func() []outbound.Field { return p.trailers(r) }}
	t.Announced = p.trailing(r)
	return t
}

// trailerRead is the same of a body that has been read: the fields are here.
func (p *projection) trailerRead(r *http.Request) *outbound.Trailer {
	if len(r.Trailer) == 0 {
		return nil
	}
	fields := p.trailers(r)
	if len(fields) == 0 {
		return nil
	}
	t := &outbound.Trailer{Fields: func() []outbound.Field { return fields }}
	for _, f := range fields {
		t.Announced = append(t.Announced, f.Name)
	}
	t.Announced = slices.Compact(t.Announced)
	return t
}

// trailers are the fields that came behind a body and may pass, in a fixed order.
func (p *projection) trailers(r *http.Request) (list []outbound.Field) {
	for _, name := range p.trailing(r) {
		for _, v := range r.Trailer[name] {
			list = append(list, outbound.Field{Name: name, Value: v})
		}
	}
	return list
}

// trailing are the names that may pass, of those that have come or are announced.
func (p *projection) trailing(r *http.Request) (names []string) {
	hop := connectionNames(r.Header["Connection"])
	for _, name := range slices.Sorted(maps.Keys(r.Trailer)) {
		if p.mayTrail(name) && !slices.Contains(hop, name) {
			names = append(names, name)
		}
	}
	return names
}

// mayTrail reports whether a field may follow a body: it would pass as a header, and it neither frames, routes nor says who
// asks (RFC 9110 6.5.1). Without that, what is taken off a head could come back behind the body.
func (p *projection) mayTrail(name string) bool {
	switch {
	case !httpguts.ValidTrailerHeader(name), name == "Cookie", ours(name), p.rules.ClaimHeaders.Has(name):
		return false
	}
	return p.all || slices.Contains(p.names, name)
}

package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// route is one endpoint and where it stands in the file.
type route struct {
	endpoint *endpoints.Endpoint
	index    int
}

// routes are all endpoints that could be compiled, and what is wrong with them together.
type routes struct {
	list   []route
	groups map[string][]route // by method and shape: only these can answer the same request
	errs   []error
}

func newRoutes(list []route, builtin *builtins) *routes {
	rs := &routes{list: list, groups: map[string][]route{}}
	for _, r := range list {
		if err := checkRoute(r.endpoint, builtin); err != nil {
			rs.errs = append(rs.errs, conf.At(err, "endpoints", r.index))
			continue
		}
		key := r.endpoint.Method + " " + shape(r.endpoint.Route)
		for _, other := range rs.groups[key] {
			if err := conflict(r, other); err != nil {
				rs.errs = append(rs.errs, conf.At(err, "endpoints", r.index, "endpoint"))
				break
			}
		}
		rs.groups[key] = append(rs.groups[key], r)
	}
	return rs
}

// has reports whether a method has a route of its own where another endpoint is.
func (rs *routes) has(method string, e *endpoints.Endpoint) bool {
	return slices.ContainsFunc(rs.groups[method+" "+shape(e.Route)], func(r route) bool { return plain(r.endpoint) })
}

// checkRoute refuses what can never be served.
func checkRoute(e *endpoints.Endpoint, builtin *builtins) error {
	if !slices.Contains(methods(), e.Method) {
		return conf.At(fmt.Errorf("got %q, want GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS", e.Method), "method")
	}
	for _, reserved := range []string{"/__debug", "/__echo", "/__health"} {
		if e.Path == reserved || strings.HasPrefix(e.Path, reserved+"/") {
			return conf.At(fmt.Errorf("%s is ours; choose another path", reserved), "endpoint")
		}
	}
	if _, ok := builtin.exact[e.Path]; ok {
		return conf.At(fmt.Errorf("%s is ours (health); choose another path, or another router.health_path", e.Path), "endpoint")
	}
	return nil
}

// methods are those that an endpoint may have; all others are never served.
func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
}

// conflict is the mistake of two endpoints that answer the same request, neither being more specific.
func conflict(r, other route) error {
	path := r.endpoint.Route.Both(other.endpoint.Route)
	if path == "" {
		return nil
	}
	for _, m := range r.endpoint.Matches {
		for _, o := range other.endpoint.Matches {
			if with, ok := m.Both(o); ok {
				return fmt.Errorf("%s %s is the same route as endpoints[%d] (%s %s): both answer %s %s%s", r.endpoint.Method, r.endpoint.Path,
					other.index, other.endpoint.Method, other.endpoint.Path, r.endpoint.Method, path, with)
			}
		}
	}
	return nil
}

// plain reports whether gin's tree can hold an endpoint.
func plain(e *endpoints.Endpoint) bool {
	for _, s := range e.Route.Segments {
		switch {
		case s.Kind == endpoints.Wildcard, s.Kind == endpoints.Mixed:
			return false
		case s.Kind == endpoints.Literal && strings.ContainsAny(s.Texts[0], ":*"):
			return false
		}
	}
	return len(e.Matches) == 1 && e.Matches[0].Any()
}

// shape is a pattern with its parameters named by position, as gin wants them; mixed segments and wildcards are only marked.
func shape(p *endpoints.Path) string {
	var b strings.Builder
	for i, s := range p.Segments {
		b.WriteByte('/')
		switch s.Kind {
		case endpoints.Literal:
			b.WriteString(s.Texts[0])
		case endpoints.Param:
			fmt.Fprintf(&b, ":p%d", i)
		case endpoints.Mixed:
			b.WriteString("{}")
		default:
			b.WriteString("{...}")
		}
	}
	return b.String()
}

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

// checkRoutes tells what is wrong with endpoints together: none is compared with one that cannot answer the same request.
func checkRoutes(list []route, builtin *builtins) error {
	var errs []error
	groups := map[string][]route{} // by method and shape
	for _, r := range list {
		if err := checkRoute(r.endpoint, builtin); err != nil {
			errs = append(errs, conf.At(err, "endpoints", r.index))
			continue
		}
		key := r.endpoint.Method + " " + shape(r.endpoint.Route)
		for _, other := range groups[key] {
			if err := conflict(r, other); err != nil {
				errs = append(errs, conf.At(err, "endpoints", r.index, "endpoint"))
				break
			}
		}
		groups[key] = append(groups[key], r)
	}
	return conf.Join(errs...)
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

// shape is a pattern without what fills it: segments of the same shape may fit the same text.
func shape(p *endpoints.Path) string {
	var b strings.Builder
	for _, s := range p.Segments {
		b.WriteByte('/')
		switch s.Kind {
		case endpoints.Literal:
			b.WriteString(s.Texts[0])
		case endpoints.Param:
			b.WriteString("{}")
		case endpoints.Mixed:
			b.WriteString("{}+") // as no literal is spelt
		default:
			b.WriteString("{...}")
		}
	}
	return b.String()
}

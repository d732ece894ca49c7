package gateway

import (
	"log/slog"
	"net/http"
	"path"
	"strings"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// router finds the endpoint of a request, or the path that the client should have asked for: with another slash at its
// end, in other case, without the slashes and dots that lead nowhere. That much is KrakenD's grammar (gin's, in truth).
type router struct {
	tree    tree
	builtin *builtins
	answers
	options  RouterConfig
	head     bool
	inner    []door
	scripted bool // one of them may change the request
}

func newRouter(cfg Config, m manners, voice endpoints.Voice, list []route, log *slog.Logger) (*router, error) {
	rc := routerOf(cfg)
	t := &router{builtin: newBuiltins(cfg, rc, log), options: rc, head: conf.Value(rc.AutoHead, m.autoHead),
		answers: newAnswers(rc, voice, conf.Value(rc.AutoOptions, m.autoOptions))}
	if err := checkRoutes(list, t.builtin); err != nil {
		return t, err
	}
	for _, r := range list {
		t.tree.add(r.endpoint.Method, r.endpoint)
		if t.head && r.endpoint.Method == http.MethodGet {
			t.tree.add(http.MethodHead, r.endpoint)
		}
	}
	t.tree.pack()
	return t, nil
}

// serve answers a request by its route, or says that there is none. No token is looked at before the route is known.
func (t *router) serve(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) {
	path, ok := t.normalPath(r)
	if !ok {
		t.badPath(x, w, r)
		return
	}
	b, ours := t.builtin.find(path)
	asked := r
	if t.scripted {
		asked = r.Clone(r.Context()) // the route is that of what the client has asked, whatever a script makes of it
	}
	if !ours || b.method { // who looks after our health is no bot
		for _, pass := range t.inner {
			if pass(x, w, r) {
				x.Endpoint = t.meant(asked, path)
				return
			}
		}
	}
	if ours {
		t.serveBuiltin(b, x, w, r)
		return
	}
	s := search{method: asked.Method, r: asked, empty: true, params: x.Params}
	if e := t.tree.find(&s, path); e != nil && !(s.wild && t.shadowed(e, asked, path)) {
		x.Params = s.params
		e.ServeHTTP(x, w, r)
		return
	}
	t.unserved(x, w, asked, path)
}

// meant is the route of a request that did not come to it, for the log; "" where there is none.
func (t *router) meant(r *http.Request, path string) string {
	if e := t.tree.find(&search{method: r.Method, r: r, empty: true}, path); e != nil {
		return e.Path
	}
	return ""
}

// shadowed tells whether a path that only a wildcard takes is another way to write one that a more specific endpoint has:
// with slashes that lead nowhere. A backend may take both for the same, and what guards the one must guard the other.
func (t *router) shadowed(wild *endpoints.Endpoint, r *http.Request, asked string) bool {
	if !strings.HasSuffix(asked, "/") && !strings.Contains(asked, "//") {
		return false
	}
	e := t.tree.find(&search{method: r.Method, r: r}, path.Clean(asked))
	return e != nil && e.Route.Compare(wild.Route) > 0
}

// unserved answers a request that no endpoint answers.
func (t *router) unserved(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, path string) {
	if location, ok := t.elsewhere(r, path); ok {
		t.redirect(x, w, r, location)
		return
	}
	if allow := t.allowed(r, path); len(allow) > 0 && (!t.options.DisableHandleMethodNotAllowed || t.optionsOf(r)) {
		t.otherMethod(x, w, r, allow)
		return
	}
	t.nothing(x, w, r)
}

// allowed are the methods that a path has.
func (t *router) allowed(r *http.Request, path string) (allow []string) {
	for _, m := range methods() {
		if t.tree.find(&search{method: m, r: r}, path) != nil {
			allow = append(allow, m)
		}
	}
	return allow
}

// elsewhere is the path that the client should have asked for, spelt as the route is.
func (t *router) elsewhere(r *http.Request, asked string) (string, bool) {
	if asked == "/" {
		return "", false
	}
	if other := otherSlash(asked); !t.options.DisableRedirectTrailingSlash && t.tree.find(&search{method: r.Method, r: r}, other) != nil {
		return other, true
	}
	if t.options.DisableRedirectFixedPath {
		return "", false
	}
	clean := path.Clean(asked)
	if strings.HasSuffix(asked, "/") && clean != "/" {
		clean += "/"
	}
	for _, fold := range []bool{false, true} {
		for _, try := range []string{clean, otherSlash(clean)} {
			s := search{method: r.Method, r: r, fold: fold}
			switch found := t.tree.find(&s, try) != nil; {
			case found && fold:
				return "/" + strings.Join(s.spelt, "/"), true
			case found:
				return try, true
			}
		}
	}
	return "", false
}

// otherSlash is a path with a slash at its end, or without the one it has.
func otherSlash(path string) string {
	if short, ok := strings.CutSuffix(path, "/"); ok && short != "" {
		return short
	}
	return path + "/"
}

// normalPath is the escaped path with one spelling, the one that routes are looked up by; false: it is none.
func (t *router) normalPath(r *http.Request) (string, bool) {
	path := r.URL.EscapedPath()
	if path == "" || path[0] != '/' || strings.ContainsAny(path, "\\\x00\r\n") {
		return "", false
	}
	path = endpoints.NormalEscapes(path)
	if t.options.RemoveExtraSlash {
		for strings.Contains(path, "//") {
			path = strings.ReplaceAll(path, "//", "/")
		}
	}
	return path, true
}

package gateway

import (
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// router finds the endpoint of a request. gin's tree does the finding and nothing else: it is asked with a request and a
// writer of ours, so that nothing of gin touches the answer. What its tree cannot hold is in one of ours; where both have
// a route, the more specific one answers. What gin does not find is looked for once more: its tree does not always come
// back from a text that led nowhere to a parameter beside it.
type router struct {
	engine  *gin.Engine
	tree    tree // what gin cannot hold
	whole   tree // all routes
	finders sync.Pool
	builtin *builtins
	answers
	options RouterConfig
	head    bool
}

func newRouter(cfg Config, m manners, voice endpoints.Voice, list []route, log *slog.Logger) (*router, error) {
	rc := routerOf(cfg)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = !rc.DisableRedirectTrailingSlash
	engine.RedirectFixedPath = !rc.DisableRedirectFixedPath
	engine.HandleMethodNotAllowed = false
	t := &router{engine: engine, builtin: newBuiltins(cfg, rc, log), options: rc, head: conf.Value(rc.AutoHead, m.autoHead),
		answers: newAnswers(rc, voice, conf.Value(rc.AutoOptions, m.autoOptions))}
	t.finders.New = func() any { return newFinder() }
	rs := newRoutes(list, t.builtin)
	if err := conf.Join(rs.errs...); err != nil {
		return t, err // gin panics on what it cannot hold
	}
	for _, r := range rs.list {
		t.add(r.endpoint.Method, r.endpoint)
		if t.head && r.endpoint.Method == http.MethodGet && !(plain(r.endpoint) && rs.has(http.MethodHead, r.endpoint)) {
			t.add(http.MethodHead, r.endpoint)
		}
	}
	return t, nil
}

func (t *router) add(method string, e *endpoints.Endpoint) {
	t.whole.add(method, e)
	if plain(e) {
		t.engine.Handle(method, shape(e.Route), found(e))
		return
	}
	t.tree.add(method, e)
}

// found is the handler that gin calls: it only takes down what was found.
func found(e *endpoints.Endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		f, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		finder := f.Unwrap().(*finder)
		finder.endpoint = e
		for i := range c.Params {
			finder.params = append(finder.params, c.Params[i].Value)
		}
	}
}

// finder is what gin is asked with and answers to.
type finder struct {
	req      http.Request
	url      url.URL
	header   http.Header
	status   int
	endpoint *endpoints.Endpoint
	params   []string
	other    search // for our own tree
}

func newFinder() *finder { return &finder{header: http.Header{}} }

func (f *finder) Header() http.Header         { return f.header }
func (f *finder) Write(b []byte) (int, error) { return len(b), nil }
func (f *finder) WriteHeader(status int)      { f.status = status }

// find looks for the endpoint of a method and a normal path; the answer is in the finder until it is given back.
func (t *router) find(r *http.Request, method, path string) *finder {
	f := t.finders.Get().(*finder)
	f.url = url.URL{Path: path}
	f.req = http.Request{Method: method, URL: &f.url, Header: http.Header(nil), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	f.status, f.endpoint, f.params = 0, nil, f.params[:0]
	clear(f.header)
	t.engine.ServeHTTP(f, &f.req)
	switch {
	case f.endpoint == nil:
		f.search(&t.whole, r, method, path)
	case t.tree.size > 0:
		f.search(&t.tree, r, method, path)
	}
	return f
}

// search takes what a tree of ours has, if it is more specific than what gin found.
func (f *finder) search(t *tree, r *http.Request, method, path string) {
	s := &f.other
	*s = search{method: method, r: r, params: s.params[:0], spelt: s.spelt[:0]}
	if e := t.root.find(s, path[1:]); e != nil && (f.endpoint == nil || e.Route.Compare(f.endpoint.Route) >= 0) {
		f.endpoint, f.status = e, 0
		f.params = append(f.params[:0], s.params...)
	}
	s.r = nil
}

// serve answers a request by its route, or says that there is none. No token is looked at before the route is known.
func (t *router) serve(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) {
	path, ok := t.normalPath(r)
	if !ok {
		t.badPath(x, w, r)
		return
	}
	if b, ok := t.builtin.find(path); ok {
		t.serveBuiltin(b, x, w, r)
		return
	}
	f := t.find(r, r.Method, path)
	defer t.finders.Put(f)
	if f.endpoint != nil {
		x.Params = append(x.Params, f.params...)
		f.endpoint.ServeHTTP(x, w, r)
		return
	}
	if location, ok := t.elsewhere(f, r, path); ok {
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
		f := t.find(r, m, path)
		if f.endpoint != nil {
			allow = append(allow, m)
		}
		t.finders.Put(f)
	}
	return allow
}

// elsewhere is the path that the client should have asked for, spelt as the route is.
func (t *router) elsewhere(f *finder, r *http.Request, asked string) (string, bool) {
	if f.status/100 == 3 {
		// gin was given the escaped path for the path: it has escaped the escapes.
		return strings.ReplaceAll(f.header.Get("Location"), "%25", "%"), true
	}
	s := &f.other
	*s = search{method: r.Method, r: r, params: s.params[:0], spelt: s.spelt[:0]}
	defer func() { s.r = nil }()
	if !t.options.DisableRedirectTrailingSlash {
		if fixed, ok := t.whole.fixed(s, otherSlash(asked)); ok {
			return fixed, true
		}
	}
	if t.options.DisableRedirectFixedPath {
		return "", false
	}
	clean := path.Clean(asked)
	if strings.HasSuffix(asked, "/") && clean != "/" {
		clean += "/"
	}
	s.fold = true
	return t.whole.fixed(s, clean)
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

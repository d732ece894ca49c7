package gateway

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// router finds the endpoint of a request. gin's tree does the finding and nothing else: it is asked with a request and a
// writer of ours, so that nothing of gin touches the answer.
type router struct {
	engine      *gin.Engine
	finders     sync.Pool
	voice       endpoints.Voice
	autoOptions bool
	builtin     *builtins
	notFound    text
	notAllowed  text
}

// text is a fixed body.
type text struct {
	contentType string
	body        []byte
}

// route is one endpoint and where it stands in the file.
type route struct {
	endpoint *endpoints.Endpoint
	index    int
}

func newRouter(cfg Config, m manners, voice endpoints.Voice, routes []route, log *slog.Logger) (*router, error) {
	rc := routerOf(cfg)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = !rc.DisableRedirectTrailingSlash
	engine.RedirectFixedPath = !rc.DisableRedirectFixedPath
	engine.HandleMethodNotAllowed = !rc.DisableHandleMethodNotAllowed
	engine.RemoveExtraSlash = rc.RemoveExtraSlash
	t := &router{engine: engine, voice: voice, autoOptions: conf.Value(rc.AutoOptions, m.autoOptions), builtin: newBuiltins(cfg, rc, log)}
	t.finders.New = func() any { return newFinder() }
	t.notFound, t.notAllowed = errorTexts(rc, !voice.JSON)

	var errs []error
	taken := map[string]route{}
	add := func(method string, r route) {
		key := method + " " + positional(r.endpoint.Path)
		if other, ok := taken[key]; ok {
			errs = append(errs, conf.At(conflict(method, r, other), "endpoints", r.index, "endpoint"))
			return
		}
		taken[key] = r
		engine.Handle(method, positional(r.endpoint.Path), found(r.endpoint))
	}
	for _, r := range routes {
		if err := checkRoute(r.endpoint, t.builtin); err != nil {
			errs = append(errs, conf.At(err, "endpoints", r.index))
			continue
		}
		add(r.endpoint.Method, r)
	}
	if conf.Value(rc.AutoHead, m.autoHead) {
		for _, r := range routes {
			if _, own := taken["HEAD "+positional(r.endpoint.Path)]; r.endpoint.Method == http.MethodGet && !own && len(errs) == 0 {
				add(http.MethodHead, r)
			}
		}
	}
	return t, conf.Join(errs...)
}

// checkRoute refuses what can never be served.
func checkRoute(e *endpoints.Endpoint, builtin *builtins) error {
	switch e.Method {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS":
	default:
		return conf.At(fmt.Errorf("got %q, want GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS", e.Method), "method")
	}
	for _, reserved := range []string{"/__debug", "/__echo", "/__health"} {
		if e.Path == reserved || strings.HasPrefix(e.Path, reserved+"/") {
			return conf.At(fmt.Errorf("%s is ours; choose another path", reserved), "endpoint")
		}
	}
	if builtin.exact[e.Path] != nil {
		return conf.At(fmt.Errorf("%s is the health endpoint (router.health_path); choose another path", e.Path), "endpoint")
	}
	return nil
}

func conflict(method string, r, other route) error {
	example := r.endpoint.Path
	for _, p := range []string{"{", "}"} {
		example = strings.ReplaceAll(example, p, "")
	}
	return fmt.Errorf("%s %s is the same route as endpoints[%d] (%s %s): both answer %s %s",
		method, r.endpoint.Path, other.index, other.endpoint.Method, other.endpoint.Path, method, example)
}

// positional names the parameters of a path by position, as gin wants them, and escapes the rest as requests spell it.
func positional(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = fmt.Sprintf(":p%d", i)
		} else if s != "" {
			segments[i] = normalEscapes((&url.URL{Path: s}).EscapedPath())
		}
	}
	return strings.Join(segments, "/")
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
}

func newFinder() *finder { return &finder{header: http.Header{}} }

func (f *finder) Header() http.Header         { return f.header }
func (f *finder) Write(b []byte) (int, error) { return len(b), nil }
func (f *finder) WriteHeader(status int)      { f.status = status }

// find looks for method and path; the answer is in the finder until it is given back.
func (t *router) find(method, path string) *finder {
	f := t.finders.Get().(*finder)
	f.url = url.URL{Path: path}
	f.req = http.Request{Method: method, URL: &f.url, Header: http.Header(nil), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	f.status, f.endpoint, f.params = 0, nil, f.params[:0]
	clear(f.header)
	t.engine.ServeHTTP(f, &f.req)
	return f
}

// serve answers a request by its route, or says that there is none. No token is looked at before the route is known.
func (t *router) serve(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) {
	if h := t.builtin.find(r.URL.Path); h != nil {
		x.Endpoint, x.Status = r.URL.Path, http.StatusOK
		h(w, r)
		return
	}
	path, ok := normalPath(r)
	if !ok {
		t.voice.Fail(x, w, r, &endpoints.Denied{Status: http.StatusBadRequest, Reason: "bad_path", Detail: "the path has a broken escape or a control character"})
		return
	}
	f := t.find(r.Method, path)
	defer t.finders.Put(f)
	switch {
	case f.endpoint != nil:
		x.Params = append(x.Params, f.params...)
		f.endpoint.ServeHTTP(x, w, r)
	case f.status == http.StatusMethodNotAllowed, f.status == http.StatusNotFound && r.Method == http.MethodOptions:
		t.otherMethod(x, w, r, path)
	case f.status/100 == 3:
		t.redirect(x, w, r, f)
	default:
		t.missing(x, w, r, http.StatusNotFound, "not_found", "there is nothing at this path", t.notFound)
	}
}

// otherMethod answers a method that the path does not have: with Allow, and for OPTIONS with nothing else.
func (t *router) otherMethod(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, path string) {
	var allow []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		f := t.find(m, path)
		if f.endpoint != nil {
			allow = append(allow, m)
		}
		t.finders.Put(f)
	}
	switch {
	case len(allow) == 0:
		t.missing(x, w, r, http.StatusNotFound, "not_found", "there is nothing at this path", t.notFound)
	case r.Method == http.MethodOptions && t.autoOptions:
		if !slices.Contains(allow, "OPTIONS") {
			allow = append(allow, "OPTIONS")
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		w.Header().Set("Content-Length", "0")
		x.Status = http.StatusOK
		w.WriteHeader(http.StatusOK)
	default:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		t.missing(x, w, r, http.StatusMethodNotAllowed, "method_not_allowed", "this path does not take the method "+methodName(r.Method), t.notAllowed)
	}
}

func methodName(m string) string {
	if len(m) > 20 {
		return "asked for"
	}
	return m
}

// missing says that there is no such route: as JSON in version 4, in KrakenD's words in 2 and 3.
func (t *router) missing(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, status int, reason, detail string, body text) {
	if body.body == nil {
		t.voice.Fail(x, w, r, &endpoints.Denied{Status: status, Reason: reason, Detail: detail})
		return
	}
	x.Reason = reason
	t.voice.Plain(x, w, status, body.contentType, body.body)
}

// redirect hands on gin's 301 or 307 to the path as it should be spelt.
func (t *router) redirect(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, f *finder) {
	location := strings.ReplaceAll(f.header.Get("Location"), "%25", "%")
	if !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") || strings.ContainsAny(location, "\\\r\n") {
		t.missing(x, w, r, http.StatusNotFound, "not_found", "there is nothing at this path", t.notFound)
		return
	}
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	x.Status = f.status
	http.Redirect(w, r, location, f.status)
}

// normalPath is the escaped path with one spelling: unreserved bytes unescaped, escapes in upper case (RFC 3986 6.2.2).
func normalPath(r *http.Request) (string, bool) {
	path := r.URL.EscapedPath()
	if path == "" || path[0] != '/' {
		return "", false
	}
	if strings.ContainsAny(path, "\\\x00\r\n") {
		return "", false
	}
	return normalEscapes(path), true
}

func normalEscapes(path string) string {
	if strings.IndexByte(path, '%') < 0 {
		return path
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			out = append(out, path[i])
			continue
		}
		if c := unhex(path[i+1])<<4 | unhex(path[i+2]); unreserved(c) {
			out = append(out, c)
		} else {
			out = append(out, strings.ToUpper(path[i:i+3])...)
		}
		i += 2
	}
	return string(out)
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// errorTexts are the bodies of 404 and 405: KrakenD's words in versions 2 and 3, or those that the file wants.
func errorTexts(rc RouterConfig, krakend bool) (notFound, notAllowed text) {
	if krakend {
		notFound = text{"text/plain", []byte("404 page not found")}
		notAllowed = text{"text/plain", []byte("405 method not allowed")}
	}
	if e := rc.ErrorBody; e != nil && e.NotFound != nil {
		notFound = jsonText(e.NotFound)
	}
	if e := rc.ErrorBody; e != nil && e.MethodNotAllowed != nil {
		notAllowed = jsonText(e.MethodNotAllowed)
	}
	return notFound, notAllowed
}

func jsonText(v any) text {
	if v == nil {
		return text{}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return text{}
	}
	return text{"application/json; charset=utf-8", b}
}

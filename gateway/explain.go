package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// Explanation is what an endpoint makes of a token.
type Explanation = endpoints.Explanation

// Explain runs the very validator of an endpoint ("GET /users/7", or the pattern as the file has it) on a token and says
// what each check makes of it. The token goes where the validator looks first. It may ask for keys, as serving does.
func (g *Gateway) Explain(ctx context.Context, cfg Config, endpoint, token string) (*Explanation, error) {
	method, path, ok := strings.Cut(endpoint, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("got %q, want a method and a path: \"GET /users/7\"", endpoint)
	}
	if g.revoked != nil {
		g.revoked.Start()
		wait, done := context.WithTimeout(ctx, 2*time.Second) // the keys need some of it too
		defer done()
		select {
		case <-g.revoked.Ready():
		case <-wait.Done():
		}
	}
	list := inherit(cfg, mannersOf(cfg.Version))
	i := g.meant(list, strings.ToUpper(method), path)
	if i < 0 {
		return nil, fmt.Errorf("no endpoint answers %s", endpoint)
	}
	e := list[i]
	r := &http.Request{Method: e.Method, URL: &url.URL{Path: path}, Header: http.Header{}}
	if v := e.Extra.Validator; v != nil && token != "" {
		r.Header.Set(conf.Value(v.AuthHeader, "Authorization"), "Bearer "+token)
	}
	if x := g.endpoints[i].Explain(ctx, r); x != nil {
		return x, nil
	}
	return nil, fmt.Errorf("%s %s has no auth/validator: %s may pass", e.Method, e.Endpoint, whoMayPass(e))
}

// meant is the endpoint that somebody speaks of, -1 if there is none: the one with that pattern, else the one that answers
// such a request, else (it wants more of a request than a path) the first that the path fits.
func (g *Gateway) meant(list []endpoints.Config, method, path string) int {
	pattern := func(fits func(pattern, path string) bool) int {
		return slices.IndexFunc(list, func(e endpoints.Config) bool { return e.Method == method && fits(e.Endpoint, path) })
	}
	if i := pattern(func(pattern, path string) bool { return pattern == path }); i >= 0 {
		return i
	}
	if u, err := url.ParseRequestURI(path); err == nil {
		r := &http.Request{Method: method, URL: u, Header: http.Header{}}
		if normal, ok := g.router.normalPath(r); ok {
			if e := g.router.tree.find(&search{method: method, r: r}, normal); e != nil {
				return slices.Index(g.endpoints, e)
			}
		}
	}
	return pattern(fits)
}

// fits reports whether a path is one of a pattern's.
func fits(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, segment := range want {
		switch {
		case strings.HasSuffix(segment, "...}"), segment == "*":
			return i < len(got)
		case i >= len(got), segment != got[i] && !(strings.HasPrefix(segment, "{") && got[i] != ""):
			return false
		}
	}
	return len(want) == len(got)
}

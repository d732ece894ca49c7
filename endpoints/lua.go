package endpoints

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"gatehouse/backends"
	"gatehouse/internal/lua"
	"gatehouse/validator"
)

// scriptBefore is modifier/lua-endpoint: it sees the client's request, and may change it, after the token and before all
// other guards.
func (c *guardCompiler) scriptBefore() {
	cfg := c.cfg.Extra.LuaEndpoint
	if cfg == nil {
		return
	}
	s, err := lua.New(*cfg, lua.Endpoint, c.env.House)
	if c.mistake(err, "modifier/lua-endpoint") {
		return
	}
	c.endpoint.guards = append(c.endpoint.guards, scriptGuard(s, c.projection(), titles(c.params)))
}

// ScriptOfService compiles modifier/lua-endpoint of the service, which sees every request before its route is chosen.
func ScriptOfService(cfg lua.Config, env Env) (Guard, error) {
	s, err := lua.New(cfg, lua.Endpoint, env.House)
	if err != nil {
		return nil, err
	}
	return scriptGuard(s, &projection{rules: env.Rules}, nil), nil
}

// projection is what scripts need of it: the rules of parameters.
func (c *guardCompiler) projection() *projection {
	return &projection{rules: c.env.Rules, wild: c.endpoint.Route.Wild}
}

func scriptGuard(s *lua.Script, p *projection, params []string) Guard {
	return func(ctx context.Context, x *Exchange, _ http.ResponseWriter, r *http.Request, _ *validator.Claims) error {
		q := &lua.Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, URL: r.URL.RequestURI(), Host: r.Host,
			Params: pathPairs(x, params), Header: headerPairs(r.Header), Load: loader(r)}
		before := *q
		if err := s.Pre(ctx, q); err != nil {
			return scriptError(ctx, err)
		}
		return p.adopt(x, r, &before, q, params)
	}
}

// adopt writes back what a script has changed.
func (p *projection) adopt(x *Exchange, r *http.Request, before, q *lua.Request, params []string) error {
	r.Method, r.Host = q.Method, q.Host
	if err := p.adoptURL(r, before, q); err != nil {
		return err
	}
	clear(r.Header)
	for _, h := range q.Header {
		if !p.rules.ClaimHeaders.Has(h.Name) {
			name := http.CanonicalHeaderKey(h.Name)
			r.Header[name] = append(r.Header[name], h.Value)
		}
	}
	for i, name := range params {
		value, ok := valueOf(q.Params, name)
		if was, _ := valueOf(before.Params, name); ok && value != was && i < len(x.Params) {
			x.Params[i] = p.spell(value, i == len(params)-1)
		}
	}
	if q.NewBody {
		setBody(r, []byte(q.Body))
		r.Trailer = nil // it was that of the other body
	}
	return nil
}

// spell writes a value of a script as it would stand in the path.
func (p *projection) spell(value string, last bool) string {
	if !p.wild || !last {
		return url.PathEscape(value)
	}
	segments := strings.Split(value, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

func (p *projection) adoptURL(r *http.Request, before, q *lua.Request) error {
	target := r.URL.EscapedPath()
	query := q.Query
	switch {
	case q.URL != before.URL:
		target, query, _ = strings.Cut(q.URL, "?")
	case q.Path != before.Path:
		target = (&url.URL{Path: q.Path}).EscapedPath()
	case q.Query == before.Query:
		return nil
	}
	if !strings.HasPrefix(target, "/") || badQuery(query) {
		return scriptFailed(fmt.Errorf("url %q, want a path and a query, escaped", q.URL))
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return scriptFailed(err)
	}
	u.RawQuery = query
	r.URL = u
	return nil
}

// badQuery reports whether a query has what none may have.
func badQuery(q string) bool {
	return strings.ContainsFunc(q, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' })
}

func pathPairs(x *Exchange, params []string) []lua.Pair {
	list := make([]lua.Pair, 0, len(params))
	for i, name := range params {
		if i < len(x.Params) {
			list = append(list, lua.Pair{Name: name, Value: unescaped(x.Params[i], url.PathUnescape)})
		}
	}
	return list
}

func valueOf(list []lua.Pair, name string) (string, bool) {
	for _, p := range list {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

func headerPairs(h http.Header) []lua.Pair {
	list := make([]lua.Pair, 0, len(h))
	for name, values := range h {
		for _, v := range values {
			list = append(list, lua.Pair{Name: name, Value: v})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// loader reads the body when a script asks for it.
func loader(r *http.Request) func() (string, error) {
	return func() (string, error) {
		body, err := wholeBody(r)
		return string(body), err
	}
}

// scriptAround is modifier/lua-proxy: pre sees what backends will be asked, post the whole answer.
func (c *guardCompiler) scriptAround() {
	cfg := c.cfg.Extra.LuaProxy
	if cfg == nil {
		return
	}
	s, err := lua.New(*cfg, lua.Proxy, c.env.House)
	if c.mistake(err, "modifier/lua-proxy") {
		return
	}
	p, params := c.projection(), titles(c.params)
	if c.scripted = s.HasPre(); c.scripted {
		c.endpoint.edits = append(c.endpoint.edits, func(ctx context.Context, _ *Exchange, r *http.Request, _ *validator.Claims, req *backends.Request) error {
			return p.scripted(ctx, s, params, r, req)
		})
	}
	if s.HasPost() {
		c.endpoint.answers = append(c.endpoint.answers, func(ctx context.Context, _ *Exchange, _ *http.Request, _ *validator.Claims, res *backends.Response) error {
			return scriptError(ctx, backends.RunPost(ctx, s, nil, res))
		})
	}
}

// scripted runs pre over what backends will be asked.
func (p *projection) scripted(ctx context.Context, s *lua.Script, params []string, r *http.Request, req *backends.Request) error {
	q := &lua.Request{Method: req.Method, Path: r.URL.Path, Query: req.Query, Host: r.Host,
		Header: backends.Pairs(req.Header, req.Forwarded, req.Claims), Load: req.Body.Load}
	for i, name := range params {
		if i < len(req.Params) {
			q.Params = append(q.Params, lua.Pair{Name: name, Value: req.Params[i].Value})
		}
	}
	if err := s.Pre(ctx, q); err != nil {
		return scriptError(ctx, err)
	}
	if badQuery(q.Query) {
		return scriptFailed(fmt.Errorf("query %q, want it escaped", q.Query))
	}
	req.Method, req.Query = q.Method, q.Query
	req.Sort(q.Header)
	for i, name := range params {
		value, ok := valueOf(q.Params, name)
		if !ok || i >= len(req.Params) || value == req.Params[i].Value {
			continue
		}
		parse := p.param
		if p.wild && i == len(params)-1 {
			parse = p.rest
		}
		param, err := parse(p.spell(value, i == len(params)-1))
		if err != nil {
			return err
		}
		req.Params[i] = param
	}
	if q.NewBody {
		req.Body = backends.Body{Bytes: []byte(q.Body), Length: int64(len(q.Body))}
	}
	return nil
}

// scriptError makes an answer of what a script says, or of what is wrong with it.
func scriptError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var said *lua.Error
	var denied *Denied
	var f *backends.Failure
	switch {
	case errors.As(err, &said):
		return &Denied{Status: said.Status, Reason: "script_refused", Detail: said.Message, Text: said.Message, Told: true,
			ContentType: said.ContentType, Marked: true}
	case errors.As(err, &denied):
		return denied
	case errors.As(err, &f):
		return f
	case ctx.Err() != nil:
		return &backends.Failure{Reason: backends.ReasonTimeout, Err: err}
	}
	return scriptFailed(err)
}

func scriptFailed(err error) error {
	return &Denied{Status: http.StatusInternalServerError, Reason: "script_failed", Detail: "a script of this endpoint failed", Err: err, Marked: true}
}

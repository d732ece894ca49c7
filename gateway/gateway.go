package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"gatehouse/backends"
	"gatehouse/backends/keep"
	"gatehouse/backends/tokens"
	"gatehouse/endpoints"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
	"gatehouse/validator"
)

// Shared outlives a configuration: what a reload must not forget. It is made once and handed to every [New].
type Shared struct {
	Keys    *validator.Keys
	Tokens  *tokens.Purse
	Hosts   *backends.Hosts
	Log     *slog.Logger
	Access  io.Writer // takes a line of JSON for every request, at any time; nil: none are written
	Release string    // our version, for User-Agent and version headers
}

// Gateway is a compiled configuration: an [http.Handler].
type Gateway struct {
	life      *keep.Life
	router    *router
	endpoints []*endpoints.Endpoint
	keys      *validator.Keys
	revoked   *validator.Revoked // nil: no deny-list
	client    *addresses
	claimed   *endpoints.HeaderSet // that some endpoint sets from a claim
	stall     time.Duration        // of clients over HTTP/2
	access    *accessLog           // nil: none
	doors     []door
	fetcher   *outbound.Fetcher // of scripts
	log       *slog.Logger
}

// New compiles a configuration: it starts nothing, opens no port and asks no network. Every mistake is told at once.
func New(cfg Config, shared Shared) (*Gateway, error) { return compile(cfg, shared, nil) }

// compile builds everything but the endpoints that are skipped: in them something could not be read.
func compile(cfg Config, shared Shared, skip map[int]bool) (*Gateway, error) {
	m := mannersOf(cfg.Version)
	full := inherit(cfg, m)
	g := &Gateway{life: new(keep.Life), claimed: claimedHeaders(full), keys: shared.Keys, log: shared.Log,
		fetcher: shared.Hosts.Fetcher("gatehouse/" + shared.Release)}
	var errs []error
	at := func(err error, path ...any) {
		if err != nil {
			errs = append(errs, conf.At(err, path...))
		}
	}
	at(checkService(cfg))
	at(checkEndpoints(cfg))
	_, err := cfg.ServerConfig.TLS.compile(m, shared.Log)
	at(err, "tls")
	at(cfg.Extra.Validator.check(cfg.Version))
	if len(skip) == 0 {
		at(unusedWays(cfg))
	}
	auth, err := g.auth(cfg, shared)
	at(err)
	g.stall = cfg.StallTimeout.Or(defaultStall)
	g.client, err = newAddresses(routerOf(cfg))
	at(err, "extra_config", "router")
	g.access = newAccessLog(routerOf(cfg), shared.Access)

	env := endpoints.Env{Auth: auth, Hosts: shared.Hosts, Tokens: shared.Tokens, Log: shared.Log, Life: g.life, Transport: cfg.TransportConfig,
		Voice: voiceOf(cfg, m, shared.Release), Rules: g.rules(cfg, m, shared.Release), Alike: endpoints.NewAlike(), House: g.house(shared.Log)}
	env.Scripted = cfg.Extra.Lua != nil
	inner := g.newDoors(cfg, m, env, at)
	var routes []route
	for i, e := range full {
		if skip[i] {
			continue
		}
		compiled, err := endpoints.New(e, env)
		at(err, "endpoints", i)
		if err == nil {
			g.endpoints = append(g.endpoints, compiled)
			routes = append(routes, route{endpoint: compiled, index: i})
		}
	}
	g.router, err = newRouter(cfg, m, env.Voice, routes, shared.Log)
	at(err)
	g.router.inner, g.router.scripted = inner, env.Scripted
	if err := conf.Join(errs...); err != nil {
		g.Close()
		return nil, whereWritten(cfg, err)
	}
	return g, nil
}

// Start begins what works in the background: key sets are fetched before the first token needs them.
func (g *Gateway) Start() {
	g.keys.Start()
	g.life.Start()
	if g.revoked != nil {
		g.revoked.Start()
	}
}

// Close gives back what this configuration holds of [Shared].
func (g *Gateway) Close() {
	for _, e := range g.endpoints {
		e.Close()
	}
	g.life.Close()
	_ = g.fetcher.Close()
	if g.revoked != nil {
		g.revoked.Close()
	}
}

// inherit fills every endpoint from the service, by value, downwards.
func inherit(cfg Config, m manners) []endpoints.Config {
	s := endpoints.Service{Host: cfg.Host, Timeout: cfg.Timeout, CacheTTL: cfg.CacheTTL, OutputEncoding: cfg.OutputEncoding,
		Compression: cfg.Compression, DisableCompression: cfg.DisableCompression}
	if s.Compression.Check() != nil {
		s.Compression = nil // told once, where it stands
	}
	s.Validator = cfg.Extra.Validator.inherited(cfg.Version)
	s.APIKeys, s.Basic = cfg.Extra.APIKeys, cfg.Extra.Basic
	if limit := routerOf(cfg).MaxPayload; limit != nil && *limit >= 0 { // one below is told of by newDoors
		s.MaxPayload = limit
	}
	full := make([]endpoints.Config, len(cfg.Endpoints))
	for i, e := range cfg.Endpoints {
		full[i] = m.endpoint(e.Inherit(s))
		if v := full[i].Extra.Validator; v != nil && v.Duration == nil && cfg.Extra.Validator != nil {
			v.Duration = cfg.Extra.Validator.SharedCacheDuration // a copy of ours: m.endpoint made it
		}
	}
	return full
}

func routerOf(cfg Config) RouterConfig {
	if cfg.Extra.Router == nil {
		return RouterConfig{}
	}
	return *cfg.Extra.Router
}

// claimedHeaders are all headers that any endpoint sets from a claim: no client may send them, anywhere.
func claimedHeaders(full []endpoints.Config) *endpoints.HeaderSet {
	set := &endpoints.HeaderSet{}
	for _, e := range full {
		for _, c := range e.Propagated() {
			set.Add(c.Header)
		}
	}
	return set
}

func (g *Gateway) rules(cfg Config, m manners, release string) *endpoints.ProjectRules {
	r := routerOf(cfg)
	return &endpoints.ProjectRules{
		UserAgent:    "gatehouse/" + release,
		StrictParams: !conf.Value(r.DisablePathDecoding, m.pathDecoding),
		ClaimHeaders: g.claimed,
		LooseParams:  cfg.DisableREST,
	}
}

func voiceOf(cfg Config, m manners, release string) endpoints.Voice {
	r := routerOf(cfg)
	v := endpoints.Voice{
		JSON:      conf.Value(cfg.ErrorFormat, m.errorFormat) == "json",
		Message:   r.ReturnErrorMsg,
		Completed: http.CanonicalHeaderKey(conf.Value(cfg.HeadersPrefix, m.headersPrefix) + "-Completed"),
		KrakenD:   strings.EqualFold(conf.Value(cfg.HeadersPrefix, m.headersPrefix), "X-KrakenD"),
		Older:     cfg.Version < 4,
		OlderYAML: m.olderYAML,
	}
	if !conf.Value(r.HideVersionHeader, !m.versionHeader) {
		v.Version = "Version " + release
	}
	return v
}

// ServeHTTP answers one request: the record is made here, the claim headers that a client may not send are taken off, and
// whatever happens below, one log line is written.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := endpoints.NewExchange()
	defer g.finish(x, w, r)
	g.client.tell(x, r)
	g.strip(r)
	if r.ProtoMajor == 2 && g.stall > 0 {
		pace(x, w, r, g.stall)
	}
	if g.router.refuseMalformed(x, w, r) {
		return
	}
	for _, pass := range g.doors {
		if pass(x, w, r) {
			return
		}
	}
	g.router.serve(x, w, r)
}

// strip takes off every header that any endpoint sets from a claim, in every spelling (security.md 21).
func (g *Gateway) strip(r *http.Request) {
	if g.claimed.Empty() {
		return
	}
	for name := range r.Header {
		if g.claimed.Has(name) {
			delete(r.Header, name)
		}
	}
}

// finish ends the record of a request, also of one that panicked.
func (g *Gateway) finish(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // what panics is thrown as it is
		g.log.Error("panic", "error", fmt.Sprint(cause), "method", r.Method, "route", x.Endpoint, "stack", string(debug.Stack()))
		if x.Status == 0 {
			x.Reason = "internal"
			g.router.voice.Fail(x, w, r, errors.New("panic"))
			cause = nil
		}
	}
	g.access.write(x, r)
	x.Free()
	if cause != nil {
		panic(http.ErrAbortHandler)
	}
}

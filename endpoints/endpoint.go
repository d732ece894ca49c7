// Package endpoints is one route: may you pass, what may be seen, what is said back.
package endpoints

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"gatehouse/backends"
	"gatehouse/backends/keep"
	"gatehouse/backends/tokens"
	"gatehouse/internal/conf"
	"gatehouse/internal/lua"
	"gatehouse/validator"
)

// DefaultTimeout is how long an answer may take where the file says nothing.
const DefaultTimeout = 2 * time.Second

// Endpoint is one compiled route. What every request reads comes first, in the order in which it is read: one of thousands of
// endpoints is not in the processor's caches, and lines that follow each other are fetched together.
type Endpoint struct {
	Path      string
	timeout   time.Duration
	early     []Guard
	auth      validator.Authenticator // nil: public
	guards    []Guard
	stream    bool // no-op: the answer goes through as it comes
	websocket bool
	outlives  bool   // a tunnel goes on when its token has ended
	needs     []need // claims without which a backend that is always asked cannot be
	edits     []edit
	only      backends.Fetcher // the one backend, where nothing is around it; nil: ask
	ask       ask
	answers   []weigh
	render    renderer
	compress  *compression // nil: nothing is compressed
	project   projection
	voice     *Voice

	Method    string
	Route     *Path
	Matches   []*Match             // one of which must hold; never empty
	validator *validator.Validator // the way in that explains; nil: none
	idle      time.Duration        // of a stream
	closers   []func()
}

// Env is what endpoints are compiled against: what outlives a configuration, and the manners of the service.
type Env struct {
	Tokens    *tokens.Purse
	Hosts     *backends.Hosts
	Life      *keep.Life               // of this configuration
	Transport backends.TransportConfig // the service's
	Auth      validator.Deps
	Log       *slog.Logger
	Voice     Voice
	Rules     *ProjectRules
	Alike     *Alike
	House     lua.House // what scripts may use
	Scripted  bool      // the service has a script, which may change every request
}

// New compiles an endpoint. All its mistakes are told at once, each under its key.
func New(cfg Config, env Env) (*Endpoint, error) {
	var errs []error
	at := func(err error, path ...any) {
		if err != nil {
			errs = append(errs, conf.At(err, path...))
		}
	}
	e := &Endpoint{Method: cfg.Method, Path: cfg.Endpoint, timeout: cfg.Timeout.Or(DefaultTimeout)}
	if e.timeout <= 0 {
		at(fmt.Errorf("got %s, want more than nothing", e.timeout), "timeout")
	}
	if ttl := cfg.CacheTTL.Or(0); ttl < 0 {
		at(fmt.Errorf("got %s, want 0s or more", ttl), "cache_ttl")
	}
	e.compileStream(cfg, at)
	params := e.compileRoute(cfg, env.Rules.LooseParams, at)
	cfg.Backend = e.Route.extend(cfg.Backend)
	wants := &validator.Wants{}
	claims, err := claimHeaders(cfg.Propagated(), wants)
	at(conf.Join(err, oneClaimEach(cfg)), "extra_config", "auth/validator", "propagate_claims")
	if cfg.readsClaims() {
		wants.Whole()
	}
	e.compileGuards(cfg, env, params, wants, at)
	e.compileBackends(cfg, env, params, wants, at)
	e.compileAuth(cfg, env, wants, at)
	e.compileSigner(cfg, env, at)
	e.project, err = newProjection(cfg, env.Rules, e.Route, claims)
	at(err)
	e.project.share(env.Alike)
	if slices.ContainsFunc(cfg.Backend, backends.Config.NeedsToken) {
		e.project.told, e.project.shown = true, validator.TokenOf(e.auth)
	}
	e.compileRender(cfg, env, at)
	if err := conf.Join(errs...); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// defaultIdle is how long a stream may be silent where the file says nothing.
const defaultIdle = 5 * time.Minute

func (e *Endpoint) compileStream(cfg Config, at func(error, ...any)) {
	e.idle, e.websocket, e.outlives = cfg.IdleTimeout.Or(defaultIdle), cfg.WebSocket, cfg.WebSocketOutlives
	if e.idle < 0 {
		at(fmt.Errorf("got %s, want 0s (no limit) or more", e.idle), "idle_timeout")
	}
	if e.websocket && (cfg.OutputEncoding != "no-op" || cfg.Method != http.MethodGet) {
		at(errors.New("needs \"output_encoding\": \"no-op\" and the method GET"), "websocket")
	}
	if e.outlives && !e.websocket {
		at(errors.New("says how WebSockets end, but \"websocket\" is not true"), "websocket_outlives_token")
	}
	if e.websocket && conf.Value(cfg.ConcurrentCalls, 1) > 1 {
		at(errors.New("is true, but concurrent_calls would open several"), "websocket")
	}
}

// compileRoute reads the path and what else a request must have; it returns the names of the path's parameters.
func (e *Endpoint) compileRoute(cfg Config, loose bool, at func(error, ...any)) []string {
	var err error
	e.Matches, err = cfg.Match.compile()
	at(err, "match")
	if e.Route, err = ParsePath(cfg.Endpoint, loose); err != nil {
		at(err, "endpoint")
		e.Route = &Path{Text: cfg.Endpoint}
		return nil
	}
	return e.Route.Names
}

// readsClaims reports whether something may look at any claim, so that all of them must be kept: an expression, or a tunnel
// that ends with its token.
func (c Config) readsClaims() bool {
	return c.WebSocket || c.Extra.CEL != nil || slices.ContainsFunc(c.Backend, func(b backends.Config) bool { return b.When != "" || b.Extra.CEL != nil })
}

// claimSlot asks for a claim as a path segment.
func claimSlot(name string, wants *validator.Wants) (int, error) {
	ref, err := validator.NewRef(name)
	if err != nil {
		return 0, err
	}
	return wants.Add(ref, validator.Segment), nil
}

// Close gives back what the endpoint holds of what outlives it.
func (e *Endpoint) Close() {
	for _, end := range e.closers {
		end()
	}
}

// ServeHTTP answers one request, whatever happens.
func (e *Endpoint) ServeHTTP(x *Exchange, w http.ResponseWriter, r *http.Request) {
	x.Endpoint = e.Path
	if err := e.serve(x, w, r); err != nil {
		e.voice.Fail(x, w, r, err)
	}
	if x.Gone {
		panic(http.ErrAbortHandler) // nothing was said: the server must not say "200" in our place
	}
}

// serve is the life of a request, in one sentence.
func (e *Endpoint) serve(x *Exchange, w http.ResponseWriter, r *http.Request) error {
	ctx := backends.Within(r.Context(), e.timeout, e.stream)
	defer ctx.End()
	for _, pass := range e.early {
		if err := pass(ctx, x, w, r, nil); err != nil {
			return err
		}
	}
	claims, err := e.authenticate(ctx, x, r)
	if err != nil {
		return err
	}
	for _, pass := range e.guards {
		if err := pass(ctx, x, w, r, claims); err != nil {
			return err
		}
	}
	if err := e.lacks(claims); err != nil {
		return err
	}
	req, err := e.project.request(x, r, claims)
	if err != nil {
		return err
	}
	defer req.free()
	if e.stream {
		e.streaming(req, ctx, w, r)
	}
	if req.Upgrade != "" && !e.outlives {
		x.Until = expiry(claims)
	}
	for _, edit := range e.edits {
		if err := edit(ctx, x, r, claims, &req.Request); err != nil {
			return err
		}
	}
	began := time.Now()
	res, err := e.fetch(ctx, x, &req.Request)
	x.Backend = time.Since(began)
	if err != nil {
		if broken := req.broken(r.Context().Err() != nil); broken != nil {
			return broken
		}
		return err
	}
	defer res.Close()
	for _, weigh := range e.answers {
		if err := weigh(ctx, x, r, claims, res); err != nil {
			return err
		}
	}
	ctx.HeadCame()
	return e.render(e, x, w, r, res)
}

// fetch asks the backends.
func (e *Endpoint) fetch(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error) {
	if e.only == nil {
		return e.ask(ctx, x, req)
	}
	return alone(ctx, x, e.only, req)
}

// streaming prepares a request whose answer goes through as it comes.
func (e *Endpoint) streaming(req *request, clock *backends.Clock, w http.ResponseWriter, r *http.Request) {
	req.Idle = e.idle
	clock.Follow(&req.Body)
	e.upgrade(&req.Request, r)
	req.Informational = e.hints(w, r)
	if req.upload != nil && r.ProtoMajor == 1 {
		_ = http.NewResponseController(w).EnableFullDuplex() // the answer may begin before the body has ended
	}
}

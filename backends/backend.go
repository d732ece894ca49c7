// Package backends asks one upstream: it builds the request, sends it, decodes what comes back and shapes it. A backend is
// a [Fetcher]; what protects or changes it (breaker, limit, cache, token) wraps one.
//
// Features that are larger than a file are leaves below: cache, decode, martian, tokens, and keep for what outlives a
// configuration. What they make is wired here, and their errors become a [Failure] here.
package backends

import (
	"context"
	"io"
	"log/slog"
	"time"

	"gatehouse/backends/keep"
	"gatehouse/backends/tokens"
	"gatehouse/internal/conf"
	"gatehouse/internal/lua"
	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// Fetcher is the verb of this house: ask for an answer. A failed one is a [*Failure]. Whoever gets a Response closes it; a
// Fetcher keeps nothing of its Request once it has returned.
type Fetcher interface {
	Fetch(ctx context.Context, req *Request) (*Response, error)
}

// FetchFunc is a function that fetches.
type FetchFunc func(ctx context.Context, req *Request) (*Response, error)

// Fetch is f.
func (f FetchFunc) Fetch(ctx context.Context, req *Request) (*Response, error) { return f(ctx, req) }

// Request is what backends may see of a client's request. It was copied out of it once; nothing else leaks through.
type Request struct {
	Method    string
	Params    []Param          // path parameters, by position
	Query     string           // the allowed part of the query, as it came, without "?"
	Header    []outbound.Field // the allowed fields of the client
	Forwarded []outbound.Field // X-Forwarded-*, User-Agent: what we say of the client
	Claims    []outbound.Field // headers made of claims; they reach every backend
	Body      Body
	Caller    Caller
	Parts     []*Response   // answers of earlier steps of a sequence; nil where there is none
	Earlier   []lua.Pair    // values of them that scripts and expressions see as parameters
	Upgrade   string        // the protocol that the client asks for and the endpoint allows
	Idle      time.Duration // of a stream: how long it may be silent once its head has come

	Informational func(status int, header []outbound.Field) // hands on 1xx answers; may be nil
}

// Param is one path parameter: its value, decoded once, and as exactly one escaped segment.
type Param struct{ Value, Escaped string }

// Body is what the client sent. Small bodies were read before anybody is asked and can be sent again.
type Body struct {
	Bytes  []byte    // the whole body, where it was buffered
	Stream io.Reader // the body as it comes, once; nil where it was buffered or is empty
	Length int64     // -1: unknown

	Trailer *outbound.Trailer // the fields behind it; nil: none
}

// Replayable reports whether the body can be sent more than once.
func (b *Body) Replayable() bool { return b.Stream == nil }

// Caller is the client as far as backends are told. The zero Caller is a guest.
type Caller struct {
	ID     string // tells one identity from another, "" for guests
	Token  string // the bearer token, for an exchange
	Claims interface {
		Value(slot int) (string, bool)
	}
}

// Response is what an upstream said: JSON, or a stream that nobody looks into. It owns its bytes until Close.
type Response struct {
	Status   int
	Header   []outbound.Field
	Body     rawjson.Value      // what was decoded and shaped; no value where there is no body
	Stream   *outbound.Response // the answer as it comes (no-op); nil otherwise
	Complete bool               // false: a part of it is missing
	Empty    bool               // the upstream sent no body at all (204, 304, or a length of 0)

	buf    []byte
	source *outbound.Response // what Header belongs to; nil: nothing
	parts  []*Response
	ends   []func()
}

// Close gives back what the answer holds. It may be called on nil.
func (r *Response) Close() {
	if r == nil {
		return
	}
	if r.Stream != nil {
		r.Stream.Release()
		r.Stream = nil
	}
	if r.source != nil {
		r.source.Release()
	}
	for _, p := range r.parts {
		p.Close()
	}
	for _, end := range r.ends {
		end()
	}
	recycle(r)
}

// OnClose has f called when the answer is closed.
func (r *Response) OnClose(f func()) { r.ends = append(r.ends, f) }

// Adopt makes the answer the owner of others: they are closed with it.
func (r *Response) Adopt(parts ...*Response) { r.parts = append(r.parts, parts...) }

// Parts are the answers that this one owns, in their order.
func (r *Response) Parts() []*Response { return r.parts }

// Env is what a backend is compiled against: what the endpoint around it offers, and what outlives a configuration.
type Env struct {
	Params    []string                                // names of the endpoint's path parameters, by position
	Claim     func(name string) (slot int, err error) // asks for a claim as a path segment; nil: the endpoint has no validator
	Needs     func(slot int, name string)             // is told of each claim without which the backend cannot be asked; nil: nobody asks
	Earlier   int                                     // how many earlier steps {respN_…} may point at; 0 outside a sequence
	EmptyOK   bool                                    // a success without a body is an empty answer, not a bad one (pass_status)
	Hosts     *Hosts
	Tokens    *tokens.Purse
	Life      *keep.Life
	Entry     string          // the backend's place in the file, the same after a reload; it tells breakers apart
	Timeout   time.Duration   // of the endpoint
	Transport TransportConfig // the service's
	Tokened   bool            // callers show tokens: the endpoint has an auth/validator
	Secrets   []string        // the headers that callers of the endpoint show their tokens and keys in
	Scripted  bool            // scripts of the endpoint may change what is asked
	House     lua.House       // what scripts may use
	Log       *slog.Logger
}

// New compiles one backend. The stack is built inside out; this is the only place where it is wired.
func New(cfg Config, env Env) (Fetcher, error) {
	var errs mistakes
	if cfg.Extra.Martian != nil {
		cfg.Host = cfg.Extra.Martian.Move(cfg.Host)
	}
	if cfg.Method == "" {
		cfg.Method = "GET"
	}
	b := &backend{name: cfg.URLPattern, method: cfg.Method, raw: cfg.Encoding == "no-op", max: conf.Value(cfg.MaxResponseSize, defaultMaxResponse), plain: conf.Value(cfg.DisableCompression, false),
		emptyOK: env.EmptyOK, log: env.Log}
	errs.plain(cfg)
	errs.target(&b.target, cfg, env)
	b.decode = errs.decoder(cfg)
	if b.graphql = errs.graphql(cfg, env); b.graphql != nil {
		b.method = b.graphql.method()
	}
	if p := errs.plan(cfg); p != nil {
		b.plan, b.depth = *p, p.Depth()
	}
	b.success, b.failure = errs.outcome(cfg)
	b.header = newHeaderRule(cfg)
	b.sender, b.origins = errs.sender(&b.attempts, cfg, env), origins(cfg)
	errs.extensions(b, cfg, env)
	if errs.list != nil {
		return nil, conf.Join(errs.list...)
	}
	if cfg.Timeout != nil {
		return withTimeout(cfg.Timeout.Or(0), b.raw, b), nil
	}
	return b, nil
}

// mistakes collects what is wrong with a backend, each under its key.
type mistakes struct{ list []error }

func (m *mistakes) at(err error, path ...any) bool {
	if err != nil {
		m.list = append(m.list, conf.At(err, path...))
	}
	return err != nil
}

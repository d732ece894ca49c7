package backends

import (
	"log/slog"
	"sync/atomic"
	"time"

	"gatehouse/backends/cache"
	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// Hosts are all upstreams: their connections, their breakers, and how they fare. They outlive a configuration: a reload
// goes on with what is open.
type Hosts struct {
	opt       outbound.Options
	log       *slog.Logger
	upstreams *keep.Shelf[upstreamKey, *upstream]
	breakers  *keep.Shelf[breakerKey, *breaker]
	checkers  *keep.Shelf[checkKey, *checker]
	limits    *keep.Shelf[limitKey, *limiter]
	stores    *keep.Shelf[storeKey, *cache.Store]
	resolvers *keep.Shelf[time.Duration, *outbound.Resolver]
	names     *keep.Shelf[recordsKey, *records]
	others    *keep.Shelf[any, any]
	lookup    lookupSRV // of the system; tests have their own
}

// NewHosts opens nothing yet. opt is the ground that settings of a file are laid on.
func NewHosts(opt outbound.Options, log *slog.Logger) *Hosts {
	return &Hosts{
		opt: opt, log: log, lookup: systemSRV,
		upstreams: keep.NewShelf[upstreamKey](func(u *upstream) { _ = u.client.Close() }),
		breakers:  keep.NewShelf[breakerKey, *breaker](nil),
		checkers:  keep.NewShelf[checkKey](func(c *checker) { c.close() }),
		limits:    keep.NewShelf[limitKey, *limiter](nil),
		stores:    keep.NewShelf[storeKey](func(s *cache.Store) { s.Close() }),
		resolvers: keep.NewShelf[time.Duration](func(r *outbound.Resolver) { _ = r.Close() }),
		names:     keep.NewShelf[recordsKey](func(r *records) { _ = r.cell.Close() }),
		others:    keep.NewShelf[any, any](nil),
	}
}

// Keep is what an endpoint wants to outlive its configuration: the same key, the same thing, for as long as some life holds
// it. Keys of different types are different.
func (h *Hosts) Keep(key any, life *keep.Life, fresh func() any) any {
	thing, _ := h.others.Hold(key, life, func() (any, error) { return fresh(), nil }) // fresh does not fail
	return thing
}

// Fetcher asks for small documents with the settings that connections have where a file says nothing.
func (h *Hosts) Fetcher(userAgent string) *outbound.Fetcher {
	return outbound.NewFetcher(h.opt, userAgent)
}

// Close ends all idle connections.
func (h *Hosts) Close() {
	h.stores.Close()
	h.names.Close()
	h.checkers.Close()
	h.upstreams.Close()
	h.resolvers.Close()
}

// upstream is one origin under one set of settings, as all backends that ask it share it: its connections and its health.
type upstream struct {
	origin outbound.Origin
	client outbound.Client
	load   atomic.Int64 // exchanges in flight
	health health
}

type upstreamKey struct {
	origin   outbound.Origin
	settings string
}

// settings are how a backend's connections are made.
type settings struct {
	opt outbound.Options
	key string
	ttl time.Duration
}

func (h *Hosts) settings(cfg Config, env Env) (settings, error) {
	own := HTTPClientConfig{}
	if cfg.Extra.Client != nil {
		own = *cfg.Extra.Client
	}
	full := own.over(env.Transport)
	s := settings{key: keep.Key(full, own.Proxy), ttl: full.DNSTTL.Or(defaultDNSTTL)}
	var errs mistakes
	var err error
	s.opt, err = full.options(h.opt)
	errs.at(err)
	errs.at(s.opt.Through(own.Proxy), "proxy_address")
	return s, conf.At(conf.Join(errs.list...), "extra_config", "backend/http/client")
}

// host is a place to ask, as written in a file.
func (h *Hosts) host(to *host, written string, s settings, env Env) error {
	origin, err := outbound.ParseHost(written)
	if err != nil {
		return err
	}
	return h.at(to, origin, s, env.Life)
}

// at is a place to ask, sharing its connections with every backend of the same origin and settings.
func (h *Hosts) at(to *host, origin outbound.Origin, s settings, life *keep.Life) error {
	if s.opt.Dial == nil && s.ttl > 0 {
		resolver, err := h.resolvers.Hold(s.ttl, life, func() (*outbound.Resolver, error) { return outbound.NewResolver(s.ttl, nil), nil })
		if err != nil {
			return err
		}
		s.opt.Resolver = resolver
	}
	u, err := h.upstreams.Hold(upstreamKey{origin, s.key}, life, func() (*upstream, error) {
		client, err := outbound.New(origin, s.opt)
		return &upstream{origin: origin, client: client}, err
	})
	to.upstream, to.seed = u, scoreOf(14695981039346656037, origin.String())
	return err
}

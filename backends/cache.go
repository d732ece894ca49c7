package backends

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gatehouse/backends/cache"
	"gatehouse/backends/keep"
	"gatehouse/internal/outbound"
)

type storeKey struct {
	entry string
	cache.Bounds
}

// cached puts a cache in front of a sender, if the file asks for one.
func (m *mistakes) cached(cfg Config, env Env, next sender) sender {
	c := cfg.Extra.Cache
	if c == nil {
		return next
	}
	bounds, err := c.Bounds()
	if m.at(err, "extra_config", "qos/http-cache") {
		return next
	}
	key := storeKey{env.Entry, bounds}
	if c.Shared {
		key.entry = "shared"
	}
	store, err := env.Hosts.stores.Hold(key, env.Life, func() (*cache.Store, error) { return cache.NewStore(bounds), nil })
	m.at(err, "extra_config", "qos/http-cache")
	scripted := cfg.Extra.Lua != nil || cfg.Extra.Martian != nil // they may change what is asked
	k := &cache.Cache{Next: below(next), Store: store, Origin: strings.Join(cfg.Host, ","), Streams: cfg.Encoding == "no-op",
		Personal: cfg.Extra.Exchange.On() || scripted || env.Scripted, Tells: tells(env.Secrets, scripted || env.Scripted)}
	if cfg.Extra.Credentials.On() {
		k.Origin += fmt.Sprintf(" %x", keep.Key(cfg.Extra.Credentials.Client))
	}
	if cfg.Extra.Client != nil {
		k.Origin += fmt.Sprintf(" %x", keep.Key(cfg.Extra.Client)) // a certificate of ours, or another way there
	}
	if scripted {
		k.Origin += fmt.Sprintf(" %x", keep.Key(cfg.Extra.Lua, cfg.Extra.Martian))
	}
	return cached{k}
}

// cached is a sender behind a cache.
type cached struct{ *cache.Cache }

func (k cached) send(ctx context.Context, c *call) (*outbound.Response, error) { return k.Send(ctx, c) }

// tells reports of a field whether it says who the caller is. Scripts may have moved that to any field that is not ours.
func tells(secrets []string, scripted bool) func(cache.Call, outbound.Field) bool {
	return func(asked cache.Call, f outbound.Field) bool {
		for _, name := range secrets {
			if strings.EqualFold(f.Name, name) {
				return true
			}
		}
		return scripted && !impersonal(f.Name) && !slices.Contains(asked.(*call).req.Forwarded, f)
	}
}

// below is what a cache asks.
func below(next sender) cache.Sender {
	return func(ctx context.Context, asked cache.Call) (*outbound.Response, error) {
		c := asked.(*call)
		c.header = c.out.Header
		return next.send(ctx, c)
	}
}

// The call as a cache sees it.

// Out is what is sent.
func (c *call) Out() *outbound.Request { return &c.out }

// Claims are the headers made of claims.
func (c *call) Claims() []outbound.Field { return c.req.Claims }

// Caller is who asks.
func (c *call) Caller() (id, token string) { return c.req.Caller.ID, c.req.Caller.Token }

// Apart is the same call in memory of its own: the request's is gone once it has been answered.
func (c *call) Apart() (cache.Call, func()) {
	t := newCall(&Request{Method: c.req.Method, Header: slices.Clone(c.req.Header), Claims: slices.Clone(c.req.Claims), Caller: Caller{ID: c.req.Caller.ID, Token: c.req.Caller.Token}})
	t.out = outbound.Request{Method: c.out.Method, Target: c.out.Target, Header: slices.Clone(c.out.Header)}
	t.header = t.out.Header
	return t, func() { t.free(nil) }
}

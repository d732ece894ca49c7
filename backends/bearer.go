package backends

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/internal/outbound"
)

const defaultTokenTimeout = 5 * time.Second

// purse is where a token for a call comes from.
type purse interface {
	// get is a token to ask with. An error is a [*Failure], or that of ctx.
	get(ctx context.Context, req *Request) (*token, error)
	// replace is another one than that which the backend has refused; nil if there is none.
	replace(ctx context.Context, req *Request, refused *token) (*token, error)
}

// bearer puts a token of ours on every call, and nothing of the client's in its place (RFC 6750 2.1). A call that has left
// the backend's own origin carries none.
type bearer struct {
	next      sender
	purse     purse
	forwardAs string // name for the client's own Authorization; "": it is dropped

	doubt  atomic.Pointer[token] // came because this backend refused another one, and has not been accepted yet
	resist atomic.Int64          // nanoseconds for which a doubtful token is not replaced when it is refused too
}

// How long a backend that refuses whatever it is given keeps us from asking for tokens.
const (
	firstResistance = int64(5 * time.Second)
	lastResistance  = int64(time.Minute)
)

func (b *bearer) send(ctx context.Context, c *call) (*outbound.Response, error) {
	b.strip(c)
	if c.bare {
		return b.next(ctx, c)
	}
	if c.theirs != "" && b.forwardAs != "" {
		c.header = append(c.header, outbound.Field{Name: b.forwardAs, Value: c.theirs})
	}
	t, err := b.purse.get(ctx, c.req)
	if err != nil {
		return nil, err
	}
	at := len(c.header)
	c.header = append(c.header, outbound.Field{Name: "Authorization", Value: t.value})
	c.out.Header = c.header
	res, err := b.next(ctx, c)
	if err != nil {
		return nil, err
	}
	if res.Status != 401 {
		b.trust(t)
		return res, nil
	}
	if !c.req.Body.Replayable() || b.doubtful(t) {
		return res, nil
	}
	other := b.another(ctx, c, t)
	if other == nil {
		return res, nil // what the backend said stands
	}
	b.doubt.Store(other)
	res.Body.Close()
	c.rewind()
	c.header[at].Value = other.value
	res, err = b.next(ctx, c)
	if err == nil && res.Status != 401 {
		b.trust(other)
	}
	return res, err
}

// another is a token in place of one that the backend has refused; nil if none is to be had.
func (b *bearer) another(ctx context.Context, c *call, refused *token) *token {
	t, err := b.purse.replace(ctx, c.req, refused)
	if err != nil {
		return nil
	}
	return t
}

// strip takes Authorization off the call, and what a client may have sent under the name that we use for it.
func (b *bearer) strip(c *call) {
	kept := c.header[:0]
	for _, f := range c.header {
		switch {
		case strings.EqualFold(f.Name, "Authorization"):
			if !c.taken {
				c.theirs = f.Value
			}
		case b.forwardAs != "" && strings.EqualFold(f.Name, b.forwardAs):
		default:
			kept = append(kept, f)
		}
	}
	c.header, c.out.Header, c.taken = kept, kept, true
}

// trust takes down that the backend accepts a token.
func (b *bearer) trust(t *token) {
	if b.doubt.Load() == t {
		b.doubt.Store(nil)
		b.resist.Store(0)
	}
}

// doubtful reports whether a refused token is itself the fresh answer to a refusal: asking for another one would only be
// asking again. The longer it goes on the less often it is tried.
func (b *bearer) doubtful(t *token) bool {
	if b.doubt.Load() != t {
		return false
	}
	resist := b.resist.Load()
	if time.Since(t.born) < time.Duration(max(resist, firstResistance)) {
		return true
	}
	b.resist.Store(min(max(2*resist, 2*firstResistance), lastResistance))
	return false
}

// shared is the purse of client credentials: the same token for every caller.
type shared struct{ *lease }

func (s shared) get(ctx context.Context, _ *Request) (*token, error) { return s.lease.get(ctx) }

func (s shared) replace(ctx context.Context, _ *Request, refused *token) (*token, error) {
	return s.lease.replace(ctx, refused)
}

// wrap makes a sender carry tokens of ours, if the file asks for them.
func (m *mistakes) bearer(cfg Config, env Env, next sender) sender {
	credentials, exchange := cfg.Extra.Credentials, cfg.Extra.Exchange
	switch {
	case credentials.on() && exchange.on():
		m.at(errors.New("there is an auth/client-credentials too: a request carries one token"), "extra_config", "auth/token-exchange")
	case credentials.on():
		l, err := env.Tokens.lease(&credentials.TokenClient, env.Life)
		if !m.at(err, "extra_config", "auth/client-credentials") {
			return (&bearer{next: next, purse: shared{l}, forwardAs: credentials.forwardName()}).send
		}
	case exchange.on():
		if !env.Tokened {
			m.at(errors.New("there is no token to exchange: the endpoint has no auth/validator"), "extra_config", "auth/token-exchange")
			return next
		}
		x, err := env.Tokens.exchange(exchange, env.Life)
		if !m.at(err, "extra_config", "auth/token-exchange") {
			return (&bearer{next: next, purse: x, forwardAs: exchange.forwardName()}).send
		}
	}
	return next
}

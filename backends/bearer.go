package backends

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/backends/tokens"
	"gatehouse/internal/outbound"
)

// purse is where a token for a call comes from; caller is the caller's own token.
type purse interface {
	// Get is a token to ask with. An error is a [*tokens.Failure], or that of ctx.
	Get(ctx context.Context, caller string) (*tokens.Token, error)
	// Replace is another one than that which the backend has refused; nil if there is none.
	Replace(ctx context.Context, caller string, refused *tokens.Token) (*tokens.Token, error)
}

// bearer puts a token of ours on every call, and nothing of the client's in its place (RFC 6750 2.1). A call that has left
// the backend's own origin carries none.
type bearer struct {
	next      sender
	purse     purse
	forwardAs string // name for the client's own Authorization; "": it is dropped

	doubt  atomic.Pointer[tokens.Token] // came because this backend refused another one, and has not been accepted yet
	resist atomic.Int64                 // nanoseconds for which a doubtful token is not replaced when it is refused too
}

// How long a backend that refuses whatever it is given keeps us from asking for tokens.
const (
	firstResistance = int64(5 * time.Second)
	lastResistance  = int64(time.Minute)
)

func (b *bearer) send(ctx context.Context, c *call) (*outbound.Response, error) {
	b.strip(c)
	if c.bare {
		return b.next.send(ctx, c)
	}
	if c.theirs != "" && b.forwardAs != "" {
		c.header = append(c.header, outbound.Field{Name: b.forwardAs, Value: c.theirs})
	}
	t, err := b.purse.Get(ctx, c.req.Caller.Token)
	if err != nil {
		return nil, tokenless(err)
	}
	at := len(c.header)
	c.header = append(c.header, outbound.Field{Name: "Authorization", Value: t.Value})
	c.out.Header = c.header
	res, err := b.next.send(ctx, c)
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
	c.header[at].Value = other.Value
	res, err = b.next.send(ctx, c)
	if err == nil && res.Status != 401 {
		b.trust(other)
	}
	return res, err
}

// another is a token in place of one that the backend has refused; nil if none is to be had.
func (b *bearer) another(ctx context.Context, c *call, refused *tokens.Token) *tokens.Token {
	t, err := b.purse.Replace(ctx, c.req.Caller.Token, refused)
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
		case b.forwardAs != "" && takenFor(f.Name, b.forwardAs):
		default:
			kept = append(kept, f)
		}
	}
	c.header, c.out.Header, c.taken = kept, kept, true
}

// takenFor reports whether a server may take a header's name for another one: in any case, with any sign for the dash.
func takenFor(name, other string) bool {
	if len(name) != len(other) {
		return false
	}
	for i := range len(name) {
		if folded(name[i]) != folded(other[i]) {
			return false
		}
	}
	return true
}

func folded(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		return c
	}
	return '-'
}

// trust takes down that the backend accepts a token.
func (b *bearer) trust(t *tokens.Token) {
	if b.doubt.Load() == t {
		b.doubt.Store(nil)
		b.resist.Store(0)
	}
}

// doubtful reports whether a refused token is itself the fresh answer to a refusal: asking for another one would only be
// asking again. The longer it goes on the less often it is tried.
func (b *bearer) doubtful(t *tokens.Token) bool {
	if b.doubt.Load() != t {
		return false
	}
	resist := b.resist.Load()
	if t.Age() < time.Duration(max(resist, firstResistance)) {
		return true
	}
	b.resist.Store(min(max(2*resist, 2*firstResistance), lastResistance))
	return false
}

// tokenless is a Failure for want of a token.
func tokenless(err error) error {
	var f *tokens.Failure
	switch {
	case !errors.As(err, &f):
		return err
	case f.Refused:
		return &Failure{Reason: ReasonExchange, RetryAfter: f.RetryAfter, Err: f.Err}
	}
	return &Failure{Reason: ReasonToken, RetryAfter: f.RetryAfter, Err: f.Err}
}

// bearer makes a sender carry tokens of ours, if the file asks for them.
func (m *mistakes) bearer(cfg Config, env Env, next sender) sender {
	credentials, exchange := cfg.Extra.Credentials, cfg.Extra.Exchange
	switch {
	case credentials.On() && exchange.On():
		m.at(errors.New("there is an auth/client-credentials too: a request carries one token"), "extra_config", "auth/token-exchange")
	case credentials.On():
		l, err := env.Tokens.Lease(&credentials.Client, env.Life)
		if !m.at(err, "extra_config", "auth/client-credentials") {
			return &bearer{next: next, purse: l, forwardAs: credentials.ForwardName()}
		}
	case exchange.On():
		if !env.Tokened {
			m.at(errors.New("there is no token to exchange: the endpoint has no auth/validator"), "extra_config", "auth/token-exchange")
			return next
		}
		x, err := env.Tokens.Exchange(exchange, env.Life)
		if !m.at(err, "extra_config", "auth/token-exchange") {
			return &bearer{next: next, purse: x, forwardAs: exchange.ForwardName()}
		}
	}
	return next
}

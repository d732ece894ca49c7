package backends

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/outbound"
)

// attempts sends a call to one host, and to others if that fails: before the first byte of an answer only, within the
// call's time and a budget (security.md 41).
type attempts struct {
	limit *limiter // nil: none
	balancer
	travel
	budget budget
}

var errNowhere = errors.New("no host is known")

func (a *attempts) send(ctx context.Context, c *call) (*outbound.Response, error) {
	if err := a.limit.take(); err != nil {
		return nil, err
	}
	if c.pin != nil {
		return c.pin.send(ctx, c)
	}
	hosts, err := a.hosts(ctx)
	if err != nil {
		return nil, err
	}
	c.among = hosts
	if len(hosts) == 1 {
		return hosts[0].send(ctx, c)
	}
	return a.several(ctx, c, hosts)
}

// several is send where there is a choice.
func (a *attempts) several(ctx context.Context, c *call, hosts []*host) (*outbound.Response, error) {
	a.budget.asked()
	repeatable := a.repeatable(c)
	var last error
	for left := a.retries; ; {
		h := a.choose(c, hosts, repeatable)
		if h == nil {
			if last == nil {
				last = shutOut(hosts)
			}
			return nil, last
		}
		c.seen = append(c.seen, h)
		var res *outbound.Response
		var err error
		if wait := a.delay(ctx, c, left); repeatable && wait > 0 {
			res, err = a.beside(ctx, c, h, wait)
		} else {
			res, err = h.send(ctx, c)
		}
		if err == nil {
			return res, nil
		}
		if isOpen(err) {
			continue // it opened in this moment; nothing was sent
		}
		if last = err; errors.Is(err, errCrowd) {
			continue // nor here
		}
		if left == 0 || ctx.Err() != nil || !a.mayRepeat(c, err, repeatable) || a.limit.take() != nil {
			return nil, err
		}
		left--
		c.rewind()
	}
}

// mayRepeat reports whether another host may be asked after a failure. What has never left may go anywhere; what may have
// arrived only if doing it twice does no harm, and if the budget allows.
func (a *attempts) mayRepeat(c *call, err error, repeatable bool) bool {
	var out *outbound.Error
	if !errors.As(err, &out) {
		return false
	}
	if errors.Is(err, outbound.ErrClosed) {
		return true // the host has just left
	}
	switch out.Reason {
	case outbound.Refused, outbound.DNS, outbound.TLS:
		return true
	case outbound.Busy:
		return c.out.Body == nil
	case outbound.Timeout, outbound.Reset, outbound.BadReply:
		return !out.Sent && c.out.Body == nil || repeatable && a.budget.spend()
	}
	return false
}

func isOpen(err error) bool {
	var f *Failure
	return errors.As(err, &f) && f.Reason == ReasonOpen
}

// shutOut is what a call hears that no host's breaker lets pass.
func shutOut(hosts []*host) error {
	f := &Failure{Reason: ReasonOpen, Err: errNowhere}
	for _, h := range hosts {
		if h.breaker == nil {
			continue
		}
		if r := h.breaker.refusal(errOpen); f.RetryAfter == 0 || r.RetryAfter < f.RetryAfter {
			f = r
		}
	}
	return f
}

var errOpen = errors.New("circuit breaker is open")

// delay is how long a host may be silent before another one is asked beside it; 0: for ever.
func (a *attempts) delay(ctx context.Context, c *call, retries int) time.Duration {
	switch {
	case a.hedge > 0 && (c.out.Method == "GET" || c.out.Method == "HEAD"):
		return a.hedge
	case retries == 0:
		return 0
	}
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline) / 2
	}
	return a.timeout / 2
}

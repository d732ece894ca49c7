package backends

import (
	"context"
	"time"

	"gatehouse/internal/outbound"
)

// host is one place where a backend can be asked: an upstream, and the backend's own breaker for it.
type host struct {
	*upstream
	breaker *breaker // nil: none
	crowd   crowd
	seed    uint64 // of its scores in a hash
}

// send sends the call to this host, unless its breaker is open or there is a crowd.
func (h *host) send(ctx context.Context, c *call) (*outbound.Response, error) {
	c.settled(nil)
	c.at = h
	since, err := h.crowd.enter()
	if err != nil {
		h.health.trying.Store(false)
		return nil, err
	}
	if h.breaker != nil {
		done, err := h.breaker.allow()
		if err != nil {
			h.crowd.leave(ctx, since, false)
			h.health.trying.Store(false)
			return nil, err
		}
		c.done, c.probe = done, h.breaker.halfOpen.Load()
	}
	h.load.Add(1)
	c.busy = h.upstream
	res, err := h.client.RoundTrip(ctx, &c.out)
	h.crowd.leave(ctx, since, err == nil)
	h.health.learn(ctx, err)
	if err != nil {
		c.settled(failed(ctx, err))
		return nil, err
	}
	if h.breaker != nil && h.breaker.counts(res.Status) {
		c.report(errUpstream)
	}
	return res, nil
}

// shutAt reports whether the host's breaker would let nobody pass.
func (h *host) shutAt(now time.Time) bool {
	if h.breaker == nil {
		return false
	}
	until := h.breaker.shut.Load()
	return until != nil && now.Before(*until)
}

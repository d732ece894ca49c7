package backends

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatehouse/internal/outbound"
)

// race is a call that two hosts have: the second was asked because the first was silent. The first one that answers wins,
// and the other exchange ends at once.
type race struct {
	a     *attempts
	ctx   context.Context
	first *call
	why   error // what the first is told when the second wins

	stopFirst context.CancelCauseFunc
	done      chan struct{} // closed when the second has ended

	mu         sync.Mutex
	over       bool // the first has ended
	stopSecond context.CancelCauseFunc
	second     *call // of the second, once it was sent
	res        *outbound.Response
}

var (
	errOvertaken = errors.New("another host was faster")
	errSilent    = fmt.Errorf("another host was faster, and half of the time was over: %w", context.DeadlineExceeded)
)

// beside sends a call to h, and after a delay without an answer to another host too.
func (a *attempts) beside(ctx context.Context, c *call, h *host, delay time.Duration) (*outbound.Response, error) {
	r := &race{a: a, ctx: ctx, first: c, why: errSilent, done: make(chan struct{})}
	if a.hedge > 0 && delay == a.hedge {
		r.why = errOvertaken
	}
	var own context.Context
	own, r.stopFirst = context.WithCancelCause(ctx)
	timer := time.AfterFunc(delay, r.rival)
	res, err := h.send(own, c)
	if timer.Stop() {
		c.stop = r.stopFirst
		return res, err
	}
	return r.end(res, err)
}

// rival sends the twin of the call to another host.
func (r *race) rival() {
	defer close(r.done)
	twin := r.first.twin()
	ctx, stop := context.WithCancelCause(r.ctx)
	r.mu.Lock()
	hopeless := r.over
	r.second, r.stopSecond = twin, stop
	r.mu.Unlock()
	if hopeless || !r.a.budget.spend() || r.a.limit.take() != nil {
		return
	}
	h := r.a.choose(twin, twin.among, true)
	if h == nil {
		return
	}
	twin.seen = append(twin.seen, h)
	res, err := h.send(ctx, twin)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.res = res
	if !r.over {
		r.stopFirst(r.why)
	}
}

// end is what becomes of the two once the first has ended.
func (r *race) end(res *outbound.Response, err error) (*outbound.Response, error) {
	r.mu.Lock()
	r.over = true
	if err == nil && r.stopSecond != nil {
		r.stopSecond(errOvertaken)
	}
	r.mu.Unlock()
	<-r.done
	c, twin := r.first, r.second
	switch {
	case err == nil:
		if r.res != nil {
			r.res.Body.Close()
		}
		r.stopSecond(nil)
		twin.free(nil)
		c.stop = r.stopFirst
		return res, nil
	case r.res != nil:
		r.stopFirst(nil)
		c.settled(nil)
		c.take(twin)
		c.stop = r.stopSecond
		return r.res, nil
	}
	r.stopFirst(nil)
	r.stopSecond(nil)
	c.seen = append(c.seen, twin.seen[len(c.seen):]...)
	twin.free(nil)
	return nil, err
}

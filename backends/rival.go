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
	own   leash         // of the first
	why   error         // what the first is told when the second wins
	done  chan struct{} // closed when the second has ended

	mu         sync.Mutex
	over       bool // the first has ended
	overtaken  bool // before that the second had won
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
	if r.own.parent = ctx; delay < outbound.Young {
		r.own.Done() // by when the second begins the first must hear of its end at once
	}
	timer := time.AfterFunc(delay, r.rival)
	res, err := h.send(&r.own, c)
	if timer.Stop() {
		c.stop = r.own.end
		return res, err
	}
	return r.end(res, err)
}

// leash is a context that can be cancelled. Most never are: until somebody waits for the end it costs nothing.
type leash struct {
	parent context.Context

	mu    sync.Mutex
	inner context.Context // what a waiter waits for; nil until there is one
	stop  context.CancelCauseFunc
}

// wait is the context that others wait for.
func (l *leash) wait() (context.Context, context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner == nil {
		l.inner, l.stop = context.WithCancelCause(l.parent)
	}
	return l.inner, l.stop
}

// waited is the same if there is one, and else the parent.
func (l *leash) waited() (ctx context.Context, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner == nil {
		return l.parent, false
	}
	return l.inner, true
}

// pull cancels it.
func (l *leash) pull(why error) {
	_, stop := l.wait()
	stop(why)
}

// end gives back what it holds.
func (l *leash) end(why error) {
	if _, ok := l.waited(); ok {
		l.pull(why)
	}
}

// Deadline follows context.Context.
func (l *leash) Deadline() (time.Time, bool) { return l.parent.Deadline() }

// Done follows context.Context.
func (l *leash) Done() <-chan struct{} {
	ctx, _ := l.wait()
	return ctx.Done()
}

// Err follows context.Context.
func (l *leash) Err() error {
	ctx, _ := l.waited()
	return ctx.Err()
}

// Value follows context.Context. Contexts that are made of this one find what they shall end with.
func (l *leash) Value(key any) any {
	ctx, _ := l.waited()
	return ctx.Value(key)
}

// Waited follows [outbound.Watcher].
func (l *leash) Waited(within time.Duration) bool {
	_, waited := l.waited()
	w, ok := l.parent.(outbound.Watcher)
	return waited || !ok || w.Waited(within)
}

// Look follows [outbound.Watcher].
func (l *leash) Look() bool {
	w, ok := l.parent.(outbound.Watcher)
	return ok && w.Look()
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
		r.overtaken = true
		r.own.pull(r.why)
	}
}

// end is what becomes of the two once the first has ended.
func (r *race) end(res *outbound.Response, err error) (*outbound.Response, error) {
	r.mu.Lock()
	r.over = true
	if err == nil && r.stopSecond != nil && !r.overtaken {
		r.stopSecond(errOvertaken)
	}
	r.mu.Unlock()
	<-r.done
	c, twin := r.first, r.second
	switch {
	case err == nil && !r.overtaken:
		if r.res != nil {
			r.res.Body.Close()
		}
		r.stopSecond(nil)
		twin.free(nil)
		c.stop = r.own.end
		return res, nil
	case r.res != nil:
		if err == nil { // both have answered, and this one was told that it is too late
			res.Body.Close()
		}
		r.own.end(nil)
		c.settled(nil)
		c.take(twin)
		c.stop = r.stopSecond
		return r.res, nil
	}
	r.own.end(nil)
	r.stopSecond(nil)
	c.seen = append(c.seen, twin.seen[len(c.seen):]...)
	twin.free(nil)
	return nil, err
}

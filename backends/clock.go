package backends

import (
	"context"
	"sync"
	"time"

	"gatehouse/internal/outbound"
)

// Clock is the time that a fetch has, and the context that ends with it. That of a stream runs until the head of its
// answer comes, and begins anew as long as the client's body moves.
//
// Most fetches are over long before their time is, and nobody has waited for it: timers and callbacks are set up when
// somebody asks for Done, and not before.
type Clock struct {
	parent context.Context
	span   time.Duration
	stream bool

	mu    sync.Mutex
	until time.Time       // when it is over; zero: never (a stream whose head has come)
	inner context.Context // what a waiter waits for; nil until there is one
	stop  context.CancelFunc
	timer *time.Timer // of a stream
	moved time.Time   // when it was wound last
	ended bool
}

// Within bounds a fetch by d. Call [Clock.HeadCame] for a stream: what is left of it ends with its parent or with
// [Clock.End], which is called in any case.
func Within(parent context.Context, d time.Duration, stream bool) *Clock {
	c := &Clock{parent: parent, span: d, stream: stream, until: time.Now().Add(d)}
	if limit, ok := parent.Deadline(); ok && !stream && limit.Before(c.until) {
		c.until = limit
	}
	return c
}

// Deadline follows context.Context. A stream has none but its parent's.
func (c *Clock) Deadline() (time.Time, bool) {
	if c.stream {
		return c.parent.Deadline()
	}
	return c.until, true
}

// Done follows context.Context.
func (c *Clock) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wait().Done()
}

// Err follows context.Context.
func (c *Clock) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.inner != nil:
	case c.ended:
		return context.Canceled
	case c.until.IsZero() || time.Now().Before(c.until):
		return c.parent.Err()
	}
	return c.wait().Err()
}

// Waited follows [outbound.Watcher].
func (c *Clock) Waited(within time.Duration) bool {
	c.mu.Lock()
	waited := c.inner != nil || c.stream && !c.until.IsZero() && time.Until(c.until) < within
	c.mu.Unlock()
	if waited {
		return true
	}
	if w, ok := c.parent.(outbound.Watcher); ok {
		return w.Waited(within)
	}
	above, _ := c.parent.Value(waitedKey{}).(bool)
	return above
}

// waitedKey asks a Clock above contexts of the standard library, which wait for what they are made of, whether it is waited
// for.
type waitedKey struct{}

// Look follows [outbound.Watcher].
func (c *Clock) Look() bool {
	w, ok := c.parent.(outbound.Watcher)
	return ok && w.Look()
}

// Value follows context.Context. Contexts that are made of this one find what they shall end with.
func (c *Clock) Value(key any) any {
	c.mu.Lock()
	inner := c.inner
	c.mu.Unlock()
	switch {
	case key == any(waitedKey{}):
		return inner != nil
	case inner != nil:
		return inner.Value(key)
	}
	return c.parent.Value(key)
}

// wait is the context that others wait for. The lock is held.
func (c *Clock) wait() context.Context {
	if c.inner != nil {
		return c.inner
	}
	if c.stream {
		c.inner, c.stop = c.waitForHead()
	} else {
		c.inner, c.stop = context.WithDeadline(c.parent, c.until)
	}
	if c.ended {
		c.stop()
	}
	return c.inner
}

func (c *Clock) waitForHead() (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancelCause(c.parent)
	expire := func() { stop(context.DeadlineExceeded) }
	switch left := time.Until(c.until); {
	case c.until.IsZero():
	case left <= 0:
		expire()
	default:
		c.timer = time.AfterFunc(left, expire)
	}
	return ctx, func() { stop(nil) }
}

// HeadCame takes the limit off a stream.
func (c *Clock) HeadCame() {
	if !c.stream {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
	if c.timer != nil {
		c.timer.Stop()
	}
}

// End gives back what the clock holds.
func (c *Clock) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.stop != nil {
		c.stop()
	}
}

// windings are how often a clock is wound in its span, at most.
const windings = 8

// wind begins the time of a stream anew.
func (c *Clock) wind() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.until.IsZero() || now.Sub(c.moved) < c.span/windings || !now.Before(c.until) {
		return
	}
	c.moved, c.until = now, now.Add(c.span)
	if c.timer != nil && c.timer.Stop() {
		c.timer.Reset(c.span)
	}
}

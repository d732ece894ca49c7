package outbound

import (
	"context"
	"math/rand/v2"
	"time"
)

// attempt is a fetch that runs, by its number.
type attempt struct{ number int }

// start begins an attempt; the lock is held.
func (c *Cell[T]) start() {
	c.count++
	a := &attempt{number: c.count}
	c.newest, c.began = a, time.Now()
	if c.timer != nil {
		c.timer.Stop()
	}
	go c.run(a)
}

// run ends when the fetch has, or its time is up: a fetch that does not obey its context is left alone.
func (c *Cell[T]) run(a *attempt) {
	type result struct {
		value T
		life  Life
		err   error
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.opt.Timeout)
	defer cancel()
	got := make(chan result, 1)
	go func() {
		v, life, err := c.opt.Fetch(ctx)
		got <- result{v, life, err}
	}()
	var r result
	select {
	case r = <-got:
	case <-ctx.Done():
		r.err = failContext(ctx, "fetching")
		select {
		case r = <-got:
		default:
		}
	}
	c.end(a, r.value, r.life, r.err)
}

// end takes the result of an attempt. One that was overtaken by a later attempt still counts if it succeeded.
func (c *Cell[T]) end(a *attempt, value T, life Life, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.newest == a
	if last {
		c.newest = nil
	}
	if c.refs == 0 {
		return
	}
	h := c.held.Load()
	switch {
	case err != nil && last:
		c.err, c.failed = err, a.number
		c.failures++
		c.used.Store(false)
		c.schedule(c.pause())
	case err == nil && (h == nil || h.attempt < a.number):
		c.err, c.failures = nil, 0
		c.keep(a, value, life)
	}
	if err != nil && c.opt.Failed != nil {
		c.opt.Failed(err)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Cell[T]) keep(a *attempt, value T, life Life) {
	if life.Span <= 0 {
		life.Span = c.opt.Span
	}
	if life.Refresh <= 0 {
		life.Refresh = life.Span*7/10 + rand.N(life.Span/10+1)
	}
	now := time.Now()
	expires := now.Add(life.Span)
	c.held.Store(&held[T]{value: value, attempt: a.number, fetched: now, expires: expires, dead: expires.Add(c.opt.MaxStale)})
	c.used.Store(false)
	c.schedule(max(life.Refresh, c.opt.RetryMin))
}

// pause doubles with each failure, but the nearer the end of a living value, the shorter it is.
func (c *Cell[T]) pause() time.Duration {
	p := c.opt.RetryMin
	for i := 1; i < c.failures && p < c.opt.RetryMax; i++ {
		p *= 2
	}
	p = min(p, c.opt.RetryMax)
	if h := c.live(); h != nil {
		p = min(p, max(time.Until(h.dead)/2, c.opt.RetryMin))
	}
	return p
}

// schedule plans the next attempt in the background; the lock is held.
func (c *Cell[T]) schedule(in time.Duration) {
	if c.timer != nil {
		c.timer.Stop()
	}
	c.next = time.Now().Add(in)
	c.timer = time.AfterFunc(in, c.tick)
}

// tick is the background's turn.
func (c *Cell[T]) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refs == 0 || c.newest != nil || time.Now().Before(c.next) {
		return
	}
	if c.opt.OnlyIfUsed && !c.used.Load() {
		c.sleep.Store(true)
		if !c.used.Load() || !c.sleep.Swap(false) { // touch looks in the other order: one of the two sees the other
			return
		}
	}
	c.start()
}

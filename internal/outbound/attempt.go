package outbound

import (
	"context"
	"math/rand/v2"
	"time"
)

// attempt is a fetch that runs, by its number.
type attempt struct {
	number int
	cancel context.CancelFunc
}

// start begins an attempt; the lock is held.
func (c *Cell[T]) start() {
	switch {
	case c.newest == nil:
	case c.patient == nil:
		c.patient = c.newest
	default:
		c.newest.cancel()
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.opt.Timeout)
	c.count++
	a := &attempt{number: c.count, cancel: cancel}
	c.newest, c.began = a, time.Now()
	if c.timer != nil {
		c.timer.Stop()
	}
	go c.run(ctx, a)
}

// run ends when the fetch has, or its time is up: a fetch that does not obey its context is left alone.
func (c *Cell[T]) run(ctx context.Context, a *attempt) {
	type result struct {
		value T
		life  Life
		err   error
	}
	defer a.cancel()
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

// end takes the result of an attempt, unless another has taken its place.
func (c *Cell[T]) end(a *attempt, value T, life Life, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.newest == a
	switch {
	case last:
		c.newest = nil
	case c.patient == a:
		c.patient = nil
	default:
		return
	}
	if c.refs == 0 {
		return
	}
	if err == nil {
		c.err, c.failures, c.lost = nil, 0, false
		c.abandon()
		c.keep(a, value, life)
		c.wake()
		return
	}
	c.err, c.failed = err, a.number
	c.failures++
	c.lost = ReasonOf(err) == Timeout
	if last {
		c.used.Store(false)
		c.schedule(c.pause())
	}
	if c.opt.Failed != nil {
		c.opt.Failed(err)
	}
	c.wake()
}

// abandon ends what still runs once there is a value; the lock is held.
func (c *Cell[T]) abandon() {
	for _, a := range []*attempt{c.newest, c.patient} {
		if a != nil {
			a.cancel()
		}
	}
	c.newest, c.patient = nil, nil
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

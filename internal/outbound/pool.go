package outbound

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Pool is a client of one origin over HTTP/1.1: the connections to it, the youngest used first.
type Pool struct {
	origin   Origin
	opt      Options
	route    *route
	prefix   string // before the target: "http://host" when a proxy is asked, else nothing
	hostLine string // " HTTP/1.1\r\nHost: …\r\n"
	fixed    string // lines in every request: for a proxy
	closing  string // "Connection: close" where connections are not kept

	mu      sync.Mutex
	idle    []*conn // the last one was used last
	open    int
	waiters []*waiter
	closed  bool
	janitor *time.Timer // runs while there are idle connections
	sweeps  uint64      // how often it ran
	elastic bool        // no MaxIdle was asked for: more than that are kept while they are in use
	tide    *time.Timer // runs while there are more
	unused  int         // so many at the front nobody has used since it last ran
	stats   Stats

	warden warden

	buffers   buffers
	responses sync.Pool
	uploads   sync.Pool
}

// waiter is a caller that waits for one of MaxOpen connections.
type waiter struct {
	ready chan *conn // nil: a slot to dial in
}

// NewPool makes a client that speaks HTTP/1.1, over TLS to an https origin; it dials nothing yet.
func NewPool(origin Origin, opt Options) (*Pool, error) {
	p := &Pool{origin: origin, opt: opt.withDefaults(), elastic: opt.MaxIdle == 0}
	var err error
	if p.route, err = newRoute(origin, p.opt, "http/1.1"); err != nil {
		return nil, err
	}
	p.prefix, p.fixed = p.route.lines()
	p.hostLine = " HTTP/1.1\r\nHost: " + origin.Authority() + "\r\n"
	if p.opt.MaxIdle < 0 {
		p.closing = "Connection: close\r\n"
	}
	return p, nil
}

// acquire is a connection to use: the one that was used last, else a new one. Fresh asks for a new one.
func (p *Pool) acquire(ctx context.Context, fresh bool) (*conn, error) {
	p.mu.Lock()
	for n := len(p.idle); n > 0 && !fresh && !p.closed; n = len(p.idle) {
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.unused = min(p.unused, n-1)
		if p.opt.MaxAge <= 0 || time.Since(c.born) < p.opt.MaxAge {
			p.stats.Reused++
			p.mu.Unlock()
			return c, nil
		}
		p.mu.Unlock()
		p.discard(c)
		p.mu.Lock()
	}
	var spare *conn
	switch {
	case p.closed:
		p.mu.Unlock()
		return nil, &Error{Reason: Canceled, Err: ErrClosed}
	case p.opt.MaxOpen == 0 || p.open < p.opt.MaxOpen:
		p.open++
	case len(p.idle) > 0: // fresh, and full of idle ones: the oldest makes room
		spare = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	default:
		return p.wait(ctx) // unlocks
	}
	p.mu.Unlock()
	if spare != nil {
		_ = spare.nc.Close()
	}
	return p.connect(ctx)
}

// wait queues for a connection; the lock is held, and given up here.
func (p *Pool) wait(ctx context.Context) (*conn, error) {
	if n := len(p.waiters); p.opt.MaxWait <= 0 || n >= p.opt.MaxWaiting {
		p.mu.Unlock()
		return nil, &Error{Reason: Busy, Err: fmt.Errorf("%d connections to %s are in use and %d callers wait", p.opt.MaxOpen, p.origin, n)}
	}
	w := &waiter{ready: make(chan *conn, 1)}
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()

	patience := time.NewTimer(p.opt.MaxWait)
	defer patience.Stop()
	var err error
	select {
	case c, ok := <-w.ready:
		return p.granted(ctx, c, ok)
	case <-ctx.Done():
		err = failContext(ctx, "waiting for a connection to "+p.origin.String())
	case <-patience.C:
		err = &Error{Reason: Busy, Err: fmt.Errorf("no connection to %s came free in %v", p.origin, p.opt.MaxWait)}
	}
	p.mu.Lock()
	if i := slices.Index(p.waiters, w); i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
		p.mu.Unlock()
		return nil, err
	}
	p.mu.Unlock()
	// Granted in the same moment: pass it on.
	if c, ok := <-w.ready; ok && c != nil {
		p.release(c, true)
	} else if ok {
		p.freeSlot()
	}
	return nil, err
}

func (p *Pool) granted(ctx context.Context, c *conn, ok bool) (*conn, error) {
	switch {
	case !ok:
		return nil, &Error{Reason: Canceled, Err: ErrClosed}
	case c == nil:
		return p.connect(ctx)
	}
	return c, nil
}

// connect opens a connection in a slot that the caller holds.
func (p *Pool) connect(ctx context.Context) (*conn, error) {
	nc, err := p.route.dial(ctx)
	if err != nil {
		p.freeSlot()
		return nil, err
	}
	p.mu.Lock()
	p.stats.Dialed++
	p.mu.Unlock()
	return newConn(p, nc), nil
}

// release takes a connection back after an exchange.
func (p *Pool) release(c *conn, reusable bool) {
	if !reusable {
		p.discard(c)
		return
	}
	c.reused = true
	p.put(c)
}

// adopt takes a connection that was opened elsewhere.
func (p *Pool) adopt(nc net.Conn) {
	p.mu.Lock()
	if p.opt.MaxOpen > 0 && p.open >= p.opt.MaxOpen {
		p.mu.Unlock()
		nc.Close()
		return
	}
	p.open++
	p.stats.Dialed++
	p.mu.Unlock()
	p.put(newConn(p, nc))
}

// put gives a connection to the one who waits longest, or keeps it idle.
func (p *Pool) put(c *conn) {
	if p.opt.MaxIdle < 0 {
		p.discard(c)
		return
	}
	p.mu.Lock()
	c.free = p.sweeps
	if p.closed {
		p.mu.Unlock()
		p.discard(c)
		return
	}
	if len(p.waiters) > 0 {
		w := p.waiters[0]
		p.waiters = slices.Delete(p.waiters, 0, 1)
		p.stats.Reused++
		p.mu.Unlock()
		w.ready <- c
		return
	}
	var oldest *conn
	switch {
	case len(p.idle) < p.opt.MaxIdle:
	case p.elastic:
		p.watchTide()
	default:
		oldest = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.idle = append(p.idle, c)
	p.watchIdle()
	p.mu.Unlock()
	if oldest != nil {
		p.discard(oldest)
	}
}

// discard closes a connection and frees its slot.
func (p *Pool) discard(c *conn) {
	c.nc.Close()
	p.freeSlot()
}

// freeSlot lets the next one who waits dial.
func (p *Pool) freeSlot() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiters) > 0 && !p.closed {
		w := p.waiters[0]
		p.waiters = slices.Delete(p.waiters, 0, 1)
		w.ready <- nil
		return
	}
	p.open--
}

// sweepsToExpire parts IdleTimeout: the clock need not be asked whenever a connection becomes idle.
const sweepsToExpire = 4

// watchIdle starts the janitor unless it runs; the lock is held.
func (p *Pool) watchIdle() {
	if p.janitor == nil {
		p.janitor = time.AfterFunc(p.opt.IdleTimeout/sweepsToExpire, p.sweep)
	}
}

// sweep closes what has been idle for too long, is too old, or was closed by the origin.
func (p *Pool) sweep() {
	var old []*conn
	p.mu.Lock()
	p.sweeps++
	now := time.Now()
	kept := p.idle[:0]
	for _, c := range p.idle {
		expired := p.sweeps-c.free > sweepsToExpire || p.opt.MaxAge > 0 && now.Sub(c.born) >= p.opt.MaxAge
		if expired || !c.alive() {
			old = append(old, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	p.janitor = nil
	if len(kept) > 0 {
		p.watchIdle()
	}
	p.mu.Unlock()
	for _, c := range old {
		p.discard(c)
	}
}

// tideTime is how long connections above MaxIdle are kept for the next ones to come: requests that come in waves would
// otherwise close and open them with every wave.
const tideTime = time.Second

// watchTide starts the tide unless it runs; the lock is held.
func (p *Pool) watchTide() {
	if p.tide == nil {
		p.tide, p.unused = time.AfterFunc(tideTime, p.ebb), len(p.idle)
	}
}

// ebb closes what is above MaxIdle and was of no use since the last time.
func (p *Pool) ebb() {
	p.mu.Lock()
	n := max(0, min(p.unused, len(p.idle)-p.opt.MaxIdle))
	old := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.tide = nil
	if len(p.idle) > p.opt.MaxIdle {
		p.watchTide()
	}
	p.mu.Unlock()
	for _, c := range old {
		p.discard(c)
	}
}

// Close drops idle connections, fails those who wait for one, and lets running exchanges end.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle, waiters := p.idle, p.waiters
	p.idle, p.waiters, p.closed = nil, nil, true
	if p.janitor != nil {
		p.janitor.Stop()
		p.janitor = nil
	}
	if p.tide != nil {
		p.tide.Stop()
		p.tide = nil
	}
	p.mu.Unlock()
	for _, w := range waiters {
		close(w.ready)
	}
	for _, c := range idle {
		p.discard(c)
	}
	return nil
}

// Stats counts connections.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Open, s.Idle, s.Waiting = p.open, len(p.idle), len(p.waiters)
	return s
}

func (p *Pool) getResponse() *Response {
	if r, ok := p.responses.Get().(*Response); ok {
		return r
	}
	return new(Response)
}

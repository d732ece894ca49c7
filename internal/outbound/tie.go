package outbound

import (
	"context"
	"sync/atomic"
	"time"
)

// tie binds a connection to the context of one exchange: the context's deadline is the connection's, and its end
// interrupts whatever read or write is running.
type tie struct {
	ctx       context.Context
	idle      time.Duration // Request.IdleTimeout
	headBound bool          // the deadline is that of the head alone
	streaming atomic.Bool   // the head is read and idle holds instead of the deadline of ctx
	cut       atomic.Bool   // interrupted: the connection is spoilt
	interrupt func()        // conn.onDone, made once

	// While slot is not grown, these belong to whoever holds the warden's lock.
	slot     int         // in a row of the warden's wheel
	due      uint64      // the row
	looks    int         // that the warden has taken
	stop     func() bool // takes the callback of ctx back; nil: there is none
	limited  bool        // there is to be a deadline
	deadline time.Time   // it
	bounded  bool        // nc has one now, this or an older one

	silence time.Duration // the idle timeout, once the head is read: deadline is that of the next bytes
}

// grown is the slot of those that the warden does not look after.
const grown = -1

// noDeadline takes a deadline off.
var noDeadline time.Time

// longAgo is a deadline in the past: reads and writes under it return at once.
func longAgo() time.Time { return time.Unix(1, 0) }

// bind begins an exchange.
func (c *conn) bind(ctx context.Context, req *Request) {
	c.ctx, c.idle = ctx, req.IdleTimeout
	c.sent, c.answered, c.up, c.stop, c.silence = false, false, nil, nil, 0
	c.streaming.Store(false)
	c.deadline, c.limited = ctx.Deadline()
	c.headBound = !req.HeadBy.IsZero()
	if c.headBound && (!c.limited || req.HeadBy.Before(c.deadline)) {
		c.deadline, c.limited = req.HeadBy, true
	}
	switch {
	case c.limited && time.Until(c.deadline) < soon:
		c.bounded = true
		_ = c.nc.SetDeadline(c.deadline)
	case c.bounded: // by that of an exchange before this one
		c.bounded = false
		_ = c.nc.SetDeadline(noDeadline)
	}
	if w, ok := ctx.(Watcher); !ok || w.Waited(soon) {
		c.grow()
		return
	}
	c.pool.warden.add(c)
}

// unbind ends the exchange; false: it was interrupted, and the connection is spoilt.
func (c *conn) unbind() bool {
	if !c.pool.warden.remove(c) && c.stop != nil && !c.stop() {
		return false
	}
	return !c.cut.Load()
}

// Watcher is a context of which it costs much to wait for the end, and little to look for it now and then.
type Watcher interface {
	context.Context
	// Waited reports whether to wait nevertheless: somebody does already, or a time that [context.Context.Deadline] does not
	// tell is over within so long.
	Waited(within time.Duration) bool
	// Look brings Err up to date; false: it cannot, and only who waits will know.
	Look() bool
}

// Look has ctx know whether its client has gone, before another step is taken for it: steps may be too short for anybody to
// look while they are taken.
func Look(ctx context.Context) {
	if w, ok := ctx.(Watcher); ok && !w.Look() {
		w.Done() // then it will be known at the next step
	}
}

// look looks for the end of a context; false: it must be waited for.
func look(ctx context.Context) bool {
	w, ok := ctx.(Watcher)
	return ok && !w.Waited(soon) && w.Look()
}

// over tells whether ctx has ended in a way that ends the exchange.
func (c *conn) over() bool {
	err := c.ctx.Err()
	return err != nil && (err != context.DeadlineExceeded || !c.streaming.Load())
}

// onDone runs when ctx has ended, in a goroutine of its own.
func (c *conn) onDone() {
	if c.over() {
		c.cutOff()
	}
}

// cutOff ends reads and writes, those that run too.
func (c *conn) cutOff() {
	c.cut.Store(true)
	_ = c.nc.SetDeadline(longAgo())
}

// limit sets a deadline. It may race with an interruption: whoever is last, the past wins.
func (c *conn) limit(t time.Time) {
	_ = c.nc.SetDeadline(t)
	if c.cut.Load() {
		_ = c.nc.SetDeadline(longAgo())
	}
}

// grow sets what until now was only noted: a deadline on the connection, a callback on ctx.
func (c *conn) grow() {
	if c.limited && !c.bounded {
		c.bounded = true
		c.limit(c.deadline)
	}
	if c.silence > 0 {
		c.bounded = true
		_ = c.nc.SetReadDeadline(c.deadline)
	}
	if c.ctx.Done() != nil {
		c.stop = context.AfterFunc(c.ctx, c.interrupt)
	}
}

// stream begins the part of an exchange after the head. Without an idle timeout, and without a bound for the head alone,
// nothing changes.
func (c *conn) stream() {
	switch {
	case c.idle > 0:
		c.streaming.Store(true)
		if c.pool.warden.stream(c) {
			return
		}
		c.setDeadline(noDeadline, false)
		if c.pool.warden.remove(c) {
			c.grow()
		}
	case c.headBound:
		c.setDeadline(c.ctx.Deadline())
	}
}

// setDeadline changes the deadline.
func (c *conn) setDeadline(t time.Time, limited bool) {
	if c.pool.warden.note(c, t, limited) {
		return
	}
	c.limited, c.deadline, c.bounded = limited, t, limited
	c.limit(t)
}

// armHeadTimeout bounds the wait for the head by Options.HeadTimeout, now that the request is out.
func (c *conn) armHeadTimeout() {
	limit := c.pool.opt.HeadTimeout
	if limit <= 0 || c.up != nil {
		return
	}
	by := time.Now().Add(limit)
	if d, ok := c.ctx.Deadline(); ok && d.Before(by) {
		return
	}
	if c.headBound && c.deadline.Before(by) {
		return
	}
	c.headBound = true
	c.setDeadline(by, true)
}

package outbound

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// bufferSize holds a usual request, then a usual answer: one write, one read.
const bufferSize = 8 << 10

// buffer is pooled behind a pointer, so that putting it back costs nothing.
type buffer struct{ b []byte }

// conn is one connection to the origin. It belongs to one exchange at a time; the pool owns it in between.
type conn struct {
	pool *Pool
	nc   net.Conn
	raw  syscall.RawConn // nil where the connection is not a socket

	layered bool // nc is not the socket itself

	buf  *buffer // from the first byte of a request to the last of its answer
	r, w int     // the unread part of buf

	ctx       context.Context
	stop      func() bool   // ends the watch on ctx
	cut       atomic.Bool   // ctx ended and interrupt ran
	idle      time.Duration // Request.IdleTimeout
	streaming atomic.Bool   // the head is read and idle holds instead of the deadline of ctx
	bounded   bool          // nc has a deadline
	deadline  time.Time     // it
	headBound bool          // it is that of the head alone

	reused     bool // it has served an exchange before this one
	sent       bool // bytes of this exchange's request have left
	answered   bool // bytes of this exchange's answer have come
	broken     bool // a write failed: no further exchange
	born, free time.Time

	up *upload // of this exchange, while it runs

	interrupt func() // c.onDone, made once
	probe     func(fd uintptr)
	dead      bool // what probe found
}

// noDeadline takes a deadline off.
var noDeadline time.Time

// longAgo is a deadline in the past: reads and writes under it return at once.
func longAgo() time.Time { return time.Unix(1, 0) }

func newConn(p *Pool, nc net.Conn) *conn {
	c := &conn{pool: p, nc: nc, born: time.Now()}
	c.interrupt = c.onDone
	c.layered = bare(nc) != nc
	if s, ok := bare(nc).(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	c.probe = c.look
	return c
}

// bare is the connection below TLS.
func bare(nc net.Conn) net.Conn {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return nc
}

// bind ties the connection to ctx until unbind: its deadline becomes the connection's, and its end interrupts whatever
// read or write is running.
func (c *conn) bind(ctx context.Context, req *Request) {
	c.ctx, c.idle = ctx, req.IdleTimeout
	c.sent, c.answered, c.up = false, false, nil
	c.streaming.Store(false)
	deadline, ok := ctx.Deadline()
	if !req.HeadBy.IsZero() && (!ok || req.HeadBy.Before(deadline)) {
		deadline, ok = req.HeadBy, true
	}
	if ok || c.bounded {
		c.bounded, c.deadline = ok, deadline
		c.nc.SetDeadline(deadline)
	}
	c.headBound = !req.HeadBy.IsZero()
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.interrupt)
	}
}

// onDone runs when ctx has ended, in a goroutine of its own.
func (c *conn) onDone() {
	if c.streaming.Load() && c.ctx.Err() == context.DeadlineExceeded {
		return
	}
	c.cut.Store(true)
	c.nc.SetDeadline(longAgo())
}

// unbind ends the watch; false: ctx has ended and the connection is spoilt.
func (c *conn) unbind() bool {
	ok := c.stop == nil || c.stop()
	c.stop = nil
	return ok && !c.cut.Load()
}

// stream begins the part of an exchange after the head. Without an idle timeout, and without a HeadBy that came before
// the deadline of ctx, nothing changes.
func (c *conn) stream() {
	deadline, ok := c.ctx.Deadline()
	switch {
	case c.idle > 0:
		c.streaming.Store(true)
		c.setDeadline(noDeadline, false)
	case c.headBound:
		c.setDeadline(deadline, ok)
	}
}

// setDeadline may race with onDone: whoever is last, the past wins.
func (c *conn) setDeadline(t time.Time, ok bool) {
	c.bounded, c.deadline = ok, t
	c.nc.SetDeadline(t)
	if c.cut.Load() {
		c.nc.SetDeadline(longAgo())
	}
}

// armHeadTimeout bounds the wait for the head by Options.HeadTimeout, now that the request is out.
func (c *conn) armHeadTimeout() {
	limit := c.pool.opt.HeadTimeout
	if limit <= 0 || c.up != nil {
		return
	}
	by := time.Now().Add(limit)
	if c.bounded && by.After(c.deadline) {
		return
	}
	c.headBound = true
	c.setDeadline(by, true)
}

// read reads once from the network, past the buffer.
func (c *conn) read(p []byte) (int, error) {
	if c.idle > 0 && c.streaming.Load() {
		c.bounded = true
		c.nc.SetReadDeadline(time.Now().Add(c.idle))
		if c.cut.Load() {
			c.nc.SetDeadline(longAgo())
		}
	}
	for range 100 {
		n, err := c.nc.Read(p)
		if n > 0 {
			c.answered = true
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

// fill reads more into the buffer, which has room for at least one byte.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	n, err := c.read(c.buf.b[c.w:])
	c.w += n
	return err
}

// fail explains why a read or a write ended: the context first, since it is what interrupts them.
func (c *conn) fail(err error, during string) *Error {
	var e *Error
	if cause := c.up.failure(); cause != nil && c.ctx.Err() == nil {
		return &Error{Reason: Upload, Sent: true, Err: cause}
	}
	switch {
	case c.ctx.Err() != nil && (c.cut.Load() || !c.streaming.Load()):
		e = failContext(c.ctx, during)
	case c.answered:
		e = cutShort(err, during)
	default:
		e = failIO(err, during)
	}
	e.Sent = c.sent
	return e
}

// look asks the socket for a byte without waiting. There must be none: what an origin says unasked, and the end of the
// connection, both make it useless.
func (c *conn) look(fd uintptr) { c.dead = !silent(fd) }

// alive tells whether an idle connection may be used again.
func (c *conn) alive() bool {
	if c.raw == nil {
		return true
	}
	if err := c.raw.Control(c.probe); err != nil || c.dead {
		return false
	}
	return !c.layered || c.quiet()
}

// quiet looks into what lies above the socket, TLS, for bytes that were read but not asked for: under a deadline in the
// past, it gives those and reads nothing.
func (c *conn) quiet() bool {
	c.bounded = true
	c.nc.SetReadDeadline(longAgo())
	var b [1]byte
	n, err := c.nc.Read(b[:])
	return n == 0 && isTimeout(err)
}

// end gives the connection back, or closes it, and the buffer with it.
func (c *conn) end(reusable bool) {
	if c.broken || c.r != c.w {
		reusable = false // more than was asked for: the next answer could not be told from it
	}
	if c.buf != nil {
		c.pool.putBuffer(c.buf)
		c.buf = nil
	}
	c.r, c.w = 0, 0
	if c.unbind() {
		c.ctx = nil
	} else {
		reusable = false // and onDone may still be looking at ctx
	}
	c.pool.release(c, reusable)
}

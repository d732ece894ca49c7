package outbound

import (
	"io"
	"net"
	"time"
)

// conn is one connection to the origin. It belongs to one exchange at a time; the pool owns it in between.
type conn struct {
	pool *Pool
	nc   net.Conn
	socket

	layered bool // nc is not the socket itself

	buf  *buffer // from the first byte of a request to the last of its answer
	r, w int     // the unread part of buf

	tie // to the context of an exchange

	reused   bool // it has served an exchange before this one
	sent     bool // bytes of this exchange's request have left
	answered bool // bytes of this exchange's answer have come
	broken   bool // a write failed: no further exchange
	born     time.Time
	free     uint64 // the sweep of the pool after which it became idle

	up *upload // of this exchange, while it runs

}

func newConn(p *Pool, nc net.Conn) *conn {
	c := &conn{pool: p, nc: nc, born: time.Now()}
	c.interrupt = c.onDone
	c.slot = grown
	c.layered = bare(nc) != nc
	c.openSocket()
	return c
}

// bare is the connection below TLS.
func bare(nc net.Conn) net.Conn {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return nc
}

// read reads once from the network, past the buffer.
func (c *conn) read(p []byte) (int, error) {
	c.expect()
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

// expect gives the origin its idle timeout for what is to come next.
func (c *conn) expect() {
	if c.idle > 0 && c.streaming.Load() && !c.pool.warden.awaits(c) {
		c.bounded = true
		_ = c.nc.SetReadDeadline(time.Now().Add(c.idle))
		if c.cut.Load() {
			_ = c.nc.SetDeadline(longAgo())
		}
	}
}

// fill reads more into the buffer, which has room for at least one byte.
func (c *conn) fill() error {
	if err := c.early; err != nil {
		c.early = nil
		return err
	}
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
	_ = c.nc.SetReadDeadline(longAgo())
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
		c.pool.buffers.put(c.buf)
		c.buf = nil
	}
	c.r, c.w, c.early = 0, 0, nil
	if c.unbind() {
		c.ctx = nil
	} else {
		reusable = false // and onDone may still be looking at ctx
	}
	c.pool.release(c, reusable)
}

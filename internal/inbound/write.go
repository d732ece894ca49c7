package inbound

import (
	"net"
	"time"
)

// writing is the part of a connection that writes. Deadlines roll: a client that does not take a piece within the stall
// timeout is slow on purpose, or gone.
type writing struct {
	until time.Time // what holds for the whole answer; zero: nothing
	moved time.Time // when the deadline that stands was set; zero: it is to be set anew
	pair  [2][]byte
	both  net.Buffers // pair, while it is written
}

// writePiece is what must be taken within one stall timeout.
const writePiece = 64 << 10

// writeBy bounds what is written from now on.
func (c *conn) writeBy(t time.Time) {
	c.until, c.moved = t, time.Time{}
	if t.IsZero() && c.server.Limits.Stall <= 0 {
		_ = c.nc.SetWriteDeadline(t)
	}
}

// roll moves the deadline on, unless it was moved a moment ago.
func (c *conn) roll() {
	stall := c.server.Limits.Stall
	if stall <= 0 && c.until.IsZero() {
		return
	}
	now := time.Now()
	if !c.moved.IsZero() && (stall <= 0 || now.Sub(c.moved) < stall/4) {
		return
	}
	c.moved = now
	deadline := c.until
	if stall > 0 {
		deadline = earlier(c.until, now.Add(stall))
	}
	_ = c.nc.SetWriteDeadline(deadline) // a closed connection says so when it is written to
}

// send writes two pieces, the second of which may be empty, with one call where that is possible.
func (c *conn) send(p, q []byte) error {
	if len(p)+len(q) <= writePiece && len(q) > 0 && c.raw != nil {
		c.roll()
		c.pair = [2][]byte{p, q}
		c.both = c.pair[:]
		_, err := c.both.WriteTo(c.nc)
		c.pair = [2][]byte{}
		return err
	}
	if err := c.write(p); err != nil {
		return err
	}
	return c.write(q)
}

func (c *conn) write(p []byte) error {
	for len(p) > 0 {
		c.roll()
		n, err := c.nc.Write(p[:min(len(p), writePiece)])
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

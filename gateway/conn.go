package gateway

import (
	"net"
	"sync/atomic"
	"time"
)

// paced is a client's connection whose writes must go on: a client that does not take a piece within the stall timeout is
// slow on purpose, or gone (security.md 36). Deadlines roll here, below everything that writes, so that no handler need
// think of them; they are only moved on when they are about to matter.
type paced struct {
	net.Conn
	stall time.Duration // 0: writes may take for ever
	until atomic.Int64  // what the server itself has set, in Unix nanoseconds; 0: nothing
	set   atomic.Int64  // when the deadline that stands now was set; 0: none stands
}

// pacedPiece is what must be taken within one stall timeout.
const pacedPiece = 64 << 10

// Write follows net.Conn.
func (c *paced) Write(p []byte) (n int, err error) {
	for err == nil {
		var m int
		c.roll()
		m, err = c.Conn.Write(p[n:min(len(p), n+pacedPiece)])
		if n += m; n == len(p) {
			break
		}
	}
	return n, err
}

// roll moves the deadline on, unless it was moved a moment ago.
func (c *paced) roll() {
	if c.stall <= 0 {
		return
	}
	now := time.Now()
	if last := c.set.Load(); last != 0 && now.UnixNano()-last < int64(c.stall)/4 {
		return
	}
	c.set.Store(now.UnixNano())
	deadline := now.Add(c.stall)
	if until := c.until.Load(); until != 0 && until < deadline.UnixNano() {
		deadline = time.Unix(0, until)
	}
	_ = c.Conn.SetWriteDeadline(deadline) // a closed connection says so when it is written to
}

// SetWriteDeadline follows net.Conn. Taking a deadline off, as the server does after every answer, changes nothing: ours
// goes on to hold.
func (c *paced) SetWriteDeadline(t time.Time) error {
	if c.stall <= 0 {
		return c.Conn.SetWriteDeadline(t)
	}
	if t.IsZero() {
		if c.until.Swap(0) != 0 {
			c.set.Store(0)
		}
		return nil
	}
	c.until.Store(t.UnixNano())
	c.set.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline follows net.Conn.
func (c *paced) SetDeadline(t time.Time) error {
	if err := c.Conn.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

package gateway

import (
	"crypto/tls"
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

// CloseWrite says that nothing more will be written, where the connection can.
func (c *paced) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// strict is a client's HTTP/1 connection whose requests are followed byte by byte: what is framed doubtfully ends it, and
// bodies must go on coming.
type strict struct {
	net.Conn
	framing framing
	err     error
	opaque  atomic.Bool // it was hijacked: what comes is no longer HTTP
	stall   time.Duration
	until   atomic.Int64 // what the server itself has set for reads
	rolling bool         // a deadline of ours stands
	since   int          // bytes of the body since it was moved on
	done    func()       // hears of Close; nil until it is hijacked
}

// strictPiece is what a client must send of a body within one stall timeout.
const strictPiece = 4 << 10

// Read follows net.Conn. Bytes behind a violation are never seen by the server.
func (c *strict) Read(p []byte) (int, error) {
	if c.opaque.Load() {
		return c.Conn.Read(p)
	}
	if c.err != nil {
		return 0, c.err
	}
	body := c.framing.body()
	if body && c.stall > 0 {
		c.roll()
	}
	n, err := c.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	good, wrong := c.framing.feed(p[:n])
	if wrong != nil {
		c.err = wrong
		if good == 0 {
			return 0, wrong
		}
		n, err = good, nil
	}
	if c.since += n; c.rolling && !c.framing.body() {
		c.rolling = false
		_ = c.Conn.SetReadDeadline(c.own())
	}
	return n, err
}

// roll gives the client its time for the next piece of a body.
func (c *strict) roll() {
	if c.rolling && c.since < strictPiece {
		return
	}
	c.rolling, c.since = true, 0
	deadline := time.Now().Add(c.stall)
	if own := c.own(); !own.IsZero() && own.Before(deadline) {
		deadline = own
	}
	_ = c.Conn.SetReadDeadline(deadline)
}

// own is the deadline that the server itself has set.
func (c *strict) own() time.Time {
	if until := c.until.Load(); until != 0 {
		return time.Unix(0, until)
	}
	return time.Time{}
}

// SetReadDeadline follows net.Conn.
func (c *strict) SetReadDeadline(t time.Time) error {
	if t.IsZero() {
		c.until.Store(0)
	} else {
		c.until.Store(t.UnixNano())
	}
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline follows net.Conn.
func (c *strict) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(t)
}

// CloseWrite says that nothing more will be written, where the connection can.
func (c *strict) CloseWrite() error { return closeWrite(c.Conn) }

// Close follows net.Conn.
func (c *strict) Close() error {
	if c.done != nil {
		c.done()
	}
	return c.Conn.Close()
}

// strictTLS is a strict connection over TLS; the server asks it who is there.
type strictTLS struct {
	*strict
	tls *tls.Conn
}

// ConnectionState is what the handshake agreed on.
func (c strictTLS) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

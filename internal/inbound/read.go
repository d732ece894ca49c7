package inbound

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// reading is the part of a connection that reads. It belongs to one goroutine at a time: the connection's own, the reader of
// a body, or the watch.
type reading struct {
	in   *buffer   // nil while nothing is unread and nothing is being read
	r, w int       // the unread part of it
	by   time.Time // when a read is late; zero: never
	set  time.Time // the deadline that the connection has; never after by when a read waits; zero: none
}

// errAborted ends a read that somebody has interrupted.
var errAborted = errors.New("reading was interrupted")

// unread is what has come and was not looked at.
func (c *conn) unread() []byte {
	if c.in == nil {
		return nil
	}
	return c.in.b[c.r:c.w]
}

// spare gives the buffer back if nothing unread is in it.
func (c *conn) spare() {
	if c.in != nil && c.r == c.w {
		give(&c.server.heads, c.in)
		c.in, c.r, c.w = nil, 0, 0
	}
}

// room makes sure that there is place behind what is unread; the buffer grows up to most bytes. false: it is full.
func (c *conn) room(most int) bool {
	switch {
	case c.in == nil:
		c.in = take(&c.server.heads, pieceOfHead)
		c.r, c.w = 0, 0
	case c.w < len(c.in.b):
	case c.r > 0:
		c.w = copy(c.in.b, c.in.b[c.r:c.w])
		c.r = 0
	case len(c.in.b) >= most:
		return false
	default:
		larger := &buffer{make([]byte, min(4*len(c.in.b), most))}
		copy(larger.b, c.in.b)
		give(&c.server.heads, c.in)
		c.in = larger
	}
	return true
}

// fill reads once into the buffer, which has room.
func (c *conn) fill() error {
	n, err := c.read(c.in.b[c.w:])
	c.w += n
	return err
}

// first waits for the first bytes of a request. An idle connection of a bare socket has no buffer while it waits.
func (c *conn) first() error {
	if c.raw == nil {
		c.room(pieceOfHead)
		return c.fill()
	}
	for {
		c.arm()
		c.heard, c.readErr = 0, nil
		err := c.raw.Read(c.listen)
		switch {
		case c.heard > 0:
			return nil
		case err == nil && c.readErr == nil:
			return io.EOF
		case err == nil:
			return c.readErr
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		if err := c.late(); err != nil {
			return err
		}
	}
}

// hear is called by the runtime when the socket may have something to say; false asks it to wait.
func (c *conn) hear(fd uintptr) bool {
	c.room(pieceOfHead)
	n, err, wait := readSocket(fd, c.in.b)
	if wait {
		c.spare()
		return false
	}
	c.heard, c.w, c.readErr = n, n, err
	return true
}

// read reads once from the network, until c.by.
func (c *conn) read(p []byte) (int, error) {
	for {
		c.arm()
		if c.aborting.Load() {
			return 0, errAborted
		}
		n, err := c.nc.Read(p)
		if n > 0 {
			return n, nil
		}
		if err == nil {
			continue
		}
		if !isTimeout(err) {
			return 0, err
		}
		if err := c.late(); err != nil {
			return 0, err
		}
	}
}

// arm sees to it that the connection has no deadline later than ours. An earlier one may stand, and is looked at when it
// passes: so most requests move none.
func (c *conn) arm() {
	if !c.by.IsZero() && (c.set.IsZero() || c.set.After(c.by)) {
		c.set = c.by
		_ = c.nc.SetReadDeadline(c.by)
	}
}

// late tells why a deadline has passed: nil if it was an old one, and a new one stands.
func (c *conn) late() error {
	if c.aborting.Load() {
		return errAborted
	}
	if !c.by.IsZero() && !time.Now().Before(c.by) {
		return os.ErrDeadlineExceeded
	}
	c.set = c.by
	_ = c.nc.SetReadDeadline(c.by)
	if c.aborting.Load() { // between the two lines: our deadline has replaced that of the interruption
		return errAborted
	}
	return nil
}

// abort interrupts whoever reads; they find c.aborting set.
func (c *conn) abort() {
	c.aborting.Store(true)
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

// resume allows reading again after an abort, when nobody reads.
func (c *conn) resume() {
	c.aborting.Store(false)
	c.by, c.set = time.Time{}, time.Time{}
	_ = c.nc.SetReadDeadline(time.Time{})
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

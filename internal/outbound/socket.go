package outbound

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// socket speaks with the kernel directly where a connection is a bare socket. An exchange is then a look (has the origin
// closed, or said something unasked?), one write, one wait and one read; package net would have to look after the write, in
// vain, before it waits.
type socket struct {
	raw    syscall.RawConn // nil where the connection is no socket
	direct bool            // nc is the socket itself, with nothing in between

	talk  func(fd uintptr) bool // conn.converse, made once
	probe func(fd uintptr)      // conn.look, made once
	dead  bool                  // what look found

	out   []byte // the request
	wrote int    // bytes of it that are out
	phase phase
	early error // what the read said, for the next fill
}

// phase is where in a conversation a socket stands.
type phase uint8

const (
	asking  phase = iota
	waiting       // the request is out
	heard         // the read is done
	stale         // the connection was of no use, nothing was sent
	partly        // some of the request is out, the rest is for package net
)

func (c *conn) openSocket() {
	switch c.nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		c.direct = socketCalls
	}
	if s, ok := bare(c.nc).(syscall.Conn); ok && socketCalls {
		c.raw, _ = s.SyscallConn()
	}
	c.talk, c.probe = c.converse, c.look
}

// errStale is a reused connection that turned out dead before anything was sent on it.
var errStale = errors.New("the connection was closed while idle")

// ask writes a request that lies in one piece, and reads the beginning of the answer into the buffer.
func (c *conn) ask(request []byte) error {
	c.out, c.phase, c.early = request, asking, nil
	err := c.raw.Read(c.talk)
	c.out = nil
	switch c.phase {
	case stale:
		return errStale
	case partly:
		return c.write(request[c.wrote:])
	case waiting:
		c.early = err // the wait was interrupted
	}
	if c.phase == asking {
		return err
	}
	return nil
}

// converse is called by the runtime: false asks it to wait until the socket can be read.
func (c *conn) converse(fd uintptr) bool {
	if c.phase == asking {
		if c.reused && !silent(fd) {
			c.phase = stale
			return true
		}
		n := writeSocket(fd, c.out)
		if c.sent = n > 0; n < len(c.out) {
			c.wrote, c.phase = n, partly
			return true
		}
		c.phase = waiting
		return false
	}
	n, err, wait := readSocket(fd, c.buf.b)
	if wait {
		return false
	}
	c.phase = heard
	c.w = n
	if c.answered = n > 0; n == 0 {
		if c.early = err; err == nil {
			c.early = io.EOF
		}
	}
	return true
}

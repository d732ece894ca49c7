package inbound

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is one client's connection: one request after the other.
type conn struct {
	server *Server
	nc     net.Conn
	raw    syscall.RawConn // nil where nc is not a bare socket
	tls    *tls.ConnectionState
	remote string
	born   time.Time
	state  atomic.Int32

	before, after *conn // in the server's list

	reading
	listen   func(fd uintptr) bool // conn.hear, made once
	heard    int                   // what it read
	readErr  error                 // or why it did not
	aborting atomic.Bool           // whoever reads is to stop
	readBy   time.Time             // when the whole request is late (ReadTimeout)
	watch    watch

	head     head
	answered bool // a request came before this one

	writing
	current *response // what is being answered, and life its request's
	life    *life
	header  http.Header // of the answer; its maps serve one request after the other
	keys    []string    // of header, to be sorted
}

// The states of a connection.
const (
	fresh  int32 = iota // nothing has come yet
	idle                // between two requests
	active              // a request is being answered
	taken               // a handler has taken it over
	ended               // by Shutdown
)

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, nc: nc, remote: nc.RemoteAddr().String(), born: time.Now(), header: http.Header{}}
	switch bare := nc.(type) {
	case *net.TCPConn:
		c.raw, _ = bare.SyscallConn()
	case *net.UnixConn:
		c.raw, _ = bare.SyscallConn()
	case interface{ ConnectionState() tls.ConnectionState }:
		state := bare.ConnectionState()
		c.tls = &state
	}
	if !socketCalls {
		c.raw = nil
	}
	c.listen = c.hear
	return c
}

// serve is the life of a connection.
func (c *conn) serve() {
	for c.next() {
	}
	c.server.forget(c)
	if c.state.Load() == taken {
		c.server.note(http.StateHijacked)
		return
	}
	if c.in != nil {
		c.r = c.w
		c.spare()
	}
	_ = c.nc.Close()
	c.server.note(http.StateClosed)
}

// next answers one request; false: there is to be no other.
func (c *conn) next() bool {
	if !c.await() {
		return false
	}
	end, wrong, err := c.readHead()
	switch {
	case err != nil:
		return false
	case wrong == nil && c.speaksHTTP2():
		return c.handOver()
	}
	x := new(exchange)
	var r *http.Request
	if wrong == nil {
		r, wrong = c.understand(x, end)
	}
	if wrong != nil {
		c.refuse(x, r, wrong)
		return false
	}
	x.life.c = c
	c.watch.begin(r.Body == http.NoBody, len(c.unread()) > 0)
	x.response.begin(c, x, r)
	return c.answer(x, r)
}

// await waits for a request to begin.
func (c *conn) await() bool {
	if c.answered {
		if !c.state.CompareAndSwap(active, idle) || c.server.closing.Load() {
			return false
		}
		c.server.note(http.StateIdle)
	}
	if len(c.unread()) == 0 {
		c.by = c.patience()
		if c.first() != nil {
			return false
		}
	}
	if was := c.state.Load(); was == ended || !c.state.CompareAndSwap(was, active) {
		return false
	}
	c.by = time.Time{}
	c.server.note(http.StateActive)
	return true
}

// patience is until when a request must have begun.
func (c *conn) patience() time.Time {
	limits := &c.server.Limits
	switch {
	case !c.answered && limits.HeaderTimeout > 0:
		return c.born.Add(limits.HeaderTimeout)
	case limits.IdleTimeout > 0:
		return time.Now().Add(limits.IdleTimeout)
	}
	return time.Time{}
}

// readHead reads until the head is whole.
func (c *conn) readHead() (end int, wrong *fault, err error) {
	limits := &c.server.Limits
	most := limits.Head
	if most <= 0 {
		most = defaultHead
	}
	c.head = head{lines: c.head.lines[:0], fields: c.head.fields[:0]}
	c.readBy = time.Time{}
	if limits.ReadTimeout > 0 {
		c.readBy = time.Now().Add(limits.ReadTimeout)
	}
	for {
		end, wrong = c.head.scan(c.unread())
		switch {
		case max(end, c.head.scanned) > most, end == 0 && wrong == nil && !c.room(most):
			return 0, tooLong(fmt.Sprintf("the head is longer than %d bytes", most)), nil
		case end > 0 || wrong != nil:
			return end, wrong, nil
		}
		if c.by.IsZero() {
			if c.by = c.readBy; limits.HeaderTimeout > 0 {
				c.by = earlier(c.readBy, time.Now().Add(limits.HeaderTimeout))
			}
		}
		if err := c.fill(); err != nil {
			return 0, nil, err
		}
	}
}

// earlier is the nearer of two deadlines, of which the first may be none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// preface is how HTTP/2 begins (RFC 9113 3.4).
const preface = "PRI * HTTP/2.0"

// speaksHTTP2 tells whether HTTP/2 begins here.
func (c *conn) speaksHTTP2() bool {
	return !c.answered && c.server.HTTP2 != nil && len(c.head.lines) == 1 && string(c.head.lines[0].of(c.unread())) == preface
}

func (c *conn) handOver() bool {
	c.state.Store(taken)
	_ = c.nc.SetReadDeadline(time.Time{})
	early := bytes.Clone(c.unread())
	c.r = c.w
	c.spare()
	c.server.HTTP2(&begun{Conn: c.nc, early: early})
	return false
}

// understand makes a request of a whole head. What was understood of a wrong one comes with the fault.
func (c *conn) understand(x *exchange, end int) (*http.Request, *fault) {
	b := c.unread()[:end]
	line := c.head.lines[0].of(b)
	method, target, minor, wrong := requestLine(line)
	if string(line) == preface {
		wrong = bad("HTTP/2 is not spoken here")
	}
	if wrong == nil {
		wrong = c.head.parse(b)
	}
	if wrong != nil {
		return &http.Request{Method: string(method), RequestURI: string(target)}, wrong
	}
	text := string(b)
	c.r += end
	from := c.head.lines[0].from
	space := from + len(method)
	r, how, wrong := x.request(c, text, text[from:space], text[space+1:space+1+len(target)], minor)
	x.response.close = how.close
	if how.length == 0 || c.r == c.w {
		c.spare()
	}
	return r, wrong
}

// answer lets the handler answer, and sees what is left of the request; false: the connection is not to be used again.
func (c *conn) answer(x *exchange, r *http.Request) bool {
	whole := c.handle(x, r)
	c.answered = true
	if c.state.Load() == taken {
		x.life.end()
		return false
	}
	whole = whole && x.response.finish()
	c.unwatch()
	settled := x.body.settle()
	x.life.end()
	x.response.free()
	clear(c.header)
	if !whole {
		return false
	}
	if !settled {
		c.linger()
		return false
	}
	return !x.response.close && !c.server.closing.Load()
}

// handle calls the handler; false: it has panicked, as handlers do to break off an answer (http.ErrAbortHandler).
func (c *conn) handle(x *exchange, r *http.Request) (whole bool) {
	defer func() {
		if recover() != nil {
			whole = false
		}
	}()
	c.server.Handler.ServeHTTP(&x.response, r)
	return true
}

// refuse answers what is no request, and ends the connection: nothing behind it can be trusted to begin where it seems to.
func (c *conn) refuse(x *exchange, r *http.Request, wrong *fault) {
	c.answered = true
	if r == nil {
		r = new(http.Request)
	}
	if r.URL == nil {
		r.URL = &x.url
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.Body, r.ContentLength, r.RemoteAddr, r.TLS, r.Close = http.NoBody, 0, c.remote, c.tls, true
	x.response.begin(c, x, r)
	x.response.close = true
	func() {
		defer func() { _ = recover() }()
		c.server.Refuse(&x.response, r, wrong.status, wrong.detail)
	}()
	x.response.finish()
	x.response.free()
	c.linger()
}

// A client that is still sending gets our answer only if it is not cut off before it has read it.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// linger says that nothing more comes from us, and lets the client finish.
func (c *conn) linger() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if c.aborting.Load() {
		c.resume()
	}
	c.by = time.Now().Add(lingerTime)
	c.r, c.w = 0, 0
	c.room(pieceOfHead)
	for n := 0; n < lingerBytes; {
		m, err := c.read(c.in.b)
		if n += m; err != nil {
			return
		}
	}
}

// retire ends a connection that is between requests; one that is new gets a moment to say something.
func (c *conn) retire() {
	switch {
	case c.state.CompareAndSwap(idle, ended), c.state.Load() == taken:
		_ = c.nc.Close()
	case c.state.Load() == fresh:
		time.AfterFunc(lingerTime, func() {
			if c.state.CompareAndSwap(fresh, ended) {
				_ = c.nc.Close()
			}
		})
	}
}

// cutOff ends a connection, whatever it does.
func (c *conn) cutOff() { _ = c.nc.Close() }

// begun is a connection of which some bytes were read already.
type begun struct {
	net.Conn
	early []byte
}

// Read follows net.Conn.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.early) > 0 {
		n := copy(p, b.early)
		b.early = b.early[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

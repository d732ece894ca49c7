package inbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what a client may take. Zero is no limit, but for Head.
type Limits struct {
	Head          int           // bytes of a request's head; 0: 1 MiB
	HeaderTimeout time.Duration // for a head, from its first byte on; of a new connection: from its beginning on
	IdleTimeout   time.Duration // between two requests
	ReadTimeout   time.Duration // for a head and its body
	WriteTimeout  time.Duration // from the end of the head to the end of the answer
	Stall         time.Duration // for 4 KiB of a body to come and for 64 KiB of an answer to be taken
}

const defaultHead = 1 << 20

// Server serves connections. Its fields are set before the first one and not changed after it.
type Server struct {
	Handler http.Handler
	Limits  Limits
	// Refuse answers what is no proper request: 400, 414, 417, 431, 501 or 505. The request holds what was understood of it.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, detail string)
	// HTTP2 takes connections that begin with the preface of HTTP/2 (RFC 9113 3.4); nil: it is not spoken.
	HTTP2 func(net.Conn)
	// Note hears of every change of a connection's state; nil: nobody does.
	Note func(http.ConnState)

	closing atomic.Bool
	mu      sync.Mutex
	conns   *conn // a list: thousands that have left leave nothing behind
	all     sync.WaitGroup
	date    atomic.Pointer[stamp]
	heads   sync.Pool // of *buffer: what is read
	outs    sync.Pool // of *buffer: what is written
}

// ErrClosed is what Serve ends with after Shutdown or Close.
var ErrClosed = errors.New("the server is closed")

// Serve takes connections until the listener is closed.
func (s *Server) Serve(l net.Listener) error {
	var pause time.Duration
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 0
			s.take(nc)
			continue
		}
		if s.closing.Load() {
			return ErrClosed
		}
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || !temporary.Temporary() {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second) // descriptors have run out: others must give some back
		time.Sleep(pause)
	}
}

func (s *Server) take(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		_ = nc.Close()
		return
	}
	if c.after = s.conns; c.after != nil {
		c.after.before = c
	}
	s.conns = c
	s.note(http.StateNew)
	s.all.Go(c.serve)
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.after != nil {
		c.after.before = c.before
	}
	if c.before != nil {
		c.before.after = c.after
	} else {
		s.conns = c.after
	}
}

func (s *Server) note(state http.ConnState) {
	if s.Note != nil {
		s.Note(state)
	}
}

// Shutdown takes no more requests: idle connections end at once, those that were taken over too, and those that have not
// said a word within a moment; what is being answered is waited for until ctx ends. The listener is closed.
func (s *Server) Shutdown(ctx context.Context, l net.Listener) error {
	s.closing.Store(true)
	_ = l.Close()
	s.mu.Lock()
	for c := s.conns; c != nil; c = c.after {
		c.retire()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { defer close(done); s.all.Wait() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends every connection now, and waits for the handlers.
func (s *Server) Close() {
	s.closing.Store(true)
	s.mu.Lock()
	for c := s.conns; c != nil; c = c.after {
		c.cutOff()
	}
	s.mu.Unlock()
	s.all.Wait()
}

// stamp is the Date header of one second.
type stamp struct {
	second int64
	text   string
}

// now is the Date header (RFC 9110 6.6.1), written once a second.
func (s *Server) now(t time.Time) string {
	d := s.date.Load()
	if d == nil || d.second != t.Unix() {
		d = &stamp{t.Unix(), t.UTC().Format(http.TimeFormat)}
		s.date.Store(d)
	}
	return d.text
}

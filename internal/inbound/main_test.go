package inbound

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refuse answers with what is wrong.
func refuse(w http.ResponseWriter, _ *http.Request, status int, detail string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, detail)
}

// script is a connection whose client says what it has to say, in steps, and then nothing more.
type script struct {
	in   []byte
	step int
	mu   sync.Mutex
	out  []byte
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.in[:min(len(s.in), s.step)])
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out, p...)
	return len(p), nil
}

func (s *script) Close() error                     { return nil }
func (s *script) CloseWrite() error                { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// play serves what a client says and returns what it is answered.
func play(in string, step int, handler http.HandlerFunc) string {
	s := &Server{Handler: handler, Refuse: refuse}
	c := &script{in: []byte(in), step: step}
	newConn(s, c).serve()
	return string(c.out)
}

// answers are the answers in what a server has said to requests of the given methods; the last may be cut short.
func answers(t testing.TB, said string, methods ...string) (list []*http.Response, bodies []string) {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(said))
	for i := 0; ; {
		if _, err := r.Peek(1); err != nil {
			return list, bodies
		}
		method := http.MethodGet
		if i < len(methods) {
			method = methods[i]
		}
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%v in %q", err, said)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			body = fmt.Appendf(body, " (%v)", err)
		}
		res.Body.Close()
		list, bodies = append(list, res), append(bodies, string(body))
		if res.StatusCode >= 200 {
			i++
		}
	}
}

// statuses are those of all answers, in one line.
func statuses(t testing.TB, said string) string {
	t.Helper()
	list, _ := answers(t, said)
	var b strings.Builder
	for _, res := range list {
		fmt.Fprintf(&b, "%d ", res.StatusCode)
	}
	return strings.TrimSpace(b.String())
}

// site is a server that listens: in memory, or on loopback.
type site struct {
	*Server
	dial func() net.Conn
	stop func()
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
	end   func()
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.end(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// inMemory serves over pipes until the test ends.
func inMemory(t testing.TB, s *Server) *site {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
	l.end = sync.OnceFunc(func() { close(l.ended) })
	return open(t, s, l, func() net.Conn {
		near, far := net.Pipe()
		l.conns <- far
		return near
	})
}

// onLoopback serves over sockets until the test ends.
func onLoopback(t testing.TB, s *Server) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return open(t, s, l, func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
			return nil
		}
		return c
	})
}

func open(t testing.TB, s *Server, l net.Listener, dial func() net.Conn) *site {
	if s.Refuse == nil {
		s.Refuse = refuse
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if s.Shutdown(ctx, l) != nil {
			s.Close()
		}
		if err := <-served; err != ErrClosed {
			t.Errorf("got %v, want the end", err)
		}
	})
	t.Cleanup(stop)
	return &site{s, dial, stop}
}

package outbound

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

var plainGet = &Request{Method: "GET", Target: "/"}

// hanging reads requests and never answers.
func hanging(nc net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) }

func TestEndsOfTheContext(t *testing.T) {
	const second = time.Second
	rows := []struct {
		name   string
		answer string // before the origin hangs
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		req    Request
		reason Reason
		after  time.Duration
	}{
		{name: "a deadline cuts the wait for the head", ctx: within(2 * second), reason: Timeout, after: 2 * second},
		{name: "a cancel cuts the wait for the head", ctx: canceledAfter(second), reason: Canceled, after: second},
		{name: "a cancel whose cause is a deadline is a timeout", ctx: causedAfter(second, context.DeadlineExceeded), reason: Timeout, after: second},
		{name: "a cancel with another cause is a cancel", ctx: causedAfter(second, errors.New("the client left")), reason: Canceled, after: second},
		{name: "a deadline cuts half a head", answer: "HTTP/1.1 200 OK\r\nConte", ctx: within(second), reason: Timeout, after: second},
		{name: "a deadline cuts a body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ctx: within(second), reason: Timeout, after: second},
		{name: "a cancel cuts a body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ctx: canceledAfter(second), reason: Canceled, after: second},
		{name: "a cancel cuts chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ctx: canceledAfter(second), reason: Canceled, after: second},
		{name: "a cancel cuts a body without an end", answer: "HTTP/1.1 200 OK\r\n\r\nab", ctx: canceledAfter(second), reason: Canceled, after: second},
		{name: "HeadBy holds for the head", ctx: within(time.Hour), req: Request{HeadBy: time.Unix(1, 0)}, reason: Timeout},
		{name: "an idle stream ends", answer: "HTTP/1.1 200 OK\r\n\r\nab", ctx: canceledAfter(time.Hour), req: Request{IdleTimeout: 3 * second}, reason: Timeout, after: 3 * second},
		{name: "an idle timeout replaces the deadline once the head is read", answer: "HTTP/1.1 200 OK\r\n\r\nab", ctx: within(second), req: Request{IdleTimeout: 3 * second}, reason: Timeout, after: 3 * second},
		{name: "an idle timeout does not hold for the head", ctx: within(5 * second), req: Request{IdleTimeout: second}, reason: Timeout, after: 5 * second},
		{name: "a cancel cuts an idle stream", answer: "HTTP/1.1 200 OK\r\n\r\nab", ctx: canceledAfter(second), req: Request{IdleTimeout: 3 * second}, reason: Canceled, after: second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
					http.ReadRequest(r)
					io.WriteString(nc, row.answer)
					hanging(nc, r)
				})
				ctx, cancel := row.ctx(t.Context())
				defer cancel()
				req := row.req
				req.Method, req.Target = "GET", "/"
				began := time.Now()
				_, _, err := fetchAll(ctx, p, &req)
				wantReason(t, err, row.reason)
				if took := time.Since(began); took != row.after {
					t.Errorf("took %v, want %v", took, row.after)
				}
				synctest.Wait()
				if s := p.Stats(); s.Open != 0 {
					t.Errorf("got %+v, want the connection closed", s)
				}
			})
		})
	}
}

func within(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
}

func canceledAfter(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return causedAfter(d, nil)
}

func causedAfter(d time.Duration, cause error) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		t := time.AfterFunc(d, func() { cancel(cause) })
		return ctx, func() { t.Stop(); cancel(nil) }
	}
}

// A stream that goes on sending outlives the deadline of its head.
func TestAStreamOutlivesItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
			for range 100 {
				time.Sleep(time.Second)
				io.WriteString(nc, "x")
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, body, err := fetchAll(ctx, p, &Request{Method: "GET", Target: "/", IdleTimeout: 2 * time.Second})
		if err != nil || len(body) != 100 {
			t.Errorf("got %d bytes, %v, want 100", len(body), err)
		}
	})
}

// HeadBy ends with the head, and the deadline of the context holds again.
func TestHeadByDoesNotHoldForTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			time.Sleep(time.Minute)
			io.WriteString(nc, "ok")
			hanging(nc, r)
		})
		_, body, err := fetchAll(t.Context(), p, &Request{Method: "GET", Target: "/", HeadBy: time.Now().Add(time.Second)})
		if err != nil || body != "ok" {
			t.Errorf("got %q, %v, want ok", body, err)
		}
	})
}

func TestHeadTimeoutOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{HeadTimeout: 3 * time.Second}, func(nc net.Conn, r *bufio.Reader) {
			for i := 0; ; i++ {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				if i > 0 {
					hanging(nc, r)
					return
				}
				io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
				time.Sleep(time.Minute)
				io.WriteString(nc, "ok")
			}
		})
		if _, body, err := fetchAll(t.Context(), p, plainGet); err != nil || body != "ok" {
			t.Fatalf("got %q, %v, want a body that takes a minute", body, err)
		}
		began := time.Now()
		_, _, err := fetchAll(t.Context(), p, plainGet)
		wantReason(t, err, Timeout)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
	})
}

func TestDialing(t *testing.T) {
	dials := map[string]struct {
		dial   DialFunc
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		reason Reason
	}{
		"nobody listens":         {dial: failing(syscall.ECONNREFUSED), reason: Refused},
		"no route":               {dial: failing(syscall.EHOSTUNREACH), reason: Refused},
		"no such name":           {dial: failing(&net.DNSError{Err: "no such host", IsNotFound: true}), reason: DNS},
		"a name server hangs":    {dial: failing(&net.DNSError{Err: "timeout", IsTimeout: true}), reason: DNS},
		"no descriptors":         {dial: failing(syscall.EMFILE), reason: Busy},
		"no ports":               {dial: failing(syscall.EADDRNOTAVAIL), reason: Busy},
		"the connection hangs":   {dial: hangingDial, reason: Timeout},
		"the deadline is sooner": {dial: hangingDial, ctx: within(time.Second), reason: Timeout},
		"the caller leaves":      {dial: hangingDial, ctx: canceledAfter(time.Second), reason: Canceled},
	}
	for name, row := range dials {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := NewPool(example, Options{Dial: row.dial, MaxOpen: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if row.ctx != nil {
					ctx, cancel = row.ctx(ctx)
				}
				defer cancel()
				for range 2 { // the slot of a failed dial is free again
					_, err = p.RoundTrip(ctx, plainGet)
					wantReason(t, err, row.reason)
				}
				if s := p.Stats(); s.Open != 0 {
					t.Errorf("got %+v, want nothing open", s)
				}
			})
		})
	}
}

func failing(err error) DialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
}

func hangingDial(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p, origin := newPool(t, Options{MaxOpen: 2, MaxWait: time.Second, MaxWaiting: 3}, func(nc net.Conn, r *bufio.Reader) {
			for {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				<-gate
				io.WriteString(nc, ok)
			}
		})
		results := make(chan error, 6)
		for range 6 {
			go func() {
				_, _, err := fetchAll(t.Context(), p, plainGet)
				results <- err
			}()
			synctest.Wait()
		}
		if s := p.Stats(); s.Open != 2 || s.Waiting != 3 {
			t.Errorf("got %+v, want 2 open, 3 waiting", s)
		}
		wantReason(t, <-results, Busy) // the sixth, at once
		time.Sleep(500 * time.Millisecond)
		close(gate)
		for range 5 {
			if err := <-results; err != nil {
				t.Errorf("got %v, want every one who waited served", err)
			}
		}
		if n := origin.dials.Load(); n != 2 {
			t.Errorf("got %d connections, want 2", n)
		}
	})
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{MaxOpen: 1, MaxWait: 2 * time.Second}, hanging)
		first, stop := context.WithCancel(t.Context())
		go p.RoundTrip(first, plainGet)
		synctest.Wait()

		began := time.Now()
		_, err := p.RoundTrip(t.Context(), plainGet)
		wantReason(t, err, Busy)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v, want 2s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p.RoundTrip(ctx, plainGet)
		wantReason(t, err, Timeout)

		got := make(chan error, 1)
		go func() {
			_, err := p.RoundTrip(t.Context(), plainGet)
			got <- err
		}()
		synctest.Wait()
		p.Close()
		if err := <-got; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v for one who waits", err, ErrClosed)
		}
		if _, err := p.RoundTrip(t.Context(), plainGet); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
		stop()
		synctest.Wait()
		if s := p.Stats(); s.Open != 0 || s.Waiting != 0 {
			t.Errorf("got %+v, want nothing left", s)
		}
	})
}

// When the one connection breaks, whoever waits dials in its place.
func TestASlotPassesOnWhenAConnectionBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, origin := newPool(t, Options{MaxOpen: 1, MaxWait: time.Minute, MaxWaiting: 4}, func(nc net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			time.Sleep(time.Second)
			io.WriteString(nc, strings.Replace(ok, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
		})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, _, err := fetchAll(t.Context(), p, plainGet); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := origin.dials.Load(); n != 5 {
			t.Errorf("got %d connections, want 5", n)
		}
	})
}

func TestIdleConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, origin := newPool(t, Options{IdleTimeout: time.Minute, MaxAge: 5 * time.Minute}, answering(ok, 0, false))
		for range 12 { // used every 30 s it lives, for its five minutes
			if _, _, err := fetchAll(t.Context(), p, plainGet); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
		}
		if n := origin.dials.Load(); n != 2 {
			t.Errorf("got %d connections in six minutes, want 2", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := p.Stats(); s.Open != 0 || s.Idle != 0 {
			t.Errorf("got %+v, want none after two idle minutes", s)
		}
	})
}

func TestIdleConnectionsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{MaxIdle: 2}, func(nc net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			time.Sleep(time.Second)
			io.WriteString(nc, ok)
			hanging(nc, r)
		})
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { fetchAll(t.Context(), p, plainGet) })
		}
		wg.Wait()
		if s := p.Stats(); s.Open != 2 || s.Idle != 2 || s.Dialed != 6 {
			t.Errorf("got %+v, want 2 of 6 kept", s)
		}
	})
}

func TestNoKeepAlive(t *testing.T) {
	closing := make(chan string, 2)
	p, origin := newPool(t, Options{MaxIdle: -1}, func(nc net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err == nil {
			closing <- req.Header.Get("Connection")
			io.WriteString(nc, ok)
		}
	})
	for range 2 {
		if _, _, err := fetchAll(t.Context(), p, plainGet); err != nil {
			t.Fatal(err)
		}
		if c := <-closing; c != "close" {
			t.Errorf("got Connection %q, want close", c)
		}
	}
	if origin.dials.Load() != 2 {
		t.Errorf("got %d connections, want 2", origin.dials.Load())
	}
}

// TestDeadConnections plays origins that close a kept connection when the second request reaches them.
func TestDeadConnections(t *testing.T) {
	rows := []struct {
		name  string
		req   Request
		say   string // what the origin says before it closes
		calls int    // requests the origin gets in all
		fails Reason
	}{
		{name: "a GET is repeated", req: Request{Method: "GET"}, calls: 3},
		{name: "a PUT with its body in memory is repeated", req: Request{Method: "PUT", Data: []byte("abc")}, calls: 3},
		{name: "a DELETE is repeated", req: Request{Method: "DELETE"}, calls: 3},
		{name: "a PUT that can be rewound is repeated", req: Request{Method: "PUT", Body: strings.NewReader("abc"), Length: 3}, calls: 3},
		{name: "a PUT that cannot is not", req: Request{Method: "PUT", Body: io.MultiReader(strings.NewReader("abc")), Length: 3}, calls: 2, fails: Reset},
		{name: "a POST is not repeated", req: Request{Method: "POST"}, calls: 2, fails: Reset},
		{name: "a PATCH with its body in memory is not repeated", req: Request{Method: "PATCH", Data: []byte("abc")}, calls: 2, fails: Reset},
		{name: "a GET whose answer began is not repeated", req: Request{Method: "GET"}, say: "HTTP", calls: 2, fails: BadReply},
		{name: "a GET whose answer is nonsense is not repeated", req: Request{Method: "GET"}, say: "nonsense", calls: 2, fails: BadReply},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var mu sync.Mutex
			var bodies []string
			p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
				for i := 0; ; i++ {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					b, _ := io.ReadAll(req.Body)
					mu.Lock()
					bodies = append(bodies, string(b))
					n := len(bodies)
					mu.Unlock()
					if n == 2 {
						io.WriteString(nc, row.say)
						return
					}
					io.WriteString(nc, ok)
				}
			})
			if _, _, err := fetchAll(t.Context(), p, plainGet); err != nil {
				t.Fatal(err)
			}
			req := row.req
			req.Target = "/"
			_, body, err := fetchAll(t.Context(), p, &req)
			if row.fails != "" {
				wantReason(t, err, row.fails)
				var e *Error
				if errors.As(err, &e); !e.Sent {
					t.Error("the error says that nothing was sent")
				}
			} else if err != nil || body != "ok" {
				t.Errorf("got %q, %v, want ok", body, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(bodies) != row.calls {
				t.Errorf("the origin got %d requests, want %d", len(bodies), row.calls)
			}
			for _, b := range bodies[1:] {
				if b != bodies[1] {
					t.Errorf("the body was %q, then %q", bodies[1], b)
				}
			}
		})
	}
}

// A fresh connection that dies is a failure, not a reason to try again.
func TestAFreshConnectionIsNotRetried(t *testing.T) {
	p, origin := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) { http.ReadRequest(r) })
	_, _, err := fetchAll(t.Context(), p, plainGet)
	wantReason(t, err, Reset)
	if origin.dials.Load() != 1 {
		t.Errorf("got %d connections, want 1", origin.dials.Load())
	}
}

// On sockets, a connection that the origin closed, or spoke on unasked, is found before a request is risked on it.
func TestStaleConnectionsAreNotUsed(t *testing.T) {
	for name, unasked := range map[string]string{"closed by the origin": "", "spoken on unasked": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			spoiled := make(chan struct{})
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() {
				for i := 0; i < 2; i++ {
					nc, err := l.Accept()
					if err != nil {
						return
					}
					if _, err := http.ReadRequest(bufio.NewReader(nc)); err != nil {
						t.Error(err)
					}
					io.WriteString(nc, ok)
					if i == 0 && unasked != "" {
						io.WriteString(nc, unasked)
						defer nc.Close()
					} else {
						nc.Close()
					}
					spoiled <- struct{}{}
				}
			})
			host, port, _ := net.SplitHostPort(l.Addr().String())
			p, err := NewPool(Origin{"http", host, port}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			req := &Request{Method: "POST", Target: "/"} // never repeated, so it must not be risked
			for range 2 {
				_, body, err := fetchAll(t.Context(), p, req)
				if err != nil || body != "ok" {
					t.Fatalf("got %q, %v, want ok", body, err)
				}
				<-spoiled
			}
			if s := p.Stats(); s.Dialed != 2 || s.Retried != 0 {
				t.Errorf("got %+v, want 2 connections and no retry", s)
			}
		})
	}
}

func TestEarlyClose(t *testing.T) {
	rows := []struct {
		name   string
		answer string
		reused bool
	}{
		{"little remains", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("a", 100), true},
		{"little remains in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true},
		{"much remains", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("a", 100000), false},
		{"much remains in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + strings.Repeat("a", 100000) + "\r\n0\r\n\r\n", false},
		{"nobody knows how much remains", "HTTP/1.1 200 OK\r\n\r\nabc", false},
		{"little remains but does not come", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := newPool(t, Options{}, answering(row.answer, 10, false))
				res, err := p.RoundTrip(t.Context(), plainGet)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if _, err := res.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("got %v, want a closed body to say so", err)
				}
				res.Body.Close()
				if s := p.Stats(); s.Idle == 1 != row.reused || s.Open != s.Idle {
					t.Errorf("got %+v, want the connection kept: %v", s, row.reused)
				}
			})
		})
	}
}

func TestUpgrade(t *testing.T) {
	p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
		if req, err := http.ReadRequest(r); err != nil || req.Header.Get("Connection") != "Upgrade" {
			return
		}
		io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX-A: 1\r\n\r\nearly")
		io.Copy(nc, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	res, err := p.RoundTrip(ctx, &Request{Method: "GET", Target: "/", Upgrade: "websocket"})
	if err != nil {
		t.Fatal(err)
	}
	cancel() // it was the exchange's, and that is over
	if res.Status != 101 || res.Get("Upgrade") != "WebSocket" || res.Get("Connection") != "" {
		t.Errorf("got %d %v", res.Status, res.Header)
	}
	go io.WriteString(res.Conn, " and late")
	got := make([]byte, len("early and late"))
	if _, err := io.ReadFull(res.Conn, got); err != nil || string(got) != "early and late" {
		t.Errorf("got %q, %v", got, err)
	}
	if s := p.Stats(); s.Open != 1 {
		t.Errorf("got %+v, want the tunnel counted", s)
	}
	res.Conn.Close()
	res.Conn.Close()
	if s := p.Stats(); s.Open != 0 {
		t.Errorf("got %+v, want nothing open", s)
	}
}

func TestSeveralHeadersOfARealServer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("X-A", "1")
		w.Header().Add("X-A", "2")
		io.WriteString(w, r.Header.Get("X-B"))
	}))
	defer s.Close()
	o, err := ParseOrigin(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := NewPool(o, Options{})
	defer p.Close()
	res, body, err := fetchAll(t.Context(), p, &Request{Method: "GET", Target: "/", Header: []Field{{"X-B", "hi"}}})
	if err != nil || body != "hi" || res.Get("x-a") != "1" || !strings.Contains(lines(res.Header), "X-A: 1|X-A: 2") {
		t.Errorf("got %q %v, %v", body, res.Header, err)
	}
}

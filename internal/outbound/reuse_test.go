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
	"testing"
	"testing/synctest"
	"time"
)

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

// Waves of requests find the connections of the wave before, however many; what they leave behind is gone soon.
func TestIdleConnectionsAreAsManyAsAreInUse(t *testing.T) {
	const few, many = 250, 400
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
			for {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
				_, _ = io.WriteString(nc, ok)
			}
		})
		wave := func(size int) {
			var wg sync.WaitGroup
			for range size {
				wg.Go(func() {
					if _, _, err := fetchAll(t.Context(), p, plainGet); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			time.Sleep(100 * time.Millisecond)
		}
		said := func(when string, idle, dialed int) {
			t.Helper()
			if s := p.Stats(); s.Open != idle || s.Idle != idle || s.Dialed != uint64(dialed) {
				t.Errorf("%s: got %+v, want %d of %d kept", when, s, idle, dialed)
			}
		}
		for range 100 {
			wave(many)
		}
		said("after waves", many, many)
		for range 100 {
			wave(300)
		}
		said("after smaller ones", 300, many)
		time.Sleep(2 * tideTime)
		said("after them", few, many)
		wave(many)
		said("after another one", many, 2*many-few)
		p.Close()
		said("at the end", 0, 2*many-few)
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

package inbound

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestClientsThatAreTooSlow plays clients against every limit, over connections in memory and in a time of its own.
func TestClientsThatAreTooSlow(t *testing.T) {
	limits := Limits{HeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, Stall: 30 * time.Second}
	const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n"
	for _, row := range []struct {
		name   string
		limits Limits
		client func(c io.Writer, answer func())
		want   time.Duration // when the connection is closed
	}{
		{"one that says nothing", limits, func(io.Writer, func()) {}, 5 * time.Second},
		{"one whose head does not end", limits, func(c io.Writer, _ func()) {
			for range 100 {
				if _, err := io.WriteString(c, "G"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 5 * time.Second},
		{"one that is idle after a request", limits, func(c io.Writer, answer func()) { _, _ = io.WriteString(c, get); answer() }, time.Minute},
		{"one that asks every fifty seconds", limits, func(c io.Writer, answer func()) {
			for range 5 {
				_, _ = io.WriteString(c, get)
				answer()
				time.Sleep(50 * time.Second)
			}
		}, 260 * time.Second},
		{"one that begins a second head late, and does not end it", limits, func(c io.Writer, answer func()) {
			_, _ = io.WriteString(c, get)
			answer()
			time.Sleep(59 * time.Second)
			_, _ = io.WriteString(c, "GET")
		}, 64 * time.Second},
		{"one whose body stops", limits, func(c io.Writer, _ func()) { _, _ = io.WriteString(c, post+"x") }, 30 * time.Second},
		{"one whose body trickles", limits, func(c io.Writer, _ func()) {
			_, _ = io.WriteString(c, post)
			for range 1000 {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 30 * time.Second},
		{"one whose body is slow but comes", limits, func(c io.Writer, answer func()) {
			_, _ = io.WriteString(c, post)
			for range 20 {
				_, _ = io.WriteString(c, strings.Repeat("x", 1000))
				time.Sleep(5 * time.Second)
			}
			answer()
		}, 160 * time.Second}, // 100 s of body, and idle then
		{"one whose whole request is late", Limits{ReadTimeout: 10 * time.Second}, func(c io.Writer, _ func()) {
			_, _ = io.WriteString(c, post)
			for range 20 {
				if _, err := io.WriteString(c, strings.Repeat("x", 1000)); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := inMemory(t, &Server{Limits: row.limits, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						panic(http.ErrAbortHandler)
					}
				})})
				c, began := s.dial(), time.Now()
				r := bufio.NewReader(c)
				var client sync.WaitGroup
				client.Go(func() {
					row.client(c, func() {
						res, err := http.ReadResponse(r, nil)
						if err != nil {
							t.Error(err)
							return
						}
						res.Body.Close()
					})
				})
				client.Wait()
				_, err := io.ReadAll(r)
				if got := time.Since(began); err != nil || got != row.want && !strings.Contains(row.name, "not end") && !strings.Contains(row.name, "trickles") && !strings.Contains(row.name, "whole") {
					t.Errorf("closed after %v with %v, want %v", got, err, row.want)
				} else if got > row.want+2*time.Second || got < row.want {
					t.Errorf("closed after %v, want %v", got, row.want)
				}
				c.Close()
				s.stop()
			})
		})
	}
}

func TestClientsThatDoNotRead(t *testing.T) {
	for _, row := range []struct {
		name   string
		limits Limits
		pause  time.Duration // of a client that reads 8 KiB at a time
		whole  bool
		want   time.Duration
	}{
		{"one that does not read at all", Limits{Stall: 30 * time.Second}, time.Hour, false, 30 * time.Second},
		{"one that reads slowly", Limits{Stall: 30 * time.Second}, 2 * time.Second, true, 0},
		{"one that reads too slowly", Limits{Stall: 30 * time.Second}, 6 * time.Second, false, 0},
		{"one that is slow for a timeout of the whole answer", Limits{Stall: 30 * time.Second, WriteTimeout: 10 * time.Second}, time.Second, false, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size = 1 << 20
				written := make(chan error, 1)
				s := inMemory(t, &Server{Limits: row.limits, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", "1048576")
					_, err := w.Write(make([]byte, size))
					written <- err
				})})
				c, began := s.dial(), time.Now()
				_, _ = io.WriteString(c, get)
				done := make(chan struct{})
				go func() {
					defer close(done)
					for buf := make([]byte, 8<<10); ; {
						time.Sleep(row.pause)
						if _, err := io.ReadFull(c, buf); err != nil {
							return
						}
					}
				}()
				err := <-written
				if got := time.Since(began); (err == nil) != row.whole || row.want > 0 && got != row.want {
					t.Errorf("after %v: %v", got, err)
				}
				c.Close()
				<-done
				s.stop()
			})
		})
	}
}

// TestAClientThatLeaves is seen by whoever waits for it, whatever it has sent, and by nobody else.
func TestAClientThatLeaves(t *testing.T) {
	for _, row := range []struct{ name, in string }{
		{"without a body", get},
		{"with a body of known length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
		{"with a body in chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	} {
		for how, leave := range map[string]func(c io.Closer){
			"closes":      func(c io.Closer) { c.Close() },
			"half-closes": func(c io.Closer) { _ = c.(interface{ CloseWrite() error }).CloseWrite() },
		} {
			for _, when := range []string{"before the body is read", "after it", "by looking"} {
				t.Run(row.name+", "+how+", asked "+when, func(t *testing.T) {
					waiting, left := make(chan struct{}), make(chan error, 1)
					s := onLoopback(t, &Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						var ctx context.Context
						if when != "by looking" {
							var cancel context.CancelFunc
							ctx, cancel = context.WithTimeout(r.Context(), 10*time.Second)
							defer cancel()
						}
						if when == "before the body is read" {
							_ = r.Context().Done()
						}
						_, _ = io.Copy(io.Discard, r.Body)
						close(waiting)
						if when == "by looking" {
							left <- lookedAt(r.Context())
							return
						}
						<-ctx.Done()
						left <- ctx.Err()
					})})
					c := s.dial()
					defer c.Close()
					_, _ = io.WriteString(c, row.in)
					<-waiting
					leave(c)
					if err := <-left; err != context.Canceled {
						t.Errorf("got %v", err)
					}
				})
			}
		}
	}
}

// watcher is a context that looks.
type watcher interface {
	context.Context
	Waited(within time.Duration) bool
	Look() bool
}

// lookedAt is how a request ends that nobody waits for.
func lookedAt(ctx context.Context) error {
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); runtime.Gosched() {
		if w, ok := ctx.(watcher); !ok || !w.Look() {
			return errors.New("it does not look")
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return errors.New("the client has not left")
}

// TestALookTakesNothing: neither from a body that is not read yet, nor from the next request; and a client that only waits
// is there.
func TestALookTakesNothing(t *testing.T) {
	s := onLoopback(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look := func(when string) {
			if ctx := r.Context().(watcher); !ctx.Look() || ctx.Err() != nil { //nolint:forcetypeassert // a panic is a failure, too
				t.Errorf("%s: %v", when, ctx.Err())
			}
		}
		look("before the body is read")
		body, err := io.ReadAll(r.Body)
		look("after it")
		if r.Context().(watcher).Waited(0) { //nolint:forcetypeassert // as above
			t.Error("nobody waits")
		}
		if _ = r.Context().Done(); !r.Context().(watcher).Waited(0) { //nolint:forcetypeassert // as above
			t.Error("somebody waits")
		}
		look("when it is waited for")
		fmt.Fprint(w, string(body), err)
	})})
	c := s.dial()
	defer c.Close()
	const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
	_, _ = io.WriteString(c, post+"hello"+post+"world"+post)
	r := bufio.NewReader(c)
	for _, want := range []string{"hello<nil>", "world<nil>", "again<nil>"} {
		if want == "again<nil>" {
			_, _ = io.WriteString(c, "again")
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != want {
			t.Errorf("got %q, want %q", body, want)
		}
		res.Body.Close()
	}
}

// TestAHalfCloseBehindTwoRequests: who has sent two and closes its half is answered twice, looked at or not.
func TestAHalfCloseBehindTwoRequests(t *testing.T) {
	closed := make(chan struct{})
	s := onLoopback(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if <-closed; r.URL.Path == "/first" {
			r.Context().(watcher).Look() //nolint:forcetypeassert // a panic is a failure, too
		}
		fmt.Fprint(w, r.Context().Err())
	})})
	c := s.dial()
	defer c.Close()
	_, _ = io.WriteString(c, "GET /first HTTP/1.1\r\nHost: a\r\n\r\n"+get)
	_ = c.(*net.TCPConn).CloseWrite()
	close(closed)
	r := bufio.NewReader(c)
	for range 2 {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != "<nil>" {
			t.Errorf("got %q", body)
		}
		res.Body.Close()
	}
}

// TestALookThatCannotSee: where the socket is not bare, and where the request has been answered.
func TestALookThatCannotSee(t *testing.T) {
	var kept watcher
	s := inMemory(t, &Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if kept = r.Context().(watcher); kept.Look() { //nolint:forcetypeassert // a panic is a failure, too
			t.Error("it has seen something")
		}
	})})
	c := s.dial()
	_, _ = io.WriteString(c, get)
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.stop()
	if !kept.Look() || kept.Err() != context.Canceled {
		t.Errorf("the request is over, got %v", kept.Err())
	}
}

// TestAWatchedClientGoesOn: that somebody waited for its end takes nothing from its next request, sent early or late.
func TestAWatchedClientGoesOn(t *testing.T) {
	s := onLoopback(t, &Server{Limits: Limits{HeaderTimeout: time.Second, IdleTimeout: time.Minute}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := r.Context().Done()
		if r.URL.Path == "/slow" {
			select {
			case <-done:
				t.Error("the client has not left")
			case <-time.After(20 * time.Millisecond):
			}
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})})
	c := s.dial()
	defer c.Close()
	r := bufio.NewReader(c)
	for range 3 {
		for _, several := range [][]string{{"/slow"}, {"/quick"}, {"/slow", "/quick", "/slow"}} {
			for _, path := range several {
				_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
			}
			for _, path := range several {
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if body, _ := io.ReadAll(res.Body); string(body) != path {
					t.Errorf("got %q, want %q", body, path)
				}
				res.Body.Close()
			}
		}
	}
}

func TestAContextEndsWithItsRequest(t *testing.T) {
	var kept []context.Context
	said := play(get+get, 1000, func(_ http.ResponseWriter, r *http.Request) {
		if r.Context().Err() != nil {
			t.Error("it has ended before its request")
		}
		child, cancel := context.WithCancel(r.Context())
		defer cancel()
		kept = append(kept, r.Context(), context.WithoutCancel(child), child)
	})
	if statuses(t, said) != "200 200" || len(kept) != 6 {
		t.Fatalf("got %q", said)
	}
	for i, ctx := range kept {
		if ended := ctx.Err() != nil; ended != (i%3 != 1) {
			t.Errorf("context %d: %v", i, ctx.Err())
		}
	}
	select {
	case <-kept[0].Done():
	default:
		t.Error("one that is asked late has not ended")
	}
}

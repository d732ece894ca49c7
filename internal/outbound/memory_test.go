package outbound

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What is remembered of the last head never shows in an answer that differs from it, nor does what a caller did to it.
func TestRememberedHeads(t *testing.T) {
	answers := []string{
		"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 404 No\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B: 1\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"HTTP/1.1 103 Hint\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nConnection: X-A\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\n" + manyLines(40) + "Content-Length: 2\r\n\r\nok",
	}
	for _, piece := range []int{0, 3} {
		i := 0
		p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
			for {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				for rest := answers[i/2%len(answers)]; rest != ""; {
					n := len(rest)
					if piece > 0 {
						n = min(n, piece)
					}
					if _, err := io.WriteString(nc, rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
			}
		})
		for ; i < 20*len(answers); i++ {
			want, wantBody, err := readLikeNetHTTP(answers[i/2%len(answers)], "GET")
			if err != nil {
				t.Fatal(err)
			}
			res, err := p.RoundTrip(t.Context(), plainGet)
			if err != nil {
				t.Fatal(err)
			}
			body, err := ReadAll(res, 0, nil)
			if err != nil || string(body) != wantBody || res.Status != want.StatusCode {
				t.Fatalf("got %d %q, %v, want %d %q", res.Status, body, err, want.StatusCode, wantBody)
			}
			if want.Header.Get("Connection") != "" {
				want.Header.Del("X-A")
			}
			for _, name := range []string{"X-A", "X-B", "X-39"} {
				if res.Get(name) != want.Header.Get(name) {
					t.Fatalf("got %s %q, want %q", name, res.Get(name), want.Header.Get(name))
				}
			}
			if fmt.Sprint(res.Trailer) != fmt.Sprint(fieldsOf(want.Trailer)) {
				t.Fatalf("got trailer %v, want %v", res.Trailer, want.Trailer)
			}
			for j := range res.Header { // a caller may do as it likes
				res.Header[j] = Field{"X-A", "evil"}
			}
			res.Header = append(res.Header, Field{"X-B", "evil"})
			res.Release()
		}
	}
}

func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: %d\r\n", i, i)
	}
	return b.String()
}

// A small exchange allocates nothing once the pools are filled.
func TestSmallExchangesAllocateNothing(t *testing.T) {
	host, port, _ := net.SplitHostPort(rawServer(t, smallAnswer(240)))
	p, err := NewPool(Origin{"http", host, port}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req := &Request{Method: "GET", Target: "/", Header: requestHeader()}
	buf := make([]byte, 0, 1024)
	young := context.Context(calm{ctx})
	exchange := func() {
		res, err := p.RoundTrip(young, req)
		if err != nil {
			t.Fatal(err)
		}
		if buf, err = ReadAll(res, 1000, buf); err != nil || len(buf) != 240 {
			t.Fatal(len(buf), err)
		}
		res.Release()
	}
	exchange()
	// The garbage collector may empty a pool in between, and an exchange that lasts gets its callback: hence not zero.
	if n := testing.AllocsPerRun(2000, exchange); n > 1 && !raceEnabled {
		t.Errorf("got %v allocations, want none", n)
	}
}

// Many exchanges at once, some of them canceled at any moment, some answered late: nobody gets another's answer, and
// nothing is left behind.
func TestCancelsAtAnyMoment(t *testing.T) {
	s := plainServer(t, false, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "7") {
			select {
			case <-time.After(8 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		io.WriteString(w, r.URL.Path)
	})
	p, err := NewPool(s, Options{MaxOpen: 8, MaxWait: time.Second, MaxWaiting: 100})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 150 {
				ctx, cancel := context.WithCancel(t.Context())
				target := fmt.Sprintf("/%d/%d", g, i)
				if i%3 == 0 {
					time.AfterFunc(time.Duration(i*g%97)*100*time.Microsecond, cancel)
				}
				asked := ctx
				if i%2 == 0 {
					asked = &quietly{Context: ctx, t: t}
				}
				_, body, err := fetchAll(asked, p, &Request{Method: "GET", Target: target})
				if err == nil && body != target {
					t.Errorf("asked for %s, got %s", target, body)
				}
				if err != nil && ReasonOf(err) != Canceled {
					t.Errorf("got %v, want an answer or a cancel", err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	p.Close()
	if st := p.Stats(); st.Open != 0 || st.Waiting != 0 {
		t.Errorf("got %+v, want nothing left", st)
	}
	p.warden.mu.Lock()
	defer p.warden.mu.Unlock()
	if n := p.warden.count; n != 0 {
		t.Errorf("%d exchanges are still looked after", n)
	}
}

// quietly is a context that knows of its end when it has looked, and that nobody but a dial may wait for before it is old.
type quietly struct {
	context.Context
	t          *testing.T
	since, old time.Time
	told       atomic.Bool // its end may be known
}

func (q *quietly) Err() error {
	if err := q.Context.Err(); err == context.DeadlineExceeded || q.told.Load() { // a clock tells, or whoever was sent to wait
		return err
	}
	return nil
}

func (q *quietly) Waited(time.Duration) bool { return q.told.Load() }

func (q *quietly) Look() bool {
	if q.Context.Err() == context.Canceled {
		q.told.Store(true)
	}
	return true
}

func (q *quietly) Done() <-chan struct{} {
	if now := time.Now(); now.After(q.since) && now.Before(q.old) {
		q.t.Errorf("it was waited for after %v, want not before %v", now.Sub(q.since), q.old.Sub(q.since))
	}
	q.told.Store(true)
	return q.Context.Done()
}

// However old an exchange is when its context ends, it ends soon; at its deadline it ends at once.
func TestExchangesEndWithTheirContext(t *testing.T) {
	for after := time.Duration(0); after < 1500*time.Millisecond; after += max(500*time.Microsecond, after/13) {
		synctest.Test(t, func(t *testing.T) {
			p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
				http.ReadRequest(r)
				io.WriteString(nc, ok)
				hanging(nc, r)
			})
			for _, quiet := range []bool{false, true} {
				as := func(ctx context.Context) context.Context {
					if _, _, err := fetchAll(t.Context(), p, plainGet); err != nil { // who dials waits
						t.Fatal(err)
					}
					if quiet {
						return &quietly{Context: ctx, t: t, since: time.Now(), old: time.Now().Add(min(Young-3*round, after-soon))}
					}
					return ctx
				}
				ctx, cancel := context.WithCancel(t.Context())
				asked := as(ctx)
				began := time.Now()
				time.AfterFunc(after, cancel)
				_, err := p.RoundTrip(asked, plainGet)
				wantReason(t, err, Canceled)
				if late := time.Since(began) - after; late > nextLook*round || late > 0 && !quiet {
					t.Errorf("canceled after %v, it ended %v late", after, late)
				}

				ctx, cancel = context.WithTimeout(t.Context(), after+time.Microsecond)
				defer cancel()
				asked = as(ctx)
				began = time.Now()
				_, err = p.RoundTrip(asked, plainGet)
				wantReason(t, err, Timeout)
				if took := time.Since(began); took != after+time.Microsecond {
					t.Errorf("took %v, want its deadline, %v", took, after+time.Microsecond)
				}
			}
		})
	}
}

// No timer runs while nothing is under way: an idle gateway sleeps.
func TestTheWardenSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{}, answering(ok, 0, false))
		for range 2 { // who dials waits, and is in nobody's care
			if _, _, err := fetchAll(calm{t.Context()}, p, plainGet); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		p.warden.mu.Lock()
		defer p.warden.mu.Unlock()
		if p.warden.timer == nil || p.warden.armed || p.warden.round > 1 {
			t.Errorf("got armed %v after %d rounds, want sleep", p.warden.armed, p.warden.round)
		}
	})
}

package outbound

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
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

package outbound

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndsOfTheContext: of exchanges that are waited for from their beginning, and of such as are looked after while they are
// young; the unit of time is one in which they stay so, and one in which they do not.
func TestEndsOfTheContext(t *testing.T) {
	for _, second := range []time.Duration{time.Second, 50 * time.Millisecond} {
		for _, young := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, young %v", second, young), func(t *testing.T) { endsOfTheContext(t, second, young) })
		}
	}
}

func endsOfTheContext(t *testing.T, second time.Duration, young bool) {
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
					if young {
						http.ReadRequest(r)
						io.WriteString(nc, ok)
					}
					http.ReadRequest(r)
					io.WriteString(nc, row.answer)
					hanging(nc, r)
				})
				if young { // who dials waits
					if _, _, err := fetchAll(t.Context(), p, plainGet); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := row.ctx(t.Context())
				defer cancel()
				late := time.Duration(0)
				if young {
					ctx = &quietly{Context: ctx, t: t, since: time.Now(), old: time.Now().Add(min(Young-3*round, row.after-soon))}
					if strings.HasPrefix(row.name, "a cancel") && row.after < Young {
						late = nextLook * round
					}
				}
				req := row.req
				req.Method, req.Target = "GET", "/"
				began := time.Now()
				_, _, err := fetchAll(ctx, p, &req)
				wantReason(t, err, row.reason)
				if took := time.Since(began); took < row.after || took > row.after+late {
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

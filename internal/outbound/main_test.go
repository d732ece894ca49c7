package outbound

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// calm is a context as requests of our server have it: it is looked at, and nobody waits for its end.
type calm struct{ context.Context }

func (calm) Waited(time.Duration) bool { return false }
func (calm) Look() bool                { return true }

var example = Origin{Scheme: "http", Host: "origin.test", Port: "80"}

// memoryOrigin is an origin without sockets: every connection is a pipe, served by a function in a goroutine.
type memoryOrigin struct {
	serve func(nc net.Conn, r *bufio.Reader)
	dials atomic.Int64
	wg    sync.WaitGroup
}

func (o *memoryOrigin) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	o.dials.Add(1)
	client, server := net.Pipe()
	o.wg.Go(func() {
		defer server.Close()
		o.serve(server, bufio.NewReader(server))
	})
	return client, nil
}

// newPool makes a pool of connections to a served function; everything ends with the test.
func newPool(t testing.TB, opt Options, serve func(nc net.Conn, r *bufio.Reader)) (*Pool, *memoryOrigin) {
	t.Helper()
	o := &memoryOrigin{serve: serve}
	opt.Dial = o.dial
	p, err := NewPool(example, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		o.wg.Wait()
	})
	return p, o
}

// answering serves every request of a connection with the same bytes, in pieces of the given size (0: at once), and closes
// after the first if that is asked for.
func answering(answer string, piece int, closes bool) func(net.Conn, *bufio.Reader) {
	return func(nc net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			for rest := answer; rest != ""; {
				n := len(rest)
				if piece > 0 {
					n = min(n, piece)
				}
				if _, err := io.WriteString(nc, rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
			if closes {
				return
			}
		}
	}
}

// get is a GET with its whole body.
func fetchAll(ctx context.Context, tr Transport, req *Request) (*Response, string, error) {
	res, err := tr.RoundTrip(ctx, req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

func wantReason(t *testing.T, err error, reason Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Fatalf("got error %v, want reason %s", err, reason)
	}
}

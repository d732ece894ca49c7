package backends

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"gatehouse/backends/tokens"
	"gatehouse/internal/outbound"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(actAsBackend); address != "" {
		actBackend(address)
		return
	}
	goleak.VerifyTestMain(m)
}

// memory is a network without sockets: names and ports that handlers answer at.
type memory struct {
	t testing.TB

	mu    sync.Mutex
	hosts map[string]http.HandlerFunc // by "name:port"
	down  map[string]error            // what dialing says
	open  map[net.Conn]string
	dials atomic.Int64
	wg    sync.WaitGroup
}

func newMemory(t testing.TB) *memory {
	m := &memory{t: t, hosts: map[string]http.HandlerFunc{}, down: map[string]error{}, open: map[net.Conn]string{}}
	t.Cleanup(m.wg.Wait)
	return m
}

// serve answers at an address from now on.
func (m *memory) serve(address string, h http.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hosts[address] = h
	delete(m.down, address)
}

// kill refuses new connections and breaks those that are open.
func (m *memory) kill(address string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down[address] = err
	for c, at := range m.open {
		if at == address {
			c.Close()
		}
	}
}

func (m *memory) dial(ctx context.Context, _, address string) (net.Conn, error) {
	m.dials.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.down[address]; err != nil {
		return nil, &net.OpError{Op: "dial", Err: err}
	}
	if m.hosts[address] == nil {
		return nil, &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}
	}
	client, server := net.Pipe()
	m.open[server] = address
	m.wg.Go(func() { m.talk(server, address) })
	return client, nil
}

// talk answers the requests of one connection, one after another, and cancels a handler's context when the client leaves.
func (m *memory) talk(nc net.Conn, address string) {
	ctx, gone := context.WithCancel(context.Background())
	defer gone()
	defer func() {
		nc.Close()
		m.mu.Lock()
		delete(m.open, nc)
		m.mu.Unlock()
	}()
	from, to := io.Pipe()
	m.wg.Go(func() {
		_, err := io.Copy(to, nc)
		gone()
		to.CloseWithError(fmt.Errorf("client left: %w", io.ErrUnexpectedEOF))
		_ = err
	})
	defer from.Close()
	r := bufio.NewReader(from)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		m.mu.Lock()
		h := m.hosts[address]
		m.mu.Unlock()
		rec := httptest.NewRecorder()
		h(rec, req.WithContext(ctx))
		if ctx.Err() != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		res := rec.Result()
		if rec.Header().Get("Transfer-Encoding") == "chunked" {
			res.ContentLength, res.TransferEncoding = -1, []string{"chunked"}
		} else if res.ContentLength < 0 {
			res.ContentLength = int64(rec.Body.Len())
		}
		res.Request = req
		if err := res.Write(nc); err != nil {
			return
		}
	}
}

// rig is what backends are compiled against in tests.
type rig struct {
	*memory
	env Env
}

func newRig(t testing.TB) *rig {
	m := newMemory(t)
	opt := outbound.Options{Dial: m.dial}
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	r := &rig{memory: m, env: Env{Log: log, Hosts: NewHosts(opt, log), Tokens: tokens.New(tokens.Options{Log: log, UserAgent: "gatehouse/test", Options: opt})}}
	t.Cleanup(func() {
		r.env.Hosts.Close()
		r.env.Tokens.Close()
	})
	return r
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// backend compiles a backend that must compile.
func (r *rig) backend(cfg Config) FetchFunc {
	r.t.Helper()
	b, err := New(cfg.Inherit([]string{"http://origin.test"}, "GET"), r.env)
	if err != nil {
		r.t.Fatal(err)
	}
	return b.Fetch
}

// said is what a backend made of an answer.
func said(res *Response, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	defer res.Close()
	if res.Stream != nil {
		body, err := io.ReadAll(res.Stream.Body)
		if err != nil {
			return fmt.Sprintf("%d %q, then %v", res.Status, body, err)
		}
		return fmt.Sprintf("%d %q", res.Status, body)
	}
	return fmt.Sprintf("%d %s", res.Status, res.Body.Append(nil))
}

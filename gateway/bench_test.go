package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/backends"
	"gatehouse/gateway"
	"gatehouse/internal/jose"
	"gatehouse/internal/outbound"
)

// BenchmarkGateway is everything between net/http's server and the connection of a backend: the server and the network
// are left out, so that what is measured is ours. make bench measures the whole.
func BenchmarkGateway(b *testing.B) {
	token, keys := benchToken(b)
	protected := fmt.Sprintf(`"extra_config": {"auth/validator": {"alg": "RS256", "issuer": "https://example.com/", "jwk_local_path": %q,
		"audience": ["api"], "roles": ["admin"], "scopes": ["orders:read"], "propagate_claims": [["sub", "X-User"], ["email", "X-Email"]]}}`, keys)
	for _, row := range []struct {
		name, endpoint, token string
		size                  int
	}{
		{"a stream", `"output_encoding": "no-op", "backend": [{"url_pattern": "/a"}]`, "", 240},
		{"JSON", `"backend": [{"url_pattern": "/a"}]`, "", 240},
		{"JSON behind a token", `"backend": [{"url_pattern": "/a"}], ` + protected, token, 240},
		{"10 KB with a field denied", `"backend": [{"url_pattern": "/a", "deny": ["password"]}]`, "", 10 << 10},
		{"three backends in groups", `"backend": [{"url_pattern": "/a", "group": "a"}, {"url_pattern": "/b", "group": "b"}, {"url_pattern": "/c", "group": "c"}]`, "", 1 << 10},
	} {
		b.Run(row.name, func(b *testing.B) {
			g := benchGateway(b, `{"version": 4, "host": ["http://127.0.0.1:1"], "timeout": "3s", "extra_config": {"router": {"disable_access_log": true}},
				"endpoints": [{"endpoint": "/", "backend": [{"url_pattern": "/"}]}, {"endpoint": "/x/{id}", `+row.endpoint+`}]}`, benchAnswer(row.size))
			ask(b, g, row.token)
		})
	}
}

// BenchmarkEndpointsInTurn is what a request costs whose endpoint is not in the processor's caches, beside one whose is: each
// of them 10,000 requests, to so many endpoints in turn.
func BenchmarkEndpointsInTurn(b *testing.B) {
	token, keys := benchToken(b)
	for _, endpoints := range []int{10, 10_000} {
		b.Run(fmt.Sprint(endpoints), func(b *testing.B) {
			var list []string
			for i := range endpoints {
				list = append(list, fmt.Sprintf(`{"endpoint": "/api/service-%d/items/{id}", "backend": [{"url_pattern": "/items/{id}"}],
					"extra_config": {"auth/validator": {"alg": "RS256", "issuer": "https://example.com/", "jwk_local_path": %q, "audience": ["api"],
					"roles": ["admin"], "scopes": ["orders:read"], "propagate_claims": [["sub", "X-User"], ["email", "X-Email"]]}}}`, i, keys))
			}
			g := benchGateway(b, `{"version": 4, "host": ["http://127.0.0.1:1"], "timeout": "3s", "extra_config": {"router": {"disable_access_log": true}},
				"endpoints": [`+strings.Join(list, ",")+`]}`, benchAnswer(240))
			var requests []*http.Request
			for i := range 10_000 {
				requests = append(requests, benchRequest(b, fmt.Sprintf("/api/service-%d/items/%d", i%endpoints, i), token))
			}
			turn := 0
			askFor(b, g, func() *http.Request { turn = (turn + 1) % len(requests); return requests[turn] })
		})
	}
}

// ask asks a gateway for the same thing again and again.
func ask(b *testing.B, g http.Handler, token string) {
	b.Helper()
	r := benchRequest(b, "/x/17?a=b", token)
	askFor(b, g, func() *http.Request { return r })
}

func benchRequest(b testing.TB, target, token string) *http.Request {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://example.com"+target, nil) // a server's contexts can end
	if err != nil {
		b.Fatal(err)
	}
	r.RemoteAddr, r.RequestURI, r.Body = "127.0.0.1:4711", target, http.NoBody
	r.Header = http.Header{"Accept": {"*/*"}, "User-Agent": {"a browser"}}
	if token != "" {
		r.Header["Authorization"] = []string{"Bearer " + token}
	}
	return r
}

func askFor(b *testing.B, g http.Handler, next func() *http.Request) {
	b.Helper()
	w := &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		g.ServeHTTP(w, next())
		if w.status != http.StatusOK {
			b.Fatalf("answered %d", w.status)
		}
	}
}

// sink is a client that keeps nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// benchGateway has a backend that answers every request with the same bytes, at once.
func benchGateway(b testing.TB, config, answer string) *gateway.Gateway {
	b.Helper()
	cfg, doc, err := gateway.Parse("gateway.json", []byte(config), nil)
	if err != nil {
		b.Fatal(places(doc, err))
	}
	shared := newShared(slog.New(slog.DiscardHandler))
	shared.Hosts = backends.NewHosts(outbound.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		return &parrot{answer: answer}, nil
	}}, shared.Log)
	g, err := gateway.New(cfg, shared)
	if err != nil {
		b.Fatal(places(doc, err))
	}
	b.Cleanup(func() {
		g.Close()
		closeShared(shared)
	})
	return g
}

// parrot is a connection to a backend that answers whatever it is told with the same bytes.
type parrot struct {
	net.Conn
	answer string
	left   string
}

func (p *parrot) Write(b []byte) (int, error) {
	p.left = p.answer
	return len(b), nil
}

func (p *parrot) Read(b []byte) (int, error) {
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

func (p *parrot) Close() error                     { return nil }
func (p *parrot) SetDeadline(time.Time) error      { return nil }
func (p *parrot) SetReadDeadline(time.Time) error  { return nil }
func (p *parrot) SetWriteDeadline(time.Time) error { return nil }

// benchAnswer is an answer of about so many bytes as a service sends it.
func benchAnswer(size int) string {
	var body strings.Builder
	body.WriteString(`{"id":4711,"name":"a thing","password":"nobody may see this","items":[`)
	for i := 0; body.Len() < size-120; i++ {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":%d,"sku":"AB-%05d","price":%d.%02d,"tags":["new","sale"],"active":%t}`, i, i*7, i%90, i%100, i%3 == 0)
	}
	body.WriteString(`],"total":4711}`)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", body.Len(), &body)
}

// benchToken is a token as providers sign them, and a file with its key.
func benchToken(b *testing.B) (token, file string) {
	b.Helper()
	key, err := jose.GenerateKey("RS256")
	if err != nil {
		b.Fatal(err)
	}
	set, err := jose.PublicSet(key)
	if err != nil {
		b.Fatal(err)
	}
	file = filepath.Join(b.TempDir(), "keys.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		b.Fatal(err)
	}
	now := time.Now().Unix()
	token, err = key.Sign(nil, fmt.Appendf(nil, `{"iss":"https://example.com/","sub":"auth0|0123456789","aud":["api","other"],"iat":%d,"exp":%d,
		"scope":"openid profile orders:read orders:write","roles":["user","admin"],"email":"somebody@example.com"}`, now, now+24*3600))
	if err != nil {
		b.Fatal(err)
	}
	return token, file
}

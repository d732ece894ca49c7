package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/internal/jose"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a network of pipes, so that a bubble of synctest can have one.
type memory struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
}

func newMemory() *memory { return &memory{listeners: map[string]*pipeListener{}} }

func (m *memory) dial(ctx context.Context, _, address string) (net.Conn, error) {
	m.mu.Lock()
	l := m.listeners[address]
	m.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) listen(address string) *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	m.mu.Lock()
	m.listeners[address] = l
	m.mu.Unlock()
	return l
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.IPAddr{} }

// fakeProvider is an identity provider that does what it is told. All its addresses are on http://127.0.0.1:9000.
type fakeProvider struct {
	t   *testing.T
	net *memory

	mu       sync.Mutex
	handle   http.HandlerFunc // instead of serving keys
	set      []byte
	requests []string
	cache    string // Cache-Control

	server *http.Server
}

const (
	providerHost = "127.0.0.1:9000"
	providerURL  = "http://" + providerHost
)

func newProvider(t *testing.T, keys ...*jose.PrivateKey) *fakeProvider {
	t.Helper()
	p := &fakeProvider{t: t, net: newMemory()}
	p.serve(keys...)
	p.up()
	t.Cleanup(p.down)
	return p
}

// up lets the provider be reached; down ends that.
func (p *fakeProvider) up() {
	p.server = &http.Server{Handler: p}
	go p.server.Serve(p.net.listen(providerHost))
}

func (p *fakeProvider) down() { p.server.Close() }

// serve publishes the public halves of these keys, secrets whole.
func (p *fakeProvider) serve(keys ...*jose.PrivateKey) { p.publish(publicSet(p.t, keys...)) }

func (p *fakeProvider) publish(set []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set, p.handle = set, nil
}

// do makes the provider behave like this.
func (p *fakeProvider) do(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle = h
}

// fetches is how many requests have come.
func (p *fakeProvider) fetches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

func (p *fakeProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.URL.Path)
	handle, set, cache := p.handle, p.set, p.cache
	p.mu.Unlock()
	if cache != "" {
		w.Header().Set("Cache-Control", cache)
	}
	switch {
	case handle != nil:
		handle(w, r)
	case r.URL.Path == discoveryPath:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, providerURL, providerURL+"/jwks")
	default:
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Write(set)
	}
}

func publicSet(t testing.TB, keys ...*jose.PrivateKey) []byte {
	t.Helper()
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	all.Keys = []json.RawMessage{}
	for _, k := range keys {
		set, err := jose.PublicSet(k)
		if k.Alg().Symmetric() {
			set, err = jose.PrivateSet(k)
		}
		if err != nil {
			t.Fatal(err)
		}
		var one struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(set, &one); err != nil {
			t.Fatal(err)
		}
		all.Keys = append(all.Keys, one.Keys...)
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// keyring of tests: making RSA keys takes long, so each is made once.
var testKeys sync.Map

// key is a key for tests, the same one for the same name.
func key(t testing.TB, alg jose.Alg, kid string) *jose.PrivateKey {
	t.Helper()
	name := string(alg) + " " + kid
	if k, ok := testKeys.Load(name); ok {
		return k.(*jose.PrivateKey)
	}
	k, err := jose.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := testKeys.LoadOrStore(name, k.WithID(kid))
	return got.(*jose.PrivateKey)
}

// keys makes a registry that reaches the provider, and closes it with the test.
func (p *fakeProvider) keys(log *slog.Logger) *Keys {
	k := NewKeys(KeysConfig{Dial: p.net.dial, Log: log, UserAgent: "gatehouse/test"})
	p.t.Cleanup(k.Close)
	return k
}

// claims is a claims set that is good for an hour, with more members; a nil value takes one away.
func claims(more map[string]any) []byte {
	now := time.Now().Unix()
	set := map[string]any{"iss": providerURL, "sub": "alice", "aud": "api", "iat": now, "exp": now + 3600}
	for name, value := range more {
		if set[name] = value; value == nil {
			delete(set, name)
		}
	}
	data, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return data
}

func sign(t testing.TB, k *jose.PrivateKey, header map[string]any, payload []byte) string {
	t.Helper()
	token, err := k.Sign(header, payload)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// request is a request with a token in its Authorization header.
func request(token string) *http.Request {
	r := &http.Request{Method: "GET", Header: http.Header{}}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// make compiles a validator for the provider's keys and closes it with the test.
func (p *fakeProvider) validator(cfg Config, wants *Wants) *Validator {
	p.t.Helper()
	if !cfg.written() && len(cfg.Providers) == 0 {
		cfg.URL = providerURL + "/jwks"
	}
	return newValidator(p.t, cfg, Deps{Keys: p.keys(nil)}, wants)
}

func newValidator(t testing.TB, cfg Config, deps Deps, wants *Wants) *Validator {
	t.Helper()
	v, err := New(cfg, deps, wants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// outcome is what became of a token, in one word: "ok", "guest" or the reason.
func outcome(v Authenticator, r *http.Request) string {
	c, err := v.Authenticate(context.Background(), r)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return string(refusal.Reason)
	case err != nil:
		return err.Error()
	case c == nil:
		return "guest"
	}
	return "ok"
}

// fixedTime is a time for what does not care.
func fixedTime() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// refusalOf is the refusal that an error is.
func refusalOf(t testing.TB, err error) *Refusal {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return refusal
}

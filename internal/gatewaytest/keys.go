package gatewaytest

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/jose"
)

// Mode is how a [KeyServer] answers those who ask for its keys.
type Mode string

// The modes.
const (
	Up       Mode = "up"       // the key set, the normal thing
	Down     Mode = "down"     // the connection is closed without an answer
	Hang     Mode = "hang"     // no answer until the client leaves or the mode changes
	Broken   Mode = "broken"   // status 200 and half a key set
	Empty    Mode = "empty"    // status 200 and a set without keys
	HTML     Mode = "html"     // status 200 and a page for people
	Failing  Mode = "failing"  // status 500, with a key set in its body
	Huge     Mode = "huge"     // a set that never ends
	Redirect Mode = "redirect" // to a file that has the keys, at the plain address
)

// KeyServer is an identity provider on loopback: OpenID discovery, a key set that rotates, and tokens. It answers plain HTTP
// and, with a certificate of its own, TLS.
type KeyServer struct {
	t           testing.TB
	plain, safe *httptest.Server

	mu      sync.Mutex
	mode    Mode
	changed chan struct{} // closed and replaced when the mode changes
	keys    []*jose.PrivateKey
	round   int // of rotation, from 1; part of every kid
	fetches int
	fetched chan struct{} // closed and replaced at each fetch
	header  http.Header   // added to the answers with keys
}

// StartKeys starts a provider with an RS256 and an ES256 key; others are made and published when a token first needs them.
func StartKeys(t testing.TB) *KeyServer {
	t.Helper()
	k := &KeyServer{t: t, mode: Up, changed: make(chan struct{}), fetched: make(chan struct{}), round: 1, header: http.Header{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", k.discovery)
	mux.HandleFunc("GET /.well-known/jwks.json", k.serveKeys)
	mux.HandleFunc("GET /moved/jwks.json", func(w http.ResponseWriter, _ *http.Request) { w.Write(k.set()) })
	k.plain = httptest.NewServer(mux)
	k.safe = httptest.NewUnstartedServer(mux)
	k.safe.Config.ErrorLog = quiet()
	k.safe.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	k.safe.StartTLS()
	t.Cleanup(func() {
		k.Answer(Up) // lets go of those who hang
		k.plain.Close()
		k.safe.Close()
	})
	k.key("RS256")
	k.key("ES256")
	return k
}

// Issuer is the provider's name, an address without a slash at its end: the iss of its tokens.
func (k *KeyServer) Issuer() string { return k.plain.URL }

// JWKS is the address of the key set.
func (k *KeyServer) JWKS() string { return k.plain.URL + "/.well-known/jwks.json" }

// Domain is "127.0.0.1:port" of the provider's TLS side.
func (k *KeyServer) Domain() string { return k.safe.Listener.Addr().String() }

// WriteCA writes the certificate that a client of the TLS side has to trust, as PEM, and returns the file's path.
func (k *KeyServer) WriteCA(dir string) string {
	k.t.Helper()
	path := filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.safe.Certificate().Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// Fetches is how often the key set was asked for.
func (k *KeyServer) Fetches() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fetches
}

// Await returns when the key set has been asked for n times; it reports false if that does not happen in time.
func (k *KeyServer) Await(n int, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		k.mu.Lock()
		enough, fetched := k.fetches >= n, k.fetched
		k.mu.Unlock()
		if enough {
			return true
		}
		select {
		case <-fetched:
		case <-timer.C:
			return false
		}
	}
}

// Answer changes how the key set is answered from now on, for those who hang too.
func (k *KeyServer) Answer(m Mode) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mode = m
	close(k.changed)
	k.changed = make(chan struct{})
}

// Header sets a header of the answers with keys, such as Cache-Control.
func (k *KeyServer) Header(name, value string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.header.Set(name, value)
}

// Rotate makes new keys of every kind and signs with them from now on. The old ones stay published until Retire.
func (k *KeyServer) Rotate() {
	k.mu.Lock()
	k.round++
	algs := map[jose.Alg]bool{}
	for _, key := range k.keys {
		algs[key.Alg()] = true
	}
	k.mu.Unlock()
	for alg := range algs {
		k.key(alg)
	}
}

// Retire takes every key but those of the last rotation out of the set.
func (k *KeyServer) Retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	var kept []*jose.PrivateKey
	for _, key := range k.keys {
		if key.ID() == kid(key.Alg(), k.round) {
			kept = append(kept, key)
		}
	}
	k.keys = kept
}

func kid(alg jose.Alg, round int) string {
	return fmt.Sprintf("%s-%d", strings.ToLower(string(alg)), round)
}

// key is the newest key for an algorithm; it is made and published when it is first asked for.
func (k *KeyServer) key(alg jose.Alg) *jose.PrivateKey {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.keys {
		if key.ID() == kid(alg, k.round) {
			return key
		}
	}
	key, err := makeKey(alg, k.round)
	if err != nil {
		k.t.Fatalf("key for %s: %v", alg, err)
	}
	k.keys = append(k.keys, key)
	return key
}

// set is the key set as JSON.
func (k *KeyServer) set() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	set, err := jose.PublicSet(k.keys...)
	if err != nil {
		return []byte(err.Error())
	}
	return set
}

func (k *KeyServer) discovery(w http.ResponseWriter, r *http.Request) {
	base := "http://" + r.Host
	if r.TLS != nil {
		base = "https://" + r.Host
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"issuer": base, "jwks_uri": base + "/.well-known/jwks.json", "token_endpoint": base + "/oauth/token",
		"response_types_supported": []string{"token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
	})
}

func (k *KeyServer) serveKeys(w http.ResponseWriter, r *http.Request) {
	mode := k.begin(w)
	for mode == Hang {
		k.mu.Lock()
		changed := k.changed
		mode = k.mode
		k.mu.Unlock()
		if mode != Hang {
			break
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
	set := k.set()
	w.Header().Set("Content-Type", "application/json")
	switch mode {
	case Down:
		panic(http.ErrAbortHandler)
	case Broken:
		set = set[:len(set)/2]
	case Empty:
		set = []byte(`{"keys":[]}`)
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		set = []byte("<html><body>We are back soon.</body></html>")
	case Failing:
		w.WriteHeader(http.StatusInternalServerError)
	case Redirect:
		http.Redirect(w, r, k.plain.URL+"/moved/jwks.json", http.StatusFound)
		return
	case Huge:
		endless(w)
		return
	}
	w.Write(set)
}

// begin counts a fetch and sets the extra headers.
func (k *KeyServer) begin(w http.ResponseWriter) Mode {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetches++
	close(k.fetched)
	k.fetched = make(chan struct{})
	for name, all := range k.header {
		w.Header()[name] = append([]string(nil), all...)
	}
	return k.mode
}

// endless writes a set until the client has enough.
func endless(w io.Writer) {
	filler := []byte(`"` + strings.Repeat("x", 64<<10) + `",`)
	_, err := w.Write([]byte(`{"keys":[`))
	for err == nil {
		_, err = w.Write(filler)
	}
}

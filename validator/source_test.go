package validator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/nacl/secretbox"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
)

func TestDiscovery(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	document := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == discoveryPath {
				fmt.Fprint(w, text)
				return
			}
			w.Write(publicSet(t, k))
		}
	}
	rows := []struct {
		name, issuer string
		answer       http.HandlerFunc
		want         string
	}{
		{"the issuer alone", providerURL, nil, "ok"},
		{"an issuer with a path", providerURL + "/tenant", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/tenant"+discoveryPath {
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, providerURL+"/tenant", providerURL+"/keys")
				return
			}
			w.Write(publicSet(t, k))
		}, "ok"},
		{"an issuer with a slash at its end", providerURL + "/", document(fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, providerURL+"/", providerURL+"/keys")), "ok"},
		{"another issuer answers", providerURL, document(fmt.Sprintf(`{"issuer":"https://evil","jwks_uri":%q}`, providerURL+"/keys")), string(KeysUnavailable)},
		{"nearly the issuer answers", providerURL, document(fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, providerURL+"/", providerURL+"/keys")), string(KeysUnavailable)},
		{"nobody in particular answers", providerURL, document(fmt.Sprintf(`{"jwks_uri":%q}`, providerURL+"/keys")), string(KeysUnavailable)},
		{"no keys are named", providerURL, document(fmt.Sprintf(`{"issuer":%q}`, providerURL)), string(KeysUnavailable)},
		{"keys without TLS, elsewhere", providerURL, document(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"http://keys.example/"}`, providerURL)), string(KeysUnavailable)},
		{"keys in a file", providerURL, document(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"file:///etc/passwd"}`, providerURL)), string(KeysUnavailable)},
		{"a list", providerURL, document(`[]`), string(KeysUnavailable)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, k)
				p.do(row.answer)
				v := p.validator(Config{Source: Source{Issuer: row.issuer}}, nil)
				ends(t, v, sign(t, k, nil, claims(map[string]any{"iss": row.issuer})), row.want, row.name)
				if row.want == "ok" {
					ends(t, v, sign(t, k, nil, claims(map[string]any{"iss": "https://other"})), string(IssuerWrong), "another iss")
				}
			})
		})
	}
}

// Keys that move are found again: the discovery document is read anew when they are not where it said.
func TestDiscoveryFollowsKeysThatMove(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		var place atomic.Value
		place.Store("/one")
		p.do(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch r.URL.Path {
			case discoveryPath:
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, providerURL, providerURL+place.Load().(string))
			case place.Load():
				w.Write(publicSet(t, k))
			default:
				w.WriteHeader(404)
			}
		})
		v := p.validator(Config{Source: Source{Issuer: providerURL}}, nil)
		ends(t, v, sign(t, k, nil, claims(nil)), "ok", "at first")
		place.Store("/two")
		time.Sleep(920 * time.Second)
		status := v.keys.Status()[0]
		if age := time.Since(status.Since); status.Error != "" || age > 200*time.Second {
			t.Errorf("keys of %s ago, error %q, want fresh ones", age, status.Error)
		}
	})
}

// One fetch for one address, whether it stands in the file or was found by discovery.
func TestAnAddressThatIsFoundTwice(t *testing.T) {
	k, other := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		keys := p.keys(nil)
		fetches := func() (n int) {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, path := range p.requests {
				if path == "/jwks" {
					n++
				}
			}
			return n
		}
		a := newValidator(t, Config{Source: Source{Issuer: providerURL}}, Deps{Keys: keys}, nil)
		b := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys}, nil)
		keys.Start()
		ends(t, a, sign(t, k, nil, claims(nil)), "ok", "by discovery")
		ends(t, b, sign(t, k, nil, claims(nil)), "ok", "by its address")
		if n := fetches(); n != 1 {
			t.Errorf("%d fetches at the start, want 1", n)
		}
		for range 10 {
			time.Sleep(time.Second)
			for _, v := range []*Validator{a, b} {
				ends(t, v, sign(t, other, nil, claims(nil)), string(KeyUnknown), "an unknown key")
			}
		}
		if n := fetches(); n != 2 {
			t.Errorf("%d fetches with unknown keys, want one more", n)
		}
		before := fetches()
		time.Sleep(9000 * time.Second)
		if n := fetches() - before; n > 13 {
			t.Errorf("%d fetches in ten times 900 s, want about one each", n)
		}
		a.Close()
		b.Close()
		if n := len(keys.shelf.docs); n != 0 {
			t.Errorf("%d documents are still held", n)
		}
	})
}

// tlsProvider serves a set with a certificate that no system trusts, on a real socket.
func tlsProvider(t *testing.T, configure func(*httptest.Server), set []byte) (*httptest.Server, *atomic.Pointer[http.Header]) {
	var seen atomic.Pointer[http.Header]
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		seen.Store(&h)
		w.Header().Set("Content-Type", "application/json")
		w.Write(set)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if configure != nil {
		configure(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, &seen
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhomTheFetchTrusts(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	set := publicSet(t, k)
	s, seen := tlsProvider(t, nil, set)
	ca := writeFile(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	pin := sha256.Sum256(s.Certificate().RawSubjectPublicKeyInfo)
	yes := true
	rows := []struct {
		name string
		src  Source
		want string
	}{
		{"nobody that it does not know", Source{}, string(KeysUnavailable)},
		{"a private CA", Source{LocalCA: ca}, "ok"},
		{"anybody, dangerously", Source{SkipVerify: &yes}, "ok"},
		{"anybody, as KrakenD says it", Source{DisableSecurity: &yes}, "ok"},
		{"a pinned key of a private CA", Source{LocalCA: ca, Fingerprints: []string{base64.RawURLEncoding.EncodeToString(pin[:])}}, "ok"},
		{"a pinned key, padded", Source{LocalCA: ca, Fingerprints: []string{base64.URLEncoding.EncodeToString(pin[:])}}, "ok"},
		{"another pinned key", Source{LocalCA: ca, Fingerprints: []string{base64.RawURLEncoding.EncodeToString(make([]byte, 32))}}, string(KeysUnavailable)},
		{"another pinned key, verification off", Source{SkipVerify: &yes, Fingerprints: []string{base64.RawURLEncoding.EncodeToString(make([]byte, 32))}}, string(KeysUnavailable)},
		{"a pinned key that nobody vouches for", Source{Fingerprints: []string{base64.RawURLEncoding.EncodeToString(pin[:])}}, string(KeysUnavailable)},
		{"headers that the file says", Source{LocalCA: ca, Headers: map[string]string{"X-Api-Key": "secret"}}, "ok"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			row.src.URL = s.URL + "/jwks"
			keys := NewKeys(KeysConfig{UserAgent: "gatehouse/test"})
			t.Cleanup(keys.Close)
			v := newValidator(t, Config{Source: row.src}, Deps{Keys: keys}, nil)
			ends(t, v, sign(t, k, nil, claims(nil)), row.want, row.name)
			if row.want != "ok" {
				return
			}
			h := *seen.Load()
			for name, value := range row.src.Headers {
				if h.Get(name) != value {
					t.Errorf("%s: got %q, want %q", name, h.Get(name), value)
				}
			}
			if h.Get("User-Agent") != "gatehouse/test" {
				t.Errorf("User-Agent %q", h.Get("User-Agent"))
			}
		})
	}
}

func TestAClientCertificateIsShown(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	s, _ := tlsProvider(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	}, publicSet(t, k))
	cert := s.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile := writeFile(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
	keyFile := writeFile(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	for name, row := range map[string]struct {
		src  Source
		want string
	}{
		"with":    {Source{LocalCA: certFile, ClientCert: certFile, ClientKey: keyFile}, "ok"},
		"without": {Source{LocalCA: certFile}, string(KeysUnavailable)},
	} {
		keys := NewKeys(KeysConfig{})
		t.Cleanup(keys.Close)
		row.src.URL = s.URL
		v := newValidator(t, Config{Source: row.src}, Deps{Keys: keys}, nil)
		ends(t, v, sign(t, k, nil, claims(nil)), row.want, name)
	}
}

func TestAProxyIsUsed(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		w.Header().Set("Content-Type", "application/json")
		w.Write(publicSet(t, k))
	}))
	t.Cleanup(proxy.Close)
	keys := NewKeys(KeysConfig{})
	t.Cleanup(keys.Close)
	yes := true
	v := newValidator(t, Config{Source: Source{URL: "http://keys.invalid/jwks", AllowHTTP: &yes, Proxy: proxy.URL}}, Deps{Keys: keys}, nil)
	ends(t, v, sign(t, k, nil, claims(nil)), "ok", "through a proxy")
	if asked.Load() != "http://keys.invalid/jwks" {
		t.Errorf("the proxy was asked for %v", asked.Load())
	}
}

func TestKeysInAFile(t *testing.T) {
	k1, k2 := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2")
	path := writeFile(t, "keys.json", publicSet(t, k1))
	synctest.Test(t, func(t *testing.T) {
		var told logged
		keys := NewKeys(KeysConfig{Log: told.logger()})
		t.Cleanup(keys.Close)
		v := newValidator(t, Config{Source: Source{File: path}}, Deps{Keys: keys, Cache: NewCache(1 << 20)}, nil)
		token := func(k *jose.PrivateKey) string { return sign(t, k, nil, claims(nil)) }
		first := token(k1)
		ends(t, v, first, "ok", "the first version")
		ends(t, v, token(k2), string(KeyUnknown), "another key")
		change := func(data []byte) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			stamp := time.Now().Add(time.Duration(len(data)) * time.Second)
			if err := os.Chtimes(path, stamp, stamp); err != nil {
				t.Fatal(err)
			}
			time.Sleep(lookPause + time.Millisecond)
		}
		change([]byte(`{"keys":[`))
		ends(t, v, first, "ok", "while the file is broken")
		if n := strings.Count(told.String(), "cannot be used; the keys before"); n != 1 {
			t.Errorf("warned %d times, want once", n)
		}
		if status := keys.Status()[0]; status.Error == "" || len(status.Kids) != 1 {
			t.Errorf("status %+v", status)
		}
		change(publicSet(t, k2))
		ends(t, v, token(k2), "ok", "the new version")
		ends(t, v, first, string(KeyUnknown), "the key that it no longer has; its verdict was cached")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		ends(t, v, token(k2), "ok", "without the file")
	})
}

// A token of a key that has just been written into the file passes in its own request.
func TestAFileIsLookedAtForAnUnknownKey(t *testing.T) {
	k1, k2 := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2")
	path := writeFile(t, "keys.json", publicSet(t, k1))
	synctest.Test(t, func(t *testing.T) {
		keys := NewKeys(KeysConfig{})
		t.Cleanup(keys.Close)
		v := newValidator(t, Config{Source: Source{File: path}}, Deps{Keys: keys}, nil)
		ends(t, v, sign(t, k1, nil, claims(nil)), "ok", "at first")
		if err := os.WriteFile(path, publicSet(t, k1, k2), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		ends(t, v, sign(t, k2, nil, claims(nil)), "ok", "a second later")
	})
}

// A local file may hold private keys; their public halves verify.
func TestPrivateKeysInAFile(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	private, err := jose.PrivateSet(k)
	if err != nil {
		t.Fatal(err)
	}
	keys := NewKeys(KeysConfig{})
	t.Cleanup(keys.Close)
	v := newValidator(t, Config{Source: Source{File: writeFile(t, "keys.json", private)}}, Deps{Keys: keys}, nil)
	ends(t, v, sign(t, k, nil, claims(nil)), "ok", "a private key in a file")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		p.publish(private)
		ends(t, p.validator(Config{}, nil), sign(t, k, nil, claims(nil)), string(KeysUnavailable), "a private key in a published set")
	})
}

// encrypt makes a key file and the cypher_key that goes with it, as KrakenD does.
func encrypt(t *testing.T, outer [32]byte, plain []byte) (file []byte, cypherKey string) {
	t.Helper()
	inner := make([]byte, 32)
	var boxNonce [24]byte
	gcmNonce := make([]byte, 12)
	for _, b := range [][]byte{inner, boxNonce[:], gcmNonce} {
		rand.Read(b)
	}
	sealed := secretbox.Seal(boxNonce[:], inner, &boxNonce, &outer)
	sum := md5.Sum(inner)
	block, err := aes.NewCipher([]byte(hex.EncodeToString(sum[:])))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(gcmNonce, gcmNonce, plain, nil), base64.StdEncoding.EncodeToString(sealed)
}

func TestEncryptedKeyFiles(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	outer := [32]byte{1, 2, 3, 250, 251, 252, 253, 254, 255}
	file, cypherKey := encrypt(t, outer, publicSet(t, k))
	path := writeFile(t, "keys.enc", file)
	url := "base64key://" + base64.StdEncoding.EncodeToString(outer[:])
	other := "base64key://" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	rows := []struct {
		name    string
		src     Source
		mistake string
	}{
		{"as KrakenD writes them", Source{File: path, SecretURL: url, CypherKey: cypherKey}, ""},
		{"the other alphabet", Source{File: path, SecretURL: "base64key://" + base64.URLEncoding.EncodeToString(outer[:]), CypherKey: strings.NewReplacer("+", "-", "/", "_").Replace(cypherKey)}, ""},
		{"another secret", Source{File: path, SecretURL: other, CypherKey: cypherKey}, "cypher_key: was not encrypted with the key of secret_url"},
		{"a key service", Source{File: path, SecretURL: "awskms://x", CypherKey: cypherKey}, "secret_url: only base64key:// is served here, not awskms://"},
		{"a short secret", Source{File: path, SecretURL: "base64key://AAAA", CypherKey: cypherKey}, "secret_url: want base64key:// and the base64 of 32 bytes"},
		{"no cypher_key", Source{File: path, SecretURL: url}, "secret_url: secret_url and cypher_key go together"},
		{"no cypher_key to speak of", Source{File: path, SecretURL: url, CypherKey: "AAAA"}, "cypher_key: want the base64 of an encrypted key"},
		{"a file that is not encrypted", Source{File: writeFile(t, "plain.json", publicSet(t, k)), SecretURL: url, CypherKey: cypherKey}, "jwk_local_path: not encrypted with cypher_key"},
		{"an empty file", Source{File: writeFile(t, "empty", nil), SecretURL: url, CypherKey: cypherKey}, "jwk_local_path: too short for an encrypted key file"},
		{"no file", Source{URL: "https://x", SecretURL: url, CypherKey: cypherKey}, "secret_url: decrypts jwk_local_path, which is not there"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			keys := NewKeys(KeysConfig{})
			t.Cleanup(keys.Close)
			v, err := New(Config{Source: row.src}, Deps{Keys: keys}, nil)
			if row.mistake != "" {
				if got := messages(err); got != row.mistake {
					t.Errorf("got %q, want %q", got, row.mistake)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(v.Close)
			ends(t, v, sign(t, k, nil, claims(nil)), "ok", row.name)
		})
	}
}

// messages are the mistakes of an error, each with its path, a line each.
func messages(err error) string {
	var b strings.Builder
	for _, m := range conf.Flatten(err) {
		fmt.Fprintln(&b, m)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

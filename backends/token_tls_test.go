package backends

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/backends/tokens"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// clientPair is a certificate of our own, in two files.
func clientPair(t *testing.T) outbound.KeyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gateway.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return outbound.KeyPair{Certificate: pemFile(t, "CERTIFICATE", der), PrivateKey: pemFile(t, "PRIVATE KEY", plain)}
}

func pemFile(t *testing.T, kind string, der []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// tunnel is a proxy that opens tunnels, and counts them.
func tunnel(t *testing.T, count *atomic.Int64) string {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := net.Dial("tcp", r.Host)
		if r.Method != http.MethodConnect || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		count.Add(1)
		defer to.Close()
		w.WriteHeader(http.StatusOK)
		from, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		go func() { _, _ = io.Copy(from, to); from.Close() }()
		_, _ = io.Copy(to, buffered)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// TestATokenEndpointOverMutualTLS: own CA, client certificate (RFC 8705), a proxy and a timeout, over real sockets.
func TestATokenEndpointOverMutualTLS(t *testing.T) {
	var form, shown atomic.Value
	var slow atomic.Bool
	issuer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if slow.Load() {
			<-r.Context().Done()
			return
		}
		form.Store(string(body) + "|" + r.Header.Get("Authorization"))
		shown.Store(r.TLS.PeerCertificates[0].DNSNames[0])
		fmt.Fprint(w, `{"access_token":"over-tls","token_type":"Bearer","expires_in":1}`)
	}))
	issuer.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	issuer.Config.ErrorLog = log.New(io.Discard, "", 0)
	issuer.StartTLS()
	defer issuer.Close()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"auth":%q}`, r.Header.Get("Authorization"))
	}))
	defer origin.Close()
	ca := pemFile(t, "CERTIFICATE", issuer.Certificate().Raw)
	var tunnels atomic.Int64
	full := tokens.Client{TokenURL: issuer.URL + "/token", ClientID: "me", AuthStyle: "tls",
		Transport: tokens.Connection{Proxy: tunnel(t, &tunnels), TLS: outbound.TLSConfig{CA: []string{ca}, Certificates: []outbound.KeyPair{clientPair(t)}}}}
	ask := func(c tokens.Client) string {
		r := newRealRig(t)
		fetch := r.backend(Config{Host: []string{origin.URL}, URLPattern: "/", Extra: Extra{Credentials: &tokens.CredentialsConfig{Client: c}}})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return said(fetch(ctx, get()))
	}
	wantSaid(t, ask(full), `200 {"auth":"Bearer over-tls"}`)
	if got := form.Load(); got != "grant_type=client_credentials&client_id=me|" || shown.Load() != "gateway.test" || tunnels.Load() != 1 {
		t.Errorf("got %v from %v through %d tunnels, want the client's name, its certificate and one", got, shown.Load(), tunnels.Load())
	}
	stranger := full
	stranger.Transport.TLS.CA = nil
	if got := ask(stranger); !strings.HasPrefix(got, "error: upstream_auth_failed") || !strings.Contains(got, "tls") {
		t.Errorf("of an issuer that nobody vouches for: got %s", got)
	}
	slow.Store(true)
	short := full
	short.Timeout = ptr(conf.Duration(100 * time.Millisecond))
	began := time.Now()
	if got := ask(short); !strings.HasPrefix(got, "error: upstream_auth_failed") || time.Since(began) > 5*time.Second {
		t.Errorf("of an issuer that is slower than its timeout: got %s after %v", got, time.Since(began))
	}
}

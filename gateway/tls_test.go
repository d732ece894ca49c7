package gateway_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/gateway"
)

// identity is a certificate with its key, as files, and what is needed to believe it.
type identity struct {
	cert, key string
	leaf      *x509.Certificate
	private   *ecdsa.PrivateKey
	pool      *x509.CertPool
}

// certificate makes one for localhost that signs itself.
func certificate(t testing.TB) *identity {
	t.Helper()
	dir := t.TempDir()
	id := &identity{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	id.renew(t, "localhost", nil)
	return id
}

// renew writes a new certificate into the files, signed by another identity or by itself.
func (id *identity) renew(t testing.TB, name string, by *identity) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.leaf, by.private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{id.cert: {Type: "CERTIFICATE", Bytes: der}, id.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if id.leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	id.private, id.pool = key, x509.NewCertPool()
	id.pool.AddCert(id.leaf)
}

// client is the configuration of somebody who believes the identity.
func (id *identity) client(protocols ...string) *tls.Config {
	return &tls.Config{RootCAs: id.pool, ServerName: id.leaf.DNSNames[0], NextProtos: protocols}
}

// secured serves the echo endpoint over TLS.
func secured(t testing.TB, version int, settings string) *site {
	return open(t, fmt.Sprintf(`{"version": %d, "echo_endpoint": true, "endpoints": [], "tls": {%s}}`, version, settings))
}

func (id *identity) key2() string {
	return fmt.Sprintf(`"keys": [{"public_key": %q, "private_key": %q}]`, id.cert, id.key)
}

// handshake is the version and protocol agreed on, or that there was none.
func handshake(t testing.TB, s *site, config *tls.Config) string {
	t.Helper()
	c := s.dial(t, config).(*tls.Conn)
	c.SetDeadline(time.Now().Add(5 * time.Second))
	_ = c.Handshake()
	// With TLS 1.3 the server's opinion of our certificate comes after the handshake.
	if _, err := io.WriteString(c, "GET /__echo/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
		return "none"
	}
	if answer, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
		return "none"
	}
	return tls.VersionName(c.ConnectionState().Version)
}

func TestTLSVersions(t *testing.T) {
	id := certificate(t)
	for _, row := range []struct {
		name     string
		version  int
		settings string
		client   uint16
		want     string
	}{
		{"version 4 takes TLS 1.2", 4, "", tls.VersionTLS12, "TLS 1.2"},
		{"version 4 prefers TLS 1.3", 4, "", tls.VersionTLS13, "TLS 1.3"},
		{"version 4 takes no TLS 1.1", 4, "", tls.VersionTLS11, "none"},
		{"version 3 takes no TLS 1.2", 3, "", tls.VersionTLS12, "none"},
		{"unless the file says so", 3, `, "min_version": "TLS12"`, tls.VersionTLS12, "TLS 1.2"},
		{"a highest version", 4, `, "max_version": "TLS12"`, tls.VersionTLS13, "TLS 1.2"},
		{"TLS 1.1 where it is asked for", 4, `, "min_version": "TLS11", "cipher_suites": [49171, 49161]`, tls.VersionTLS11, "TLS 1.1"},
		{"a suite that the client has", 4, `, "max_version": "TLS12", "cipher_suites": [49195]`, tls.VersionTLS12, "TLS 1.2"},
		{"a curve", 4, `, "curve_preferences": [24]`, tls.VersionTLS13, "TLS 1.3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := secured(t, row.version, id.key2()+row.settings)
			config := id.client("http/1.1")
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, row.client
			if got := handshake(t, s, config); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestMutualTLS(t *testing.T) {
	server, ca, member, other := certificate(t), certificate(t), certificate(t), certificate(t)
	member.renew(t, "member", ca)
	with := func(who *identity) *tls.Config {
		config := server.client("http/1.1")
		if who != nil {
			pair, err := tls.LoadX509KeyPair(who.cert, who.key)
			if err != nil {
				t.Fatal(err)
			}
			// Shown whatever the server asks for.
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		return config
	}
	s := secured(t, 4, server.key2()+fmt.Sprintf(`, "enable_mtls": true, "ca_certs": [%q]`, ca.cert))
	old := secured(t, 3, server.key2()+`, "enable_mtls": true, "disable_system_ca_pool": true`)
	for _, row := range []struct {
		name string
		site *site
		who  *identity
		want string
	}{
		{"no certificate", s, nil, "none"}, {"one that ca_certs signed", s, member, "TLS 1.3"}, {"one that signed itself", s, other, "none"},
		{"our own", s, server, "none"}, {"our own in version 3", old, server, "TLS 1.3"},
	} {
		if got := handshake(t, row.site, with(row.who)); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func TestProtocolsOverTLS(t *testing.T) {
	id := certificate(t)
	s := secured(t, 4, id.key2())
	for protocol, want := range map[string]string{"h1": "HTTP/1.1", "h2": "HTTP/2.0"} {
		res, err := client(t, id.client(), protocol).Get("https://" + s.addr + "/__echo/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.Proto != want || res.StatusCode != 200 {
			t.Errorf("%s: got %s %s", protocol, res.Proto, res.Status)
		}
	}
	c := s.dial(t, nil)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if answer, _ := io.ReadAll(c); !strings.HasPrefix(string(answer), "HTTP/1.0 400") {
		t.Errorf("plain HTTP on the TLS port: got %q", answer)
	}
}

func TestServerNamePicksTheCertificate(t *testing.T) {
	one, two := certificate(t), certificate(t)
	two.renew(t, "two.example", nil)
	s := secured(t, 4, fmt.Sprintf(`"public_key": %q, "private_key": %q, %s`, one.cert, one.key, two.key2()))
	for _, id := range []*identity{one, two} {
		if got := handshake(t, s, id.client("http/1.1")); got != "TLS 1.3" {
			t.Errorf("%s: got %s", id.leaf.Subject.CommonName, got)
		}
	}
}

// TestCertificatesAreRenewed changes the files under a server whose clock is synctest's.
func TestCertificatesAreRenewed(t *testing.T) {
	id := certificate(t)
	synctest.Test(t, func(t *testing.T) {
		id.renew(t, "localhost", nil)
		first := id.client("http/1.1")
		l := &inMemory{make(chan net.Conn), make(chan struct{})}
		cfg, doc, err := gateway.Parse("gateway.json", []byte(`{"version": 4, "echo_endpoint": true, "endpoints": [], "tls": {`+id.key2()+`}}`), nil)
		if err != nil {
			t.Fatal(places(doc, err))
		}
		stop := serve(t, cfg, l, nil)
		ask := func(config *tls.Config) error {
			tr := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, DialContext: l.dial}
			res, err := (&http.Client{Transport: tr}).Get("https://localhost/__echo/")
			if err == nil {
				res.Body.Close()
			}
			return err
		}
		if err := ask(first); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(id.cert, []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if err := ask(first); err != nil {
			t.Fatalf("broken files took away what worked: %v", err)
		}
		id.renew(t, "localhost", nil)
		time.Sleep(6 * time.Second)
		if err := ask(id.client("http/1.1")); err != nil {
			t.Fatalf("the new certificate is not in use: %v", err)
		}
		if err := ask(first); err == nil {
			t.Fatal("the old certificate is still in use")
		}
		stop()
	})
}

// inMemory is a listener whose connections are pipes.
type inMemory struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *inMemory) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours, nil
}

func (l *inMemory) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *inMemory) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *inMemory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func TestBackendsHearOfTLS(t *testing.T) {
	id := certificate(t)
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Forwarded-Proto"), " ", r.Header.Get("X-Forwarded-Host"))
	})
	s := streaming(t, backend, fmt.Sprintf(`, "tls": {%s}`, id.key2()), "")
	for _, protocol := range []string{"h1", "h2"} {
		res, err := client(t, id.client(), protocol).Get("https://" + s.addr + "/s")
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if want := "https " + s.addr; string(got) != want {
			t.Errorf("%s: got %q, want %q", protocol, got, want)
		}
	}
}

package outbound

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
	dir  string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = signed(t, nil, nil, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.file = filepath.Join(a.dir, name+".pem")
	writePEM(t, a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

// issue makes a certificate for names and addresses, with files for both halves.
func (a *authority) issue(t *testing.T, names ...string) (tls.Certificate, KeyPair) {
	t.Helper()
	template := &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	cert, key := signed(t, a.cert, a.key, template)
	pair := KeyPair{Certificate: filepath.Join(a.dir, names[0]+".crt"), PrivateKey: filepath.Join(a.dir, names[0]+".key")}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, pair.Certificate, "CERTIFICATE", cert.Raw)
	writePEM(t, pair.PrivateKey, "PRIVATE KEY", der)
	return tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key}, pair
}

func signed(t *testing.T, parent *x509.Certificate, by *ecdsa.PrivateKey, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.URLEncoding.EncodeToString(sum[:])
}

func tlsServerConfig(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// tlsServer serves handler with a certificate; its log is silent.
func tlsServer(t *testing.T, cert tls.Certificate, h2 bool, change func(*tls.Config), handler http.HandlerFunc) Origin {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = h2
	s.TLS = tlsServerConfig(cert)
	s.Config.ErrorLog = silentLog()
	if change != nil {
		change(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	o, err := ParseOrigin(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTLS(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	cert, _ := ca.issue(t, "127.0.0.1", "backend.test")
	_, client := ca.issue(t, "client")
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	mutual := func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		c.ClientCAs.AddCert(ca.cert)
	}
	only12 := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	rows := []struct {
		name   string
		server func(*tls.Config)
		conf   TLSConfig
		fails  bool
	}{
		{name: "its own authority", conf: TLSConfig{CA: []string{ca.file}}},
		{name: "its own authority and nobody else's", conf: TLSConfig{CA: []string{ca.file}, NoSystemCA: true}},
		{name: "an authority that nobody knows", fails: true},
		{name: "another authority", conf: TLSConfig{CA: []string{other.file}}, fails: true},
		{name: "no check at all, dangerously", conf: TLSConfig{DangerouslySkipVerify: true}},
		{name: "another name that the certificate has", conf: TLSConfig{CA: []string{ca.file}, ServerName: "backend.test"}},
		{name: "a name that it has not", conf: TLSConfig{CA: []string{ca.file}, ServerName: "evil.test"}, fails: true},
		{name: "a client certificate", server: mutual, conf: TLSConfig{CA: []string{ca.file}, Certificates: []KeyPair{client}}},
		{name: "no client certificate where one is wanted", server: mutual, conf: TLSConfig{CA: []string{ca.file}}, fails: true},
		{name: "a version that both speak", server: only12, conf: TLSConfig{CA: []string{ca.file}, MinVersion: "TLS12", MaxVersion: "TLS12", CipherSuites: []uint16{49195}, Curves: []uint16{23}}},
		{name: "a version too high for it", server: only12, conf: TLSConfig{CA: []string{ca.file}, MinVersion: "TLS13"}, fails: true},
		{name: "the fingerprint of the certificate", conf: TLSConfig{CA: []string{ca.file}, Fingerprints: []string{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", fingerprint(leaf)}}},
		{name: "the fingerprint of the authority", conf: TLSConfig{CA: []string{ca.file}, Fingerprints: []string{fingerprint(ca.cert)}}},
		{name: "another fingerprint", conf: TLSConfig{CA: []string{ca.file}, Fingerprints: []string{fingerprint(other.cert)}}, fails: true},
		{name: "a fingerprint alone, checks skipped", conf: TLSConfig{DangerouslySkipVerify: true, Fingerprints: []string{fingerprint(leaf)}}},
		{name: "an authority's fingerprint proves nothing where checks are skipped", conf: TLSConfig{DangerouslySkipVerify: true, Fingerprints: []string{fingerprint(ca.cert)}}, fails: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			origin := tlsServer(t, cert, false, row.server, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
			settings, err := row.conf.Compile()
			if err != nil {
				t.Fatal(err)
			}
			p, err := New(origin, Options{TLS: settings, Protocol: HTTP1})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for range 3 {
				_, body, err := fetchAll(t.Context(), p, plainGet)
				if row.fails {
					wantReason(t, err, tlsOrReset(err))
				} else if err != nil || body != "ok" {
					t.Fatalf("got %q, %v, want ok", body, err)
				}
			}
			if s := p.Stats(); !row.fails && s.Dialed != 1 {
				t.Errorf("got %+v, want one connection", s)
			}
		})
	}
}

// tlsOrReset is TLS, but where TLS 1.3 lets a server refuse our certificate only after we have sent a request.
func tlsOrReset(err error) Reason {
	if ReasonOf(err) == Reset {
		return Reset
	}
	return TLS
}

func TestTLSMistakes(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := TLSConfig{
		CA:           []string{filepath.Join(dir, "missing.pem"), empty},
		Certificates: []KeyPair{{Certificate: empty, PrivateKey: empty}},
		MinVersion:   "TLS13", MaxVersion: "TLS12",
		CipherSuites: []uint16{1},
		Fingerprints: []string{"!", "AAAA"},
	}.Compile()
	for _, place := range []string{"ca_certs[0]: ", "ca_certs[1]: ", "client_certs[0]: ", "max_version: ", "cipher_suites[0]: ", "fingerprints[0]: ", "fingerprints[1]: "} {
		if err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("no mistake at %s in:\n%v", place, err)
		}
	}
}

// What a TLS origin sends unasked lies decrypted above the socket; it must not become the next answer.
func TestUnaskedBytesOverTLS(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, _ := ca.issue(t, "127.0.0.1")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				r := bufio.NewReader(nc)
				for {
					if _, err := http.ReadRequest(r); err != nil {
						return
					}
					// Two records in one segment.
					nc.Write([]byte(ok))
					nc.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
				}
			}()
		}
	}()
	defer func() { l.Close(); <-done }()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	settings, _ := TLSConfig{CA: []string{ca.file}}.Compile()
	p, err := NewPool(Origin{"https", host, port}, Options{TLS: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 10 {
		_, body, err := fetchAll(t.Context(), p, plainGet)
		if err != nil || body != "ok" {
			t.Fatalf("got %q, %v, want ok", body, err)
		}
		time.Sleep(time.Millisecond) // the second record is under way
	}
}

package outbound

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
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

func TestProtocols(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, _ := ca.issue(t, "127.0.0.1")
	settings, err := TLSConfig{CA: []string{ca.file}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
		w.Header().Set("X-Target", r.RequestURI)
		w.Header().Set("X-Agent", r.Header.Get("User-Agent"))
		w.Header().Set("X-Upgrade", r.Header.Get("Upgrade"))
		io.Copy(w, r.Body)
	}
	plain := plainServer(t, true, echo)
	rows := []struct {
		name   string
		origin Origin
		p      Protocol
		proto  string
		reason Reason
	}{
		{name: "https, both offered", origin: tlsServer(t, cert, true, nil, echo), proto: "HTTP/2.0"},
		{name: "https, HTTP/1.1 offered", origin: tlsServer(t, cert, false, nil, echo), proto: "HTTP/1.1"},
		{name: "https, HTTP/1.1 chosen", origin: tlsServer(t, cert, true, nil, echo), p: HTTP1, proto: "HTTP/1.1"},
		{name: "https, HTTP/2 chosen", origin: tlsServer(t, cert, true, nil, echo), p: HTTP2, proto: "HTTP/2.0"},
		{name: "https, HTTP/2 chosen but not offered", origin: tlsServer(t, cert, false, nil, echo), p: HTTP2, reason: TLS},
		{name: "http", origin: plain, proto: "HTTP/1.1"},
		{name: "http, HTTP/2 chosen", origin: plain, p: HTTP2, proto: "HTTP/2.0"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c, err := New(row.origin, Options{TLS: settings, Protocol: row.p})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			bodies := map[string]Request{
				"":                             {Method: "GET"},
				"data":                         {Method: "POST", Data: []byte("data")},
				"stream":                       {Method: "POST", Body: iotest.OneByteReader(strings.NewReader("stream")), Length: -1},
				"known":                        {Method: "POST", Body: iotest.OneByteReader(strings.NewReader("known")), Length: 5},
				strings.Repeat("long", 100000): {Method: "POST", Data: []byte(strings.Repeat("long", 100000))},
			}
			for want, req := range bodies {
				req.Target = "/a%2Fb//c?x=%41&y;z"
				res, body, err := fetchAll(t.Context(), c, &req)
				if row.reason != "" {
					wantReason(t, err, row.reason)
					continue
				}
				if err != nil || body != want || res.Get("X-Proto") != row.proto || res.Get("X-Target") != req.Target || res.Get("X-Agent") != "" {
					t.Fatalf("got %.40q %v, %v, want %.40q by %s", body, res, err, want, row.proto)
				}
			}
			// Go's server closes an HTTP/1.1 connection on which it answered long before the end of the request.
			if s := c.Stats(); row.reason == "" && s.Dialed > 2 {
				t.Errorf("got %+v, want one connection, or two", s)
			}
		})
	}
}

// plainServer serves without TLS, by prior knowledge HTTP/2 too.
func plainServer(t *testing.T, h2 bool, handler http.HandlerFunc) Origin {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(h2)
	s.Config.ErrorLog = silentLog()
	s.Start()
	t.Cleanup(s.Close)
	o, err := ParseOrigin(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// HTTP/2 keeps the promises of the clocks, of limits and of names for failures.
func TestHTTP2Exchanges(t *testing.T) {
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	var left atomic.Int64
	origin := plainServer(t, true, func(w http.ResponseWriter, r *http.Request) {
		flush := func() { http.NewResponseController(w).Flush() }
		hang := func() {
			select {
			case <-r.Context().Done():
				left.Add(1)
			case <-gone:
			}
		}
		switch r.URL.Path {
		case "/hang":
			hang()
		case "/half":
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "half")
			flush()
			hang()
		case "/short":
			io.WriteString(w, "half")
			flush()
			panic(http.ErrAbortHandler)
		case "/trailers":
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "ok")
			w.Header().Set("X-Sum", "7")
		case "/hints":
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			io.WriteString(w, "ok")
		case "/slow":
			for range 5 {
				io.WriteString(w, "x")
				flush()
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
	c, err := New(origin, Options{Protocol: HTTP2})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	call := func(ctx context.Context, req Request) (*Response, string, error) {
		req.Method = "GET"
		return fetchAll(ctx, c, &req)
	}
	soon := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(t.Context(), 50*time.Millisecond)
	}
	t.Run("a deadline", func(t *testing.T) {
		ctx, cancel := soon()
		defer cancel()
		_, _, err := call(ctx, Request{Target: "/hang"})
		wantReason(t, err, Timeout)
	})
	t.Run("HeadBy", func(t *testing.T) {
		_, _, err := call(t.Context(), Request{Target: "/hang", HeadBy: time.Now().Add(50 * time.Millisecond)})
		wantReason(t, err, Timeout)
	})
	t.Run("a cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, _, err := call(ctx, Request{Target: "/hang"})
		wantReason(t, err, Canceled)
	})
	t.Run("a cancel within the body", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, _, err := call(ctx, Request{Target: "/half", IdleTimeout: time.Minute})
		wantReason(t, err, Canceled)
	})
	t.Run("an idle stream", func(t *testing.T) {
		_, body, err := call(t.Context(), Request{Target: "/half", IdleTimeout: 50 * time.Millisecond})
		if wantReason(t, err, Timeout); body != "half" {
			t.Errorf("got %q, want half", body)
		}
	})
	t.Run("a stream outlives the deadline of its head", func(t *testing.T) {
		ctx, cancel := soon()
		defer cancel()
		if _, body, err := call(ctx, Request{Target: "/slow", IdleTimeout: time.Minute}); err != nil || body != "xxxxx" {
			t.Errorf("got %q, %v, want xxxxx", body, err)
		}
	})
	t.Run("a body cut short", func(t *testing.T) {
		_, body, err := call(t.Context(), Request{Target: "/short"})
		if wantReason(t, err, Reset); body != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %q, %v", body, err)
		}
	})
	t.Run("trailers", func(t *testing.T) {
		res, body, err := call(t.Context(), Request{Target: "/trailers"})
		if err != nil || body != "ok" || lines(res.Trailer) != "X-Sum: 7" {
			t.Errorf("got %q %v, %v", body, res.Trailer, err)
		}
	})
	t.Run("informational answers", func(t *testing.T) {
		seen := ""
		_, body, err := call(t.Context(), Request{Target: "/hints", Informational: func(status int, h []Field) { seen += fmt.Sprint(status, lines(h)) }})
		if err != nil || body != "ok" || seen != "103Link: </a>" {
			t.Errorf("got %q %q, %v", body, seen, err)
		}
	})
	t.Run("an upload that fails", func(t *testing.T) {
		_, err := c.RoundTrip(t.Context(), &Request{Method: "POST", Target: "/hang", Body: iotest.ErrReader(errors.New("client left")), Length: -1})
		wantReason(t, err, Upload)
	})
	t.Run("an upgrade", func(t *testing.T) {
		_, err := c.RoundTrip(t.Context(), &Request{Method: "GET", Target: "/", Upgrade: "websocket"})
		wantReason(t, err, Unfit)
	})
	t.Run("after the end", func(t *testing.T) {
		c.Close()
		_, _, err := call(t.Context(), Request{Target: "/"})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	})
}

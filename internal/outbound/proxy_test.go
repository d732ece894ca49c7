package outbound

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func silentLog() *log.Logger { return log.New(io.Discard, "", 0) }

// forwarder is a proxy as companies have them, with a password.
type forwarder struct {
	tunnels, plain atomic.Int64
	status         int // of CONNECT; 0: 200
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Proxy-Authorization") != "Basic bWU6c2VjcmV0" {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		f.plain.Add(1)
		out, err := http.NewRequest(r.Method, r.RequestURI, r.Body)
		if err != nil {
			w.WriteHeader(400)
			return
		}
		tr := &http.Transport{DisableKeepAlives: true}
		res, err := tr.RoundTrip(out)
		if err != nil {
			w.WriteHeader(502)
			return
		}
		defer res.Body.Close()
		io.Copy(w, res.Body)
		return
	}
	if f.status != 0 {
		w.WriteHeader(f.status)
		return
	}
	f.tunnels.Add(1)
	to, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(502)
		return
	}
	defer to.Close()
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	io.WriteString(nc, "HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
	go func() {
		io.Copy(to, rw)
		to.Close()
	}()
	io.Copy(nc, to)
}

func TestProxies(t *testing.T) {
	ca := newAuthority(t, "ca")
	cert, _ := ca.issue(t, "127.0.0.1")
	settings, err := TLSConfig{CA: []string{ca.file}}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	hello := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the origin sees the proxy's password")
		}
		io.WriteString(w, r.Proto+" "+r.RequestURI)
	}
	secure, secure2, open := tlsServer(t, cert, false, nil, hello), tlsServer(t, cert, true, nil, hello), plainServer(t, false, hello)
	rows := []struct {
		name   string
		origin Origin
		tls    bool // the proxy's own
		user   string
		status int
		want   string
		reason Reason
		tunnel int64
	}{
		{name: "http", origin: open, user: "me:secret@", want: "HTTP/1.1 /a?b"},
		{name: "https by a tunnel", origin: secure, user: "me:secret@", want: "HTTP/1.1 /a?b", tunnel: 1},
		{name: "HTTP/2 by a tunnel", origin: secure2, user: "me:secret@", want: "HTTP/2.0 /a?b", tunnel: 1},
		{name: "https by a proxy with TLS", origin: secure, tls: true, user: "me:secret@", want: "HTTP/1.1 /a?b", tunnel: 1},
		{name: "a proxy that wants a password", origin: secure, reason: Refused},
		{name: "a proxy that refuses", origin: secure, user: "me:secret@", status: 403, reason: Refused},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := &forwarder{status: row.status}
			s := httptest.NewUnstartedServer(f)
			s.Config.ErrorLog = silentLog()
			if row.tls {
				s.TLS = tlsServerConfig(cert)
				s.StartTLS()
			} else {
				s.Start()
			}
			defer s.Close()
			c, err := New(row.origin, Options{TLS: settings, Proxy: strings.Replace(s.URL, "://", "://"+row.user, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for range 2 {
				_, body, err := fetchAll(t.Context(), c, &Request{Method: "GET", Target: "/a?b"})
				if row.reason != "" {
					wantReason(t, err, row.reason)
				} else if err != nil || body != row.want {
					t.Fatalf("got %q, %v, want %q", body, err, row.want)
				}
			}
			if n := f.tunnels.Load(); n != row.tunnel {
				t.Errorf("got %d tunnels, want %d", n, row.tunnel)
			}
		})
	}
}

func TestProxyOfTheEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://proxy.test:3128")
	t.Setenv("HTTPS_PROXY", "http://secure.test")
	t.Setenv("NO_PROXY", "direct.test")
	rows := []struct{ origin, setting, want string }{
		{"http://a.test", "", "proxy.test:3128"},
		{"https://a.test", "", "secure.test:80"},
		{"http://direct.test", "", ""},
		{"http://127.0.0.1:8080", "", ""},
		{"http://a.test", "none", ""},
		{"http://a.test", "https://own.test", "own.test:443"},
	}
	for _, row := range rows {
		o, err := ParseOrigin(row.origin)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Options{Proxy: row.setting}.proxyFor(o)
		got := ""
		if p != nil {
			got = p.origin.Address()
		}
		if err != nil || got != row.want {
			t.Errorf("%s with %q: got %q, %v, want %q", row.origin, row.setting, got, err, row.want)
		}
	}
	for _, bad := range []string{"socks5://a.test", "http://", "://", "ftp://a"} {
		if _, err := New(example, Options{Proxy: bad}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("proxy %q: got %v, want a mistake", bad, err)
		}
	}
	if _, err := New(example, Options{Proxy: "http://a.test", Protocol: HTTP2}); err == nil {
		t.Error("HTTP/2 in the clear by a proxy was accepted")
	}
}

// A proxy that answers nonsense, or for ever, has a name and an end.
func TestBadProxies(t *testing.T) {
	for answer, reason := range map[string]Reason{
		"nonsense\r\n\r\n": BadReply,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 20000): BadReply,
		"": TLS,
	} {
		o := &memoryOrigin{serve: func(nc net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(nc, answer)
		}}
		c, err := New(Origin{"https", "a.test", "443"}, Options{Dial: o.dial, Proxy: "http://proxy.test"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.RoundTrip(t.Context(), plainGet)
		wantReason(t, err, reason)
		c.Close()
		o.wg.Wait()
	}
}

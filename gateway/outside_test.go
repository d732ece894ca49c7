package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// TestTheWayToBackends asks backends over TLS, through proxies and with the settings of connections, as the service and as
// a backend say it (issue 3.9). The answer tells the status, and what the backend has seen.
func TestTheWayToBackends(t *testing.T) {
	theirs, ours, other := certificate(t), certificate(t), certificate(t)
	plain := asked(t, nil, nil)
	secure := asked(t, theirs, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })
	older := asked(t, theirs, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
	mutual := asked(t, theirs, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ours.pool })
	target, err := url.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Set("X-Via", "proxy") }})
	t.Cleanup(proxy.Close)
	ca, pair := fmt.Sprintf(`"ca_certs": [%q]`, theirs.cert), fmt.Sprintf(`"client_certs": [{"certificate": %q, "private_key": %q}]`, ours.cert, ours.key)
	strange := fmt.Sprintf(`"client_certs": [{"certificate": %q, "private_key": %q}]`, other.cert, other.key)
	own := func(settings string) string { return `, "extra_config": {"backend/http/client": {` + settings + `}}` }
	for _, row := range []struct {
		name             string
		version          int
		host             string
		service, backend string
		want             string
	}{
		{"a certificate that nobody vouches for", 4, secure, "", "", "502"},
		{"the same in version 3", 3, secure, "", "", "500"},
		{"one that the service trusts", 4, secure, `, "client_tls": {` + ca + `}`, "", "200 1.3"},
		{"one that the backend's own settings trust", 4, secure, "", own(`"client_tls": {` + ca + `}`), "200 1.3"},
		{"settings of a backend stand in the place of the service's", 4, secure, `, "client_tls": {` + ca + `}`, own(`"client_tls": {"disable_system_ca_pool": true}`), "502"},
		{"no certificate is looked at", 4, secure, `, "dangerously_skip_tls_verify": true`, "", "200 1.3"},
		{"KrakenD's name for that", 3, secure, `, "allow_insecure_connections": true`, "", "200 1.3"},
		{"within client_tls", 3, secure, `, "client_tls": {"allow_insecure_connections": true}`, "", "200 1.3"},
		{"a version that is too low for them", 4, secure, `, "client_tls": {` + ca + `, "max_version": "TLS12"}`, "", "502"},
		{"a version that is too low for us", 4, older, `, "client_tls": {` + ca + `}`, "", "502"},
		{"unless the file says so", 4, older, `, "client_tls": {` + ca + `, "min_version": "TLS10"}`, "", "200 1.1"},
		{"another name in their certificate", 4, strings.Replace(secure, "localhost", "127.0.0.1", 1), `, "client_tls": {` + ca + `}`, "", "502"},
		{"which the file may name", 4, strings.Replace(secure, "localhost", "127.0.0.1", 1), `, "client_tls": {` + ca + `, "server_name": "localhost"}`, "", "200 1.3"},
		{"a backend that asks for a certificate", 4, mutual, `, "client_tls": {` + ca + `}`, "", "502"},
		{"which we show", 4, mutual, `, "client_tls": {` + ca + `, ` + pair + `}`, "", "200 1.3 localhost"},
		{"but not just any", 4, mutual, `, "client_tls": {` + ca + `, ` + strange + `}`, "", "502"},
		{"HTTP/2 where they offer it", 4, secure, `, "client_tls": {` + ca + `}, "http_version": "auto"`, "", "200 1.3 HTTP/2.0"},
		{"HTTP/2 without TLS", 4, plain, "", own(`"http_version": "http2"`), "200 HTTP/2.0"},
		{"through a proxy", 4, plain, "", own(fmt.Sprintf(`"proxy_address": %q`, proxy.URL)), "200 via proxy"},
		{"through none", 4, plain, "", own(`"proxy_address": "none"`), "200"},
		{"a head that is late", 4, plain, `, "response_header_timeout": "1ms"`, "", "504"},
		{"limits that do not stand in the way", 3, plain, `, "max_idle_connections": 1, "max_idle_connections_per_host": 1, "idle_connection_timeout": "1s", "dialer_timeout": "5s",
			"dialer_fallback_delay": "100ms", "dialer_keep_alive": "10s", "expect_continue_timeout": "1s", "dns_cache_ttl": "1s"`, "", "200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := "/"
			if strings.Contains(row.service, "response_header_timeout") {
				path = "/hang"
			}
			s := open(t, fmt.Sprintf(`{"version": %d%s, "endpoints": [{"endpoint": "/a", "output_encoding": "no-op", "backend": [{"host": [%q], "url_pattern": %q%s}]}]}`,
				row.version, row.service, row.host, path, row.backend))
			res, err := client(t, nil, "h1").Get("http://" + s.addr + "/a")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got := fmt.Sprint(res.StatusCode)
			if body, _ := io.ReadAll(res.Body); res.StatusCode == 200 {
				got += string(body)
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// asked is a backend that tells how it was asked; "/hang" waits until nobody does.
func asked(t testing.TB, id *identity, change func(*tls.Config)) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-r.Context().Done()
			return
		}
		if r.TLS != nil {
			fmt.Fprint(w, " ", strings.TrimPrefix(tls.VersionName(r.TLS.Version), "TLS "))
			for _, c := range r.TLS.PeerCertificates {
				fmt.Fprint(w, " ", c.Subject.CommonName)
			}
		}
		if r.ProtoMajor > 1 {
			fmt.Fprint(w, " ", r.Proto)
		}
		if via := r.Header.Get("X-Via"); via != "" {
			fmt.Fprint(w, " via ", via)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetHTTP2(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	if id == nil {
		s.Start()
		t.Cleanup(s.Close)
		return s.URL
	}
	pair, err := tls.LoadX509KeyPair(id.cert, id.key)
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10}
	change(s.TLS)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// TestConnectionsAreKeptOrNot counts the connections that three requests take.
func TestConnectionsAreKeptOrNot(t *testing.T) {
	for settings, want := range map[string]int{"": 1, `, "disable_keep_alives": true`: 3} {
		var mu sync.Mutex
		seen := map[string]bool{}
		backend := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			seen[r.RemoteAddr] = true
		})
		s := open(t, fmt.Sprintf(`{"version": 3%s, "host": [%q], "endpoints": [{"endpoint": "/a", "output_encoding": "no-op", "backend": [{"url_pattern": "/"}]}]}`, settings, backend))
		for range 3 {
			res, err := client(t, nil, "h1").Get("http://" + s.addr + "/a")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		mu.Lock()
		if len(seen) != want {
			t.Errorf("%q: %d connections, want %d", settings, len(seen), want)
		}
		mu.Unlock()
	}
}

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/gateway"
)

// site is a gateway that listens on loopback.
type site struct {
	addr string
	stop func()
}

// open serves a configuration on loopback until the test ends.
func open(t testing.TB, config string) *site { return openLogged(t, config, nil) }

// openLogged does so with an access log.
func openLogged(t testing.TB, config string, access io.Writer) *site {
	t.Helper()
	cfg, doc, err := gateway.Parse("gateway.json", []byte(config), nil)
	if err != nil {
		t.Fatal(places(doc, err))
	}
	l, err := gateway.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{addr: l.Addr().String(), stop: serve(t, cfg, l, access)}
	t.Cleanup(s.stop)
	return s
}

// serve serves a configuration until stop is called.
func serve(t testing.TB, cfg gateway.Config, l net.Listener, access io.Writer) (stop func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	shared := newShared(log)
	shared.Access = access
	g, err := gateway.New(cfg, shared)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- gateway.NewServer(cfg, g, log).Serve(ctx, l) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		g.Close()
		closeShared(shared)
	})
}

func (s *site) dial(t testing.TB, config *tls.Config) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		c = tls.Client(c, config)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// exchange sends bytes and returns the statuses of the answers, and whether the connection was closed after them. answers
// is how many there are if it stays open; 0: it does not.
func exchange(t testing.TB, c net.Conn, in string, answers int) (statuses []string, closed bool) {
	t.Helper()
	sent := make(chan struct{})
	go func() { defer close(sent); _, _ = io.WriteString(c, in) }()
	defer func() { c.Close(); <-sent }()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	var all strings.Builder
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Read(buf)
		all.Write(buf[:n])
		if strings.Count(all.String(), "HTTP/1.") >= answers && answers > 0 {
			c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
		}
		if err != nil {
			_, timeout := err.(net.Error)
			closed = !timeout || !err.(net.Error).Timeout()
			break
		}
	}
	for _, part := range strings.Split(all.String(), "HTTP/1.1 ")[1:] {
		statuses = append(statuses, part[:3])
	}
	return statuses, closed
}

const hidden = "GET /__echo/hidden HTTP/1.1\r\nHost: a\r\n\r\n"

// framed are requests followed by another one, and the statuses of all answers; "closed": nothing more is served.
func framed() [][3]string {
	const host = "Host: a\r\n"
	post := func(headers, body string) string {
		return "POST /__echo/ HTTP/1.1\r\n" + host + headers + "\r\n\r\n" + body
	}
	get := func(line, headers string) string { return line + "\r\n" + headers + "\r\n" }
	chunked := func(body string) string { return post("Transfer-Encoding: chunked", body) }
	return [][3]string{
		{"a body with a length", post("Content-Length: 5", "hello"), "200 200"},
		{"a body in chunks, extensions and trailers", chunked("5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"), "200 200"},
		{"a length said twice", post("Content-Length: 5\r\nContent-Length: 5", "hello"), "200 200"},
		{"a length and chunks", post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), "400 closed"},
		{"chunks and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), "400 closed"},
		{"chunks in HTTP/1.0", "POST /__echo/ HTTP/1.0\r\n" + host + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed"},
		{"two lengths", post("Content-Length: 5\r\nContent-Length: 6", "hello"), "400 closed"},
		{"a list of lengths", post("Content-Length: 5, 5", "hello"), "400 closed"},
		{"a signed length", post("Content-Length: +5", "hello"), "400 closed"},
		{"a negative length", post("Content-Length: -5", "hello"), "400 closed"},
		{"a hexadecimal length", post("Content-Length: 0x5", "hello"), "400 closed"},
		{"an empty length", post("Content-Length: ", "hello"), "400 closed"},
		{"a huge length", post("Content-Length: 99999999999999999999", "hello"), "400 closed"},
		{"a coding that is not chunked", post("Transfer-Encoding: gzip", "0\r\n\r\n"), "501 closed"},
		{"two codings", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), "501 closed"},
		{"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), "501 closed"},
		{"identity", post("Transfer-Encoding: identity\r\nContent-Length: 5", "hello"), "400 closed"},
		{"a coding behind a vertical tab", post("Transfer-Encoding: \vchunked", "0\r\n\r\n"), "400 closed"},
		{"a coding with a space before its colon", post("Transfer-Encoding : chunked", "0\r\n\r\n"), "400 closed"},
		{"a folded coding", post("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), "400 closed"},
		{"a space behind a chunk's size", chunked("5 \r\nhello\r\n0\r\n\r\n"), "400 closed"},
		{"a space before a chunk's size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), "400 closed"},
		{"a prefix before a chunk's size", chunked("0x5\r\nhello\r\n0\r\n\r\n"), "400 closed"},
		{"a sign before a chunk's size", chunked("-5\r\nhello\r\n0\r\n\r\n"), "400 closed"},
		{"a chunk without a size", chunked(";a\r\nhello\r\n0\r\n\r\n"), "400 closed"},
		{"a huge chunk", chunked("fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), "400 closed"},
		{"a bare LF behind a size", chunked("5\nhello\r\n0\r\n\r\n"), "400 closed"},
		{"a bare LF behind a chunk", chunked("5\r\nhello\n0\r\n\r\n"), "400 closed"},
		{"a chunk that is too long", chunked("5\r\nhelloX\r\n0\r\n\r\n"), "400 closed"},
		{"a bare LF in trailers", chunked("0\r\nX: y\n\r\n"), "400 closed"},
		{"no host", "GET /__echo/ HTTP/1.1\r\n\r\n", "400 closed"},
		{"an empty host", get("GET /__echo/ HTTP/1.1", "Host:\r\n"), "400 closed"},
		{"two hosts", get("GET /__echo/ HTTP/1.1", "Host: a\r\nHost: a\r\n"), "400 closed"},
		{"a host with a space", get("GET /__echo/ HTTP/1.1", "Host: a b\r\n"), "400 closed"},
		{"a host with a user", get("GET /__echo/ HTTP/1.1", "Host: u@a\r\n"), "400 closed"},
		{"a list of hosts", get("GET /__echo/ HTTP/1.1", "Host: a,b\r\n"), "400 closed"},
		{"a port that is none", get("GET /__echo/ HTTP/1.1", "Host: a:b\r\n"), "400 closed"},
		{"a port too high", get("GET /__echo/ HTTP/1.1", "Host: a:65536\r\n"), "400 closed"},
		{"half an address", get("GET /__echo/ HTTP/1.1", "Host: [::1\r\n"), "400 closed"},
		{"an address", get("GET /__echo/ HTTP/1.1", "Host: [::1]:80\r\n"), "200 200"},
		{"a host with an escape", get("GET /__echo/ HTTP/1.1", "Host: a%2f\r\n"), "400 closed"},
		{"a whole URL", get("GET http://b/__echo/ HTTP/1.1", host), "200 200"},
		{"a URL with a user", get("GET http://u:p@b/__echo/ HTTP/1.1", host), "400 closed"},
		{"a URL of another scheme", get("GET ftp://b/__echo/ HTTP/1.1", host), "400 closed"},
		{"a URL without a host", get("GET http:///__echo/ HTTP/1.1", host), "400 closed"},
		{"a URL without a path", get("GET http:x HTTP/1.1", host), "400 closed"},
		{"a target with a fragment", get("GET /__echo/#a HTTP/1.1", host), "400 closed"},
		{"a target without a slash", get("GET x HTTP/1.1", host), "400 closed"},
		{"a star", get("GET * HTTP/1.1", host), "400 closed"},
		{"a broken escape", get("GET /__echo/%zz HTTP/1.1", host), "400 closed"},
		{"a control character in the target", get("GET /__echo/\x01 HTTP/1.1", host), "400 closed"},
		{"a control character in a value", get("GET /__echo/ HTTP/1.1", host+"X: a\x01b\r\n"), "400 closed"},
		{"NUL in a value", get("GET /__echo/ HTTP/1.1", host+"X: a\x00b\r\n"), "400 closed"},
		{"a bare CR in a value", get("GET /__echo/ HTTP/1.1", host+"X: a\rb\r\n"), "400 closed"},
		{"a name with a space", get("GET /__echo/ HTTP/1.1", host+"X Y: a\r\n"), "400 closed"},
		{"a name with a space behind it", get("GET /__echo/ HTTP/1.1", host+"X : a\r\n"), "400 closed"},
		{"no name", get("GET /__echo/ HTTP/1.1", host+": a\r\n"), "400 closed"},
		{"no colon", get("GET /__echo/ HTTP/1.1", host+"X\r\n"), "400 closed"},
		{"a folded value", get("GET /__echo/ HTTP/1.1", host+"X: a\r\n b\r\n"), "400 closed"},
		{"bare LFs", "GET /__echo/ HTTP/1.1\nHost: a\n\n", "400 closed"},
		{"two spaces before the target", get("GET  /__echo/ HTTP/1.1", host), "400 closed"},
		{"two spaces behind the target", get("GET /__echo/  HTTP/1.1", host), "400 closed"},
		{"a tab behind the method", get("GET\t/__echo/ HTTP/1.1", host), "400 closed"},
		{"a space behind the version", get("GET /__echo/ HTTP/1.1 ", host), "400 closed"},
		{"a space before the method", get(" GET /__echo/ HTTP/1.1", host), "400 closed"},
		{"HTTP/2.0", get("GET /__echo/ HTTP/2.0", host), "505 closed"},
		{"HTTP/0.9", get("GET /__echo/ HTTP/0.9", host), "505 closed"},
		{"no version", get("GET /__echo/", host), "400 closed"},
		{"a method that is no token", get("G(T /__echo/ HTTP/1.1", host), "400 closed"},
		{"an expectation that nobody knows", post("Expect: miracles\r\nContent-Length: 5", "hello"), "417 closed"},
		{"a head that is too long", get("GET /__echo/ HTTP/1.1", host+"X: "+strings.Repeat("a", 2<<20)+"\r\n"), "431 closed"},
		{"an upgrade that nobody offers", get("GET /__echo/ HTTP/1.1", host+"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"), "200 200"},
		{"the preface of HTTP/2 where it is not spoken", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 closed"},
		{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "405 closed"},
		{"TRACE", "TRACE /__echo/ HTTP/1.1\r\nHost: a\r\n\r\n", "405 200"},
	}
}

func TestFramingOverTheWire(t *testing.T) {
	s := open(t, `{"version": 4, "echo_endpoint": true, "endpoints": []}`)
	pair := certificate(t)
	over := open(t, fmt.Sprintf(`{"version": 4, "echo_endpoint": true, "endpoints": [], "tls": {"public_key": %q, "private_key": %q}}`, pair.cert, pair.key))
	for _, row := range framed() {
		t.Run(row[0], func(t *testing.T) {
			for _, c := range []net.Conn{s.dial(t, nil), over.dial(t, pair.client("http/1.1"))} {
				answers := 0
				if !strings.HasSuffix(row[2], "closed") {
					answers = strings.Count(row[2], " ") + 1
				}
				statuses, closed := exchange(t, c, row[1]+hidden, answers)
				if closed {
					statuses = append(statuses, "closed")
				}
				if got := strings.Join(statuses, " "); got != row[2] {
					t.Errorf("got %s, want %s", got, row[2])
				}
			}
		})
	}
}

// TestWhatIsNoRequestIsToldInJSON: what the server itself refuses is told as everything else is.
func TestWhatIsNoRequestIsToldInJSON(t *testing.T) {
	s := open(t, `{"version": 4, "echo_endpoint": true, "endpoints": []}`)
	for in, want := range map[string]string{
		"GET /__echo/ HTTP/1.1\r\n\r\n": "the Host header is missing",
		"POST /__echo/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n": "both Content-Length and Transfer-Encoding",
		"GET /__echo/\nHost: a\n\n": "bare LF",
	} {
		c := s.dial(t, nil)
		_, _ = io.WriteString(c, in)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if err := json.Unmarshal(text, &told); err != nil || told["error"] != "bad_request" || !strings.Contains(told["error_description"], want) || len(told["request_id"]) != 32 {
			t.Errorf("%q: got %s, want a JSON body that says %s", in, text, want)
		}
		if res.StatusCode != http.StatusBadRequest || !res.Close || res.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%q: got %s with %v", in, res.Status, res.Header)
		}
	}
}

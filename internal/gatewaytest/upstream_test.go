package gatewaytest

import (
	"bufio"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ask sends text to an upstream on one connection and returns all that comes back until it closes or falls silent.
func ask(t *testing.T, u *Upstream, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(u.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		t.Fatal(err)
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
	var b strings.Builder
	if _, err := bufio.NewReader(c).WriteTo(&b); errors.Is(err, syscall.ECONNRESET) {
		b.WriteString("<reset>")
	} else if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func TestUpstreamAnswers(t *testing.T) {
	const script = `
# a comment
GET /plain
  202 Taken
  x-odd-Name:  spaced
  Content-Length: 2

  ab

  c
GET /chunked
  drip 1ms
  trailer X-End: yes

  a
  b

GET /cut
  cut 1
  early 103 Link: </a>

  abc

GET /close
  close

GET /raw
  raw

  HTTP/1.1 200 OK\r\n
  \r\n
  \x41\\

GET /none
  204

GET /open
  !Content-Length:

  to the end

* /who?*
  if X-User: al*
  if !X-Other

  al

* *
  echo
`
	for _, row := range []struct{ name, request, want string }{
		{"headers as written, and its own length",
			"GET /plain HTTP/1.1\n\n", "HTTP/1.1 202 Taken\nx-odd-Name:  spaced\nContent-Length: 2\n\nab\n\nc"},
		{"a chunk a line, and a trailer",
			"GET /chunked HTTP/1.1\n\n",
			"HTTP/1.1 200 OK\nTrailer: X-End\nTransfer-Encoding: chunked\n\n2\na\n\n1\nb\n0\nX-End: yes\n\n"},
		{"an early answer, then a body that breaks off",
			"GET /cut HTTP/1.1\n\n", "HTTP/1.1 103 Early\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 3\n\na"},
		{"no answer", "GET /close HTTP/1.1\n\n", ""},
		{"bytes", "GET /raw HTTP/1.1\n\n", "HTTP/1.1 200 OK\n\nA\\"},
		{"no length where no body can be", "GET /none HTTP/1.1\n\n", "HTTP/1.1 204\n\n"},
		{"a body that ends with the connection", "GET /open HTTP/1.1\n\n", "HTTP/1.1 200 OK\n\nto the end"},
		{"a condition that holds", "PUT /who?x HTTP/1.1\nx-user: alice\n\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\nal"},
		{"a condition that does not", "PUT /who?x HTTP/1.1\nX-User: bob\n\n",
			"HTTP/1.1 200 OK\nContent-Length: 73\n\n" + `{"body":"","headers":{"X-User":["bob"]},"method":"PUT","target":"/who?x"}`},
		{"two in one go, one of them with chunks",
			"POST /e HTTP/1.1\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\nHEAD /plain2 HTTP/1.1\n\n",
			"HTTP/1.1 200 OK\nContent-Length: 91\n\n" + `{"body":"abc","headers":{"Transfer-Encoding":["chunked"]},"method":"POST","target":"/e"}` +
				"HTTP/1.1 200 OK\nContent-Length: 62\n\n"},
		{"no HTTP is no request", "hello\n\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := StartUpstream(t, "test", script)
			if got := ask(t, u, row.request); !sameAnswer(got, row.want) {
				t.Errorf("%s", diff(row.want, got))
			}
		})
	}
}

// sameAnswer compares answers; how long an echo is says nothing.
func sameAnswer(got, want string) bool {
	strip := func(s string) string {
		var out []string
		for _, line := range strings.Split(s, "\n") {
			if !strings.HasPrefix(line, "Content-Length: ") {
				out = append(out, line)
			}
		}
		return strings.Join(out, "\n")
	}
	return strip(got) == strip(want)
}

func TestUpstreamResetsAndHangs(t *testing.T) {
	u := StartUpstream(t, "test", "GET /reset\n  reset\nGET /hang\n  hang\n")
	if got := ask(t, u, "GET /reset HTTP/1.1\n\n"); got != "<reset>" {
		t.Errorf("got %q, want a reset", got)
	}
	c, err := net.Dial("tcp", u.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("GET /hang HTTP/1.1\r\n\r\n"))
	if s := u.Take(patience, func(s *Seen) bool { return s.Target == "/hang" }); s == nil || s.Conn != 2 {
		t.Fatalf("got %+v, want the request on the second connection", s)
	}
	u.Stop()
	c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("got %d bytes, %v, want the end", n, err)
	}
	if u.Asked() != 2 || u.Connections() != 2 {
		t.Errorf("asked %d times over %d connections, want 2 and 2", u.Asked(), u.Connections())
	}
}

func TestScriptsThatAreWrong(t *testing.T) {
	for _, row := range []struct{ name, script, want string }{
		{"an answer before any rule", "  200\n", `line "  200" before the first rule, want METHOD /path in the first column`},
		{"a rule without a path", "GET\n", "GET: want METHOD /path, or * for either"},
		{"a path without a slash", "GET users\n", "GET users: want METHOD /path, or * for either"},
		{"an unknown line", "GET /\n  wait 3s\n", "GET /: wait 3s: unknown line, want a status, a header or one of"},
		{"a bad duration", "GET /\n  delay 3\n", `GET /: delay 3: time: missing unit in duration "3"`},
		{"a bad escape", "GET /\n  raw\n\n  \\q\n", `GET /: unknown escape \q, want one of \r \n \t \0 \\ \xHH`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parseScript(row.script)
			if err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

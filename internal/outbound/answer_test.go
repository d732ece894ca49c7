package outbound

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

type answerCase struct {
	name   string
	method string // "": GET
	answer string
	closes bool // the origin closes after it
	whole  bool // only as one piece: a pipe holds nothing that nobody reads

	status  int
	body    string
	header  string // "Name: value|Name: value"
	trailer string
	reused  bool // the connection serves the next request

	reason Reason // of RoundTrip
	broken Reason // of reading the body
}

func answerCases() []answerCase {
	big := strings.Repeat("0123456789abcdef", 4096)
	return []answerCase{
		{name: "a length", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello", status: 200, body: "hello", header: "Content-Length: 5|X-A: 1", reused: true},
		{name: "a long body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + big, status: 200, body: big, reused: true},
		{name: "an empty body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200, reused: true},
		{name: "chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n", status: 200, body: "hello world", reused: true},
		{name: "CHUNKED in capitals, sizes in both cases, leading zeros", answer: "HTTP/1.1 200 OK\r\ntransfer-encoding:CHUNKED\r\n\r\n00a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", status: 200, body: "01234567890123456789", reused: true},
		{name: "long chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n" + big + "\r\n10000\r\n" + big + "\r\n0\r\n\r\n", status: 200, body: big + big, reused: true},
		{name: "no chunk but the last", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", status: 200, reused: true},
		{name: "trailers, those of framing dropped", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\nHost: evil\r\n\r\n", status: 200, body: "a", trailer: "X-Sum: 7", reused: true},
		{name: "until close", answer: "HTTP/1.1 200 OK\r\n\r\nhello", closes: true, status: 200, body: "hello"},
		{name: "HTTP/1.0 until close", answer: "HTTP/1.0 200 OK\r\n\r\nhello", closes: true, status: 200, body: "hello"},
		{name: "HTTP/1.0 with a length closes", answer: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello"},
		{name: "HTTP/1.0 that keeps alive", answer: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", status: 200, body: "hello", reused: true},
		{name: "Connection: close", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close\r\n\r\nhello", status: 200, body: "hello"},
		{name: "close within a list, and a field named by it", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x-gone , CLOSE\r\nX-Gone: 1\r\nX-Stays: 2\r\n\r\nhello", status: 200, body: "hello", header: "Content-Length: 5|X-Stays: 2"},
		{name: "fields named in two Connections", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x-a\r\nX-A: 1\r\nConnection: x-b\r\nX-B: 2\r\nX-C: 3\r\n\r\n", status: 200, header: "Content-Length: 0|X-C: 3", reused: true},
		{name: "hop-by-hop fields stay here", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nTE: x\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nX-A: 1\r\n\r\n", status: 200, header: "Content-Length: 0|X-A: 1", reused: true},
		{name: "the same length twice", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello", header: "Content-Length: 5", reused: true},
		{name: "HEAD has a length and no body", method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", status: 200, header: "Content-Length: 5", reused: true},
		{name: "HEAD with chunked has no body", method: "HEAD", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", status: 200, reused: true},
		{name: "204 has no body", answer: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, reused: true},
		{name: "304 has a length and no body", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n", status: 304, header: "Content-Length: 5|ETag: \"a\"", reused: true},
		{name: "204 with a length is not trusted with another request", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status: 204},
		{name: "more than the length is not trusted with another request", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n", whole: true, status: 200, body: "hello"},
		{name: "informational answers first", answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", reused: true},
		{name: "no reason", answer: "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", status: 200, reused: true},
		{name: "no reason and no space", answer: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", status: 200, reused: true},
		{name: "an empty value, a tab, bytes above ASCII", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Empty:\r\nX-Tab: \ta\tb \t\r\nX-High: \xc3\xa9\r\n\r\n", status: 200, header: "Content-Length: 0|X-Empty: |X-Tab: a\tb|X-High: \xc3\xa9", reused: true},
		{name: "a head larger than the buffer", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: " + strings.Repeat("a", 30000) + "\r\n\r\nok", status: 200, body: "ok", reused: true},

		{name: "another protocol", answer: "220 mail.test ESMTP\r\n", reason: BadReply},
		{name: "HTTP/2 preface", answer: "\x00\x00\x12\x04\x00\x00\x00\x00\x00", reason: BadReply},
		{name: "HTTP/1.2", answer: "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "HTTP/11.1", answer: "HTTP/11.1 200 OK\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "two digits of status", answer: "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "four digits of status", answer: "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "a status below 100", answer: "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "two spaces before the status", answer: "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "a bare LF after the status line", answer: "HTTP/1.1 200 OK\nContent-Length: 0\n\n", reason: BadReply},
		{name: "a bare LF after a field", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n\r\n", reason: BadReply},
		{name: "a bare CR in a field", answer: "HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "a NUL in a field", answer: "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "obsolete folding", answer: "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "a space before the colon", answer: "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", reason: BadReply},
		{name: "a space before the first field", answer: "HTTP/1.1 200 OK\r\n X-A: 1\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "a field without a name", answer: "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "a field without a colon", answer: "HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 0\r\n\r\n", reason: BadReply},
		{name: "length and chunks", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", reason: BadReply},
		{name: "two lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", reason: BadReply},
		{name: "a list of lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", reason: BadReply},
		{name: "a signed length", answer: "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", reason: BadReply},
		{name: "a negative length", answer: "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", reason: BadReply},
		{name: "an empty length", answer: "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello", reason: BadReply},
		{name: "a length past all numbers", answer: "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello", reason: BadReply},
		{name: "gzip and chunked", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", reason: BadReply},
		{name: "chunked twice", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", reason: BadReply},
		{name: "identity", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", reason: BadReply},
		{name: "chunked in HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", reason: BadReply},
		{name: "a switch nobody asked for", answer: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", reason: BadReply},
		{name: "an endless head", answer: "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 1<<20), reason: BadReply},
		{name: "endless informational answers", answer: strings.Repeat("HTTP/1.1 103 Early Hints\r\nX-A: "+strings.Repeat("a", 1000)+"\r\n\r\n", 1100), reason: BadReply},
		{name: "too many fields", answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("a:\r\n", 1025) + "\r\n", reason: BadReply},
		{name: "a head cut short", answer: "HTTP/1.1 200 OK\r\nContent-", closes: true, reason: BadReply},

		{name: "a body cut short", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", closes: true, status: 200, body: "hel", broken: BadReply},
		{name: "chunks cut short", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", closes: true, status: 200, body: "hel", broken: BadReply},
		{name: "chunks without a last", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", closes: true, status: 200, body: "hello", broken: BadReply},
		{name: "a chunk longer than its size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n", status: 200, body: "hello", broken: BadReply},
		{name: "a signed chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", status: 200, broken: BadReply},
		{name: "0x in a chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", status: 200, broken: BadReply},
		{name: "a space after a chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", status: 200, broken: BadReply},
		{name: "a chunk size past all numbers", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", status: 200, broken: BadReply},
		{name: "an empty chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n", status: 200, broken: BadReply},
		{name: "a bare LF after a chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", status: 200, broken: BadReply},
		{name: "an endless chunk extension", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("a", 10000), status: 200, broken: BadReply},
		{name: "more chunk extensions than data", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("a", 1000)+"\r\nx\r\n", 100), status: 200, body: strings.Repeat("x", 16), broken: BadReply},
		{name: "a bad trailer", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX Y: 1\r\n\r\n", status: 200, body: "a", broken: BadReply},
		{name: "endless trailers", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + strings.Repeat("X-A: aaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 1000), status: 200, body: "a", broken: BadReply},
	}
}

func TestAnswers(t *testing.T) {
	for _, piece := range []int{0, 1, 7} {
		for _, c := range answerCases() {
			if piece > 0 && (len(c.answer) > 40000 || c.whole) {
				continue
			}
			t.Run(fmt.Sprintf("%s in pieces of %d", c.name, piece), func(t *testing.T) { playAnswer(t, c, piece) })
		}
	}
}

func playAnswer(t *testing.T, c answerCase, piece int) {
	p, origin := newPool(t, Options{}, answering(c.answer, piece, c.closes))
	req := &Request{Method: c.method, Target: "/"}
	if c.method == "" {
		req.Method = "GET"
	}
	res, body, err := fetchAll(t.Context(), p, req)
	if c.reason != "" {
		wantReason(t, err, c.reason)
		return
	}
	if c.broken != "" {
		wantReason(t, err, c.broken)
		if c.closes && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v, want it to wrap io.ErrUnexpectedEOF", err)
		}
	} else if err != nil {
		t.Fatal(err)
	}
	if res.Status != c.status || body != c.body {
		t.Errorf("got %d %.100q, want %d %.100q", res.Status, body, c.status, c.body)
	}
	if c.header != "" && lines(res.Header) != c.header {
		t.Errorf("got header %.200q, want %q", lines(res.Header), c.header)
	}
	if lines(res.Trailer) != c.trailer {
		t.Errorf("got trailer %.200q, want %q", lines(res.Trailer), c.trailer)
	}
	if s := p.Stats(); s.Idle == 1 != c.reused || s.Open != s.Idle {
		t.Errorf("got %+v, want the connection kept: %v", s, c.reused)
	}
	fetchAll(t.Context(), p, req)
	if again := origin.dials.Load() == 1; again != c.reused {
		t.Errorf("got %d connections for two requests, want reuse %v", origin.dials.Load(), c.reused)
	}
}

func lines(fields []Field) string {
	var parts []string
	for _, f := range fields {
		parts = append(parts, f.Name+": "+f.Value)
	}
	return strings.Join(parts, "|")
}

func TestInformationalAnswersAreHandedOn(t *testing.T) {
	p, _ := newPool(t, Options{}, answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false))
	var seen []string
	_, _, err := fetchAll(t.Context(), p, &Request{Method: "GET", Target: "/", Informational: func(status int, header []Field) {
		seen = append(seen, fmt.Sprint(status, " ", lines(header)))
	}})
	if err != nil || strings.Join(seen, ",") != "103 Link: </a>,102 " {
		t.Errorf("got %q, %v, want 103 with its Link and 102", seen, err)
	}
}

// FuzzAnswer holds what we accept against what net/http makes of the same bytes.
func FuzzAnswer(f *testing.F) {
	for _, c := range answerCases() {
		if len(c.answer) < 4096 {
			f.Add(c.answer, c.method == "HEAD")
		}
	}
	f.Fuzz(func(t *testing.T, answer string, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		p, err := NewPool(example, Options{MaxIdle: -1, Dial: func(context.Context, string, string) (net.Conn, error) {
			return &canned{answer: strings.NewReader(answer)}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		req := &Request{Method: method, Target: "/"}
		if first, err := p.RoundTrip(t.Context(), req); err == nil {
			first.Release() // its head is remembered, and must mean the same again
		}
		res, body, err := fetchAll(t.Context(), p, req)
		if err != nil {
			return
		}
		theirs, theirBody, err := readLikeNetHTTP(answer, method)
		if err != nil {
			t.Fatalf("accepted %q, net/http says %v", answer, err)
		}
		if res.Status != theirs.StatusCode || body != theirBody {
			t.Fatalf("%q: got %d %q, net/http reads %d %q", answer, res.Status, body, theirs.StatusCode, theirBody)
		}
		for _, h := range res.Header {
			if !slices.Contains(theirs.Header.Values(h.Name), h.Value) {
				t.Fatalf("%q: header %q is unknown to net/http", answer, h.Name)
			}
		}
	})
}

func readLikeNetHTTP(answer, method string) (*http.Response, string, error) {
	r := bufio.NewReader(strings.NewReader(answer))
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return nil, "", err
		}
		if res.StatusCode/100 == 1 {
			continue
		}
		body, err := io.ReadAll(res.Body)
		return res, string(body), err
	}
}

// canned is a connection that has its answer ready and swallows what is written.
type canned struct {
	net.Conn
	answer io.Reader
}

func (c *canned) Read(p []byte) (int, error)  { return c.answer.Read(p) }
func (c *canned) Write(p []byte) (int, error) { return len(p), nil }
func (c *canned) Close() error                { return nil }
func (c *canned) SetDeadline(time.Time) error { return nil }

func TestRequestsThatMustNotBeWritten(t *testing.T) {
	rows := map[string]Request{
		"a line end in the target":       {Method: "GET", Target: "/a\r\nX: y"},
		"a space in the target":          {Method: "GET", Target: "/a b"},
		"a NUL in the target":            {Method: "GET", Target: "/a\x00"},
		"an absolute target":             {Method: "GET", Target: "http://evil/"},
		"an empty target":                {Method: "GET"},
		"a line end in a value":          {Method: "GET", Target: "/", Header: []Field{{"X-A", "long enough for the fast path\r\nX-B: 1"}}},
		"a lone LF in a value":           {Method: "GET", Target: "/", Header: []Field{{"X-A", "a\nb"}}},
		"a NUL in a value":               {Method: "GET", Target: "/", Header: []Field{{"X-A", "0123456\x00"}}},
		"a DEL in a value":               {Method: "GET", Target: "/", Header: []Field{{"X-A", "0123456789\x7f"}}},
		"a line end in a name":           {Method: "GET", Target: "/", Header: []Field{{"X-A\r\nX-B", "1"}}},
		"a colon in a name":              {Method: "GET", Target: "/", Header: []Field{{"X-A:", "1"}}},
		"an empty name":                  {Method: "GET", Target: "/", Header: []Field{{"", "1"}}},
		"a line end in the host":         {Method: "GET", Target: "/", Host: "a\r\nb"},
		"a slash in the host":            {Method: "GET", Target: "/", Host: "a/b"},
		"a line end in the method":       {Method: "GET\r\n", Target: "/"},
		"CONNECT":                        {Method: "CONNECT", Target: "/"},
		"a line end in the upgrade":      {Method: "GET", Target: "/", Upgrade: "a\r\nb"},
		"a length without a body":        {Method: "POST", Target: "/", Length: 4},
		"a body in memory and another":   {Method: "POST", Target: "/", Data: []byte("a"), Body: strings.NewReader("a"), Length: 1},
		"a length that is no length":     {Method: "POST", Target: "/", Body: strings.NewReader("a"), Length: -2},
		"no method at all":               {Target: "/"},
		"a control character in a value": {Method: "GET", Target: "/", Header: []Field{{"X-A", "abc\x1bdefghijklmnop"}}},
	}
	for name, req := range rows {
		t.Run(name, func(t *testing.T) {
			p, origin := newPool(t, Options{}, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false))
			_, err := p.RoundTrip(t.Context(), &req)
			wantReason(t, err, Unfit)
			if origin.dials.Load() != 0 {
				t.Error("a connection was opened for it")
			}
		})
	}
}

// TestWhatIsWritten pins the bytes of requests.
func TestWhatIsWritten(t *testing.T) {
	rows := []struct {
		name string
		req  Request
		want string
	}{
		{"a plain GET", Request{Method: "GET", Target: "/a?b=c"}, "GET /a?b=c HTTP/1.1\r\nHost: origin.test\r\n\r\n"},
		{"another host", Request{Method: "GET", Target: "/", Host: "x.test:1"}, "GET / HTTP/1.1\r\nHost: x.test:1\r\n\r\n"},
		{"fields as they are, hop-by-hop and framing left out", Request{Method: "GET", Target: "/", Header: []Field{{"x-A", "1"}, {"Host", "evil"}, {"connection", "x-A"}, {"Content-Length", "7"}, {"Transfer-Encoding", "chunked"}, {"TE", "trailers"}, {"Expect", "100-continue"}, {"Proxy-Authorization", "s"}, {"Keep-Alive", "1"}, {"Upgrade", "h2c"}, {"X-B", ""}}},
			"GET / HTTP/1.1\r\nHost: origin.test\r\nx-A: 1\r\nX-B: \r\n\r\n"},
		{"a POST without a body has a length", Request{Method: "POST", Target: "/"}, "POST / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 0\r\n\r\n"},
		{"data", Request{Method: "PUT", Target: "/", Data: []byte("hello")}, "PUT / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\nhello"},
		{"a body in memory", Request{Method: "PUT", Target: "/", Body: bytes.NewReader([]byte("hello")), Length: 5}, "PUT / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\nhello"},
		{"a body in memory of unsaid length", Request{Method: "PUT", Target: "/", Body: strings.NewReader("hello"), Length: -1}, "PUT / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\nhello"},
		{"a stream of known length", Request{Method: "PUT", Target: "/", Body: io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo!")), Length: 5}, "PUT / HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 5\r\n\r\nhello"},
		{"a stream of unknown length", Request{Method: "PUT", Target: "/", Body: io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo")), Length: -1},
			"PUT / HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"},
		{"an upgrade", Request{Method: "GET", Target: "/", Upgrade: "websocket"}, "GET / HTTP/1.1\r\nHost: origin.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := make(chan string, 1)
			p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
				b := make([]byte, len(row.want))
				n, _ := io.ReadFull(r, b)
				got <- string(b[:n])
				io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			})
			if _, _, err := fetchAll(t.Context(), p, &row.req); err != nil {
				t.Fatal(err)
			}
			if g := <-got; g != row.want {
				t.Errorf("got %q, want %q", g, row.want)
			}
		})
	}
}

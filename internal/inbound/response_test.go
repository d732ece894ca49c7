package inbound

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// TestAnswersAreAsNetHTTPsAre plays handlers on our server and on net/http's: both must be understood alike.
func TestAnswersAreAsNetHTTPsAre(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}},
		{"a short body", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"a":1}`) }},
		{"a body in pieces", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>"); fmt.Fprint(w, "b") }},
		{"a long body", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long) }},
		{"a long body of known length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			_, _ = io.WriteString(w, long)
		}},
		{"a body that is flushed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprint(w, i)
				w.(http.Flusher).Flush()
			}
		}},
		{"a head that is flushed", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); w.(http.Flusher).Flush() }},
		{"204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }},
		{"204 with a body", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		}},
		{"304 with a tag", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Etag", `"a"`); w.WriteHeader(304) }},
		{"a status that nobody knows", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) }},
		{"two statuses", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(201) }},
		{"a header behind the status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.Header().Set("X", "late") }},
		{"headers of several lines", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Set-Cookie"] = []string{"a=b", "c=d"}
			w.Header().Set("X-Line", "a\r\nb: c")
			w.Header().Set("Bad Name", "x")
			w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
		}},
		{"the connection is to end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, "x")
		}},
		{"informational answers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			fmt.Fprint(w, "x")
		}},
		{"trailers that were announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			fmt.Fprint(w, "x")
			w.(http.Flusher).Flush()
			w.Header().Set("X-Sum", "1")
		}},
		{"trailers that were not", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "x")
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
		}},
		{"more than the length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			if _, err := w.Write([]byte("abc")); !errors.Is(err, http.ErrContentLength) {
				panic(err)
			}
		}},
		{"less than the length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			fmt.Fprint(w, "ab")
		}},
		{"it breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = io.WriteString(w, long)
			panic(http.ErrAbortHandler)
		}},
		{"it breaks off before the head is out", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			theirs := httptest.NewServer(row.handler)
			defer theirs.Close()
			ours := onLoopback(t, &Server{Handler: row.handler})
			for _, head := range []string{"GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET / HTTP/1.0", "POST / HTTP/1.1\r\nConnection: close"} {
				if strings.Contains(head, "1.0") && strings.HasPrefix(row.name, "inform") || strings.HasPrefix(head, "HEAD") && strings.HasPrefix(row.name, "it breaks") {
					continue // net/http informs clients of HTTP/1.0, and flushes what is to be broken off
				}
				request := head + "\r\nHost: a\r\n\r\n"
				c, err := net.Dial("tcp", theirs.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				want, got := understood(t, c, request), understood(t, ours.dial(), request)
				if got != want {
					t.Errorf("%s\ngot  %s\nwant %s", head, got, want)
				}
			}
		})
	}
}

// understood is what a client makes of the answers to one request, and whether the connection is open after it.
func understood(t *testing.T, c net.Conn, request string) string {
	t.Helper()
	defer c.Close()
	_, _ = io.WriteString(c, request)
	method, _, _ := strings.Cut(request, " ")
	r := bufio.NewReader(c)
	var b strings.Builder
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			fmt.Fprintf(&b, "no answer")
			return b.String()
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.Header.Get("Date") != "Thu, 01 Jan 1970 00:00:00 GMT" {
			res.Header.Del("Date")
		}
		delete(res.Header, "Content-Length")
		delete(res.Header, "Connection")
		if method == http.MethodHead {
			res.ContentLength = 0 // net/http does not count a long body that it does not send
		}
		if err != nil {
			body = nil // how much of it came depends on buffers
		}
		fmt.Fprintf(&b, "%s %d length %d %v close %v headers %v trailers %v body %d %.20q err %v; ", res.Proto, res.StatusCode, res.ContentLength,
			res.TransferEncoding, res.Close, res.Header, res.Trailer, len(body), body, err)
		if res.StatusCode >= 200 {
			break
		}
	}
	if !strings.Contains(b.String(), "close true") && !strings.Contains(b.String(), "err unexpected") {
		_, _ = io.WriteString(c, request)
		if _, err := r.Peek(1); err != nil {
			b.WriteString("and not another")
		}
	}
	return b.String()
}

func TestTheSameAnswerIsTheSameBytes(t *testing.T) {
	var all []string
	for range 20 {
		said := play(get, 1000, func(w http.ResponseWriter, _ *http.Request) {
			for _, name := range []string{"B", "A", "D", "C", "Content-Type"} {
				w.Header().Set(name, "x")
			}
			w.Header().Set("Date", "today")
			fmt.Fprint(w, "y")
		})
		all = append(all, said)
	}
	if slices.Sort(all); all[0] != all[len(all)-1] {
		t.Errorf("got %q and %q", all[0], all[len(all)-1])
	}
}

func TestOneAnswerIsOneWrite(t *testing.T) {
	for name, size := range map[string]int{"in one buffer": 1000, "in two": 10_000, "as long as one may be": 60_000} {
		t.Run(name, func(t *testing.T) {
			c := &counted{script: script{in: []byte(get), step: 1000}}
			body := make([]byte, size)
			s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(size))
				_, _ = w.Write(body)
			})}
			newConn(s, c).serve()
			if want := 1 + btoi(size > pieceOfOut); c.writes > want { // a bare socket takes two pieces at once
				t.Errorf("%d writes, want %d", c.writes, want)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

type counted struct {
	script
	writes int
}

func (c *counted) Write(p []byte) (int, error) { c.writes++; return c.script.Write(p) }

func TestContinue(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	t.Run("a body that is read is asked for", func(t *testing.T) {
		s := inMemory(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })})
		c := s.dial()
		defer c.Close()
		r := bufio.NewReader(c)
		_, _ = io.WriteString(c, head)
		if line, _ := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("got %q", line)
		}
		_, _ = r.ReadString('\n')
		_, _ = io.WriteString(c, "hello")
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.ContentLength != 5 || res.Close {
			t.Fatalf("got %v and %v", res, err)
		}
		res.Body.Close()
	})
	t.Run("one that is not read is not, and the connection ends", func(t *testing.T) {
		said := play(head+"hello"+get, 1000, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
		list, _ := answers(t, said)
		if len(list) != 1 || list[0].StatusCode != 401 || !list[0].Close {
			t.Errorf("got %q, want one 401 that says close", said)
		}
	})
}

func TestWhatIsLeftOfABody(t *testing.T) {
	for _, row := range []struct {
		name string
		size int
		want int
	}{{"a little is passed over", 1000, 2}, {"much ends the connection", 300 << 10, 1}} {
		for kind, in := range map[string]string{
			"length": fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", row.size, strings.Repeat("x", row.size)),
			"chunks": fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", row.size, strings.Repeat("x", row.size)),
		} {
			t.Run(row.name+", "+kind, func(t *testing.T) {
				list, _ := answers(t, play(in+get, 4096, func(http.ResponseWriter, *http.Request) {}))
				if len(list) != row.want {
					t.Errorf("got %d answers, want %d", len(list), row.want)
				}
			})
		}
	}
}

func TestABodyMayBeReadWhileTheAnswerIsWritten(t *testing.T) {
	s := onLoopback(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 10)
		for {
			n, err := r.Body.Read(buf)
			_, _ = w.Write(bytes.ToUpper(buf[:n]))
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	})})
	c := s.dial()
	defer c.Close()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	r := bufio.NewReader(c)
	for i, word := range []string{"one", "two", "three"} {
		fmt.Fprintf(c, "%x\r\n%s\r\n", len(word), word)
		if i == 0 {
			for line := ""; line != "\r\n"; {
				line, _ = r.ReadString('\n')
			}
		}
		_, _ = r.ReadString('\n')
		got := make([]byte, len(word)+2)
		if _, err := io.ReadFull(r, got); err != nil || string(got) != strings.ToUpper(word)+"\r\n" {
			t.Fatalf("got %q and %v", got, err)
		}
	}
}

func TestAReaderThatIsLeftBehindIsSentAway(t *testing.T) {
	got := make(chan error, 1)
	s := onLoopback(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading := make(chan struct{})
		go func() {
			close(reading)
			_, err := r.Body.Read(make([]byte, 10))
			got <- err
		}()
		<-reading
		w.WriteHeader(403)
	})})
	c := s.dial()
	defer c.Close()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
	said, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(said), "HTTP/1.1 403") {
		t.Errorf("got %q and %v", said, err)
	}
	if err := <-got; !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("the reader got %v", err)
	}
}

func TestTakingAConnectionOver(t *testing.T) {
	s := onLoopback(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.Context().Done() // as somebody does who waits for it: the client is watched
		c, rest, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("writing after it: %v", err)
		}
		early := make([]byte, rest.Reader.Buffered())
		_, _ = io.ReadFull(rest, early)
		more := make([]byte, 9-len(early))
		_, _ = io.ReadFull(c, more)
		fmt.Fprintf(c, "taken over: %s%s", early, more)
	})})
	c := s.dial()
	defer c.Close()
	_, _ = io.WriteString(c, get+"early")
	_, _ = io.WriteString(c, "late")
	said, err := io.ReadAll(c)
	if string(said) != "taken over: earlylate" || err != nil {
		t.Errorf("got %q and %v", said, err)
	}
}

func BenchmarkRequest(b *testing.B) {
	in := "GET /users/42/orders?limit=10 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8.5.0\r\nAccept: application/json\r\n" +
		"Accept-Encoding: gzip, deflate, br\r\nAuthorization: Bearer " + strings.Repeat("x", 700) + "\r\nCookie: a=b; c=d\r\nX-Request-Id: 0123456789abcdef\r\n\r\n"
	body := make([]byte, 240)
	c := newConn(&Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = []string{"application/json"}, []string{"240"}
		_, _ = w.Write(body)
	})}, &again{in: in})
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if !c.next() {
			b.Fatal("it ended")
		}
	}
}

// again is a connection that always has the same request.
type again struct {
	script
	in string
}

func (a *again) Read(p []byte) (int, error)  { return copy(p, a.in), nil }
func (a *again) Write(p []byte) (int, error) { return len(p), nil }

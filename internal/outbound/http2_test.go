package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

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

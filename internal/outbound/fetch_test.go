package outbound

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func document(status int, kind, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status, kind, len(body), body)
}

func newFetcher(t *testing.T, serve func(net.Conn, *bufio.Reader)) *Fetcher {
	t.Helper()
	o := &memoryOrigin{serve: serve}
	f := NewFetcher(Options{Dial: o.dial}, "gatehouse/test")
	t.Cleanup(func() {
		f.Close()
		o.wg.Wait()
	})
	return f
}

func TestFetch(t *testing.T) {
	html := "<html>\n" + strings.Repeat("e", 300)
	rows := []struct {
		name    string
		answer  string
		req     FetchRequest
		want    string // of the body
		err     string
		reason  Reason
		excerpt string
	}{
		{name: "a document", answer: document(200, "application/json", "{}"), want: "{}"},
		{name: "any type of JSON", answer: document(200, "application/jwk-set+json; charset=utf-8", "{}"), req: FetchRequest{Accept: []string{"json"}}, want: "{}"},
		{name: "a type by its name", answer: document(200, "Text/Plain; charset=utf-8", "a"), req: FetchRequest{Accept: []string{"json", "text/plain"}}, want: "a"},
		{name: "another status that is fine", answer: document(400, "application/json", "{}"), req: FetchRequest{Statuses: []int{200, 400}}, want: "{}"},
		{name: "another status", answer: document(503, "text/html", html), want: html,
			err:     `GET http://idp.test/keys: answered 503 with content type "text/html": want status 200`,
			excerpt: `<html>\n` + strings.Repeat("e", 193)},
		{name: "another type", answer: document(200, "text/html", html), req: FetchRequest{Accept: []string{"json"}}, want: html,
			err:     `GET http://idp.test/keys: answered 200 with content type "text/html": want content type json`,
			excerpt: `<html>\n` + strings.Repeat("e", 193)},
		{name: "no type", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", req: FetchRequest{Accept: []string{"json"}}, want: "{}",
			err: `GET http://idp.test/keys: answered 200 with content type "": want content type json`, excerpt: "{}"},
		{name: "a secret stays one", answer: document(500, "text/plain", "token"), req: FetchRequest{Secret: true}, want: "token",
			err: `GET http://idp.test/keys: answered 500 with content type "text/plain": want status 200`},
		{name: "a redirect", answer: "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
			err: `GET http://idp.test/keys: answered 302 with content type "": a redirect to where we do not follow, want status 200`},
		{name: "too large", answer: document(200, "application/json", strings.Repeat("a", 2<<20)), reason: TooLarge,
			err: `GET http://idp.test/keys: too_large: the answer is over 1048576 bytes`},
		{name: "too large by choice, in chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", req: FetchRequest{MaxBytes: 3}, reason: TooLarge,
			err: `GET http://idp.test/keys: too_large: the answer is over 3 bytes`},
		{name: "not HTTP", answer: "nonsense\r\n", reason: BadReply, err: `GET http://idp.test/keys: bad_response: not HTTP/1.1: "nonsense\r\n"`},
		{name: "not a URL", req: FetchRequest{URL: "http://a b:secret@c/\x00"}, reason: Unfit, err: `GET (not a URL): bad_request: the URL cannot be parsed`},
		{name: "another scheme", req: FetchRequest{URL: "ftp://idp.test/?secret"}, reason: Unfit, err: `GET ftp://idp.test/: bad_request: got scheme "ftp", want http or https`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFetcher(t, answering(row.answer, 0, false))
			req := row.req
			if req.URL == "" {
				req.URL = "http://user:password@idp.test/keys?secret=1"
			}
			got, err := f.Fetch(t.Context(), req)
			if got != nil && string(got.Body) != row.want || got == nil && row.want != "" {
				t.Errorf("got %v, want body %.100q", got, row.want)
			}
			if row.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *FetchError
			if !errors.As(err, &e) || e.Error() != row.err || e.Excerpt != row.excerpt || ReasonOf(err) != row.reason {
				t.Errorf("got %v\nwith %+v\nwant %s\nwith %s", err, e, row.err, row.excerpt)
			}
		})
	}
}

func TestFetchHasAnEnd(t *testing.T) {
	for name, serve := range map[string]func(net.Conn, *bufio.Reader){
		"no answer": hanging,
		"a slow answer": func(nc net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
			for {
				time.Sleep(time.Second)
				if _, err := io.WriteString(nc, "a"); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFetcher(t, serve)
				began := time.Now()
				_, err := f.Fetch(t.Context(), FetchRequest{URL: "http://idp.test/"})
				wantReason(t, err, Timeout)
				if took := time.Since(began); took != 5*time.Second {
					t.Errorf("took %v, want 5s", took)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = f.Fetch(ctx, FetchRequest{URL: "http://idp.test/"})
				if wantReason(t, err, Timeout); time.Since(began) != 6*time.Second {
					t.Errorf("took %v, want the caller's second", time.Since(began)-5*time.Second)
				}
			})
		})
	}
}

func TestFetchSendsWhatIsAsked(t *testing.T) {
	seen := make(chan string, 1)
	f := newFetcher(t, func(nc net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(req.Body)
		seen <- fmt.Sprint(req.Method, " ", req.RequestURI, " ", req.Host, " ", req.UserAgent(), " ", req.Header.Get("Accept"), " ", req.Header.Get("Content-Type"), " ", string(body))
		io.WriteString(nc, ok)
	})
	rows := []struct {
		req  FetchRequest
		want string
	}{
		{FetchRequest{URL: "http://idp.test:81/a%2Fb?c=d"}, "GET /a%2Fb?c=d idp.test:81 gatehouse/test application/json, */*;q=0.5  "},
		{FetchRequest{URL: "http://idp.test/", Method: "POST", Body: []byte("a=b"), Header: []Field{{"Content-Type", "x"}, {"user-agent", "me"}, {"Accept", "y"}}}, "POST / idp.test me y x a=b"},
	}
	for _, row := range rows {
		if _, err := f.Fetch(t.Context(), row.req); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func TestFetchRedirects(t *testing.T) {
	rows := []struct {
		name   string
		from   string
		to     string
		follow int
		method string
		end    string // the last URL; "": not followed
	}{
		{name: "to a path", to: "/next", follow: 1, end: "http://idp.test/next"},
		{name: "to a whole URL of the same origin", to: "http://IDP.test:80/next?x", follow: 1, end: "http://idp.test/next"},
		{name: "not unless asked", to: "/next"},
		{name: "not to another host", to: "http://evil.test/next", follow: 3},
		{name: "not to another port", to: "http://idp.test:81/next", follow: 3},
		{name: "not to another scheme", to: "https://idp.test/next", follow: 3},
		{name: "not with a password", to: "http://a:b@idp.test/next", follow: 3},
		{name: "not in circles", to: "/loop", follow: 100},
		{name: "not a POST", to: "/next", follow: 3, method: "POST"},
		{name: "not to nowhere", to: "", follow: 3},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			asked := 0
			f := newFetcher(t, func(nc net.Conn, r *bufio.Reader) {
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					asked++
					if req.URL.Path == "/next" {
						io.WriteString(nc, ok)
					} else {
						fmt.Fprintf(nc, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", row.to)
					}
				}
			})
			got, err := f.Fetch(t.Context(), FetchRequest{URL: "http://idp.test/loop", Redirects: row.follow, Method: row.method})
			if row.end != "" {
				if err != nil || got.URL != strings.ToLower(row.end) && got.URL != "http://IDP.test:80/next" {
					t.Fatalf("got %+v, %v, want %s", got, err, row.end)
				}
				return
			}
			if err == nil || got.Status != 302 || asked > 4 {
				t.Errorf("got %+v, %v after %d requests, want a 302 as an error", got, err, asked)
			}
		})
	}
}

func TestFetchDecodes(t *testing.T) {
	f := newFetcher(t, answering(encodedAnswer("gzip", encode(t, "gzip", `{"keys":[]}`)), 0, false))
	got, err := f.Fetch(t.Context(), FetchRequest{URL: "http://idp.test/"})
	if err != nil || string(got.Body) != `{"keys":[]}` {
		t.Errorf("got %+v, %v", got, err)
	}
	bomb := newFetcher(t, answering(encodedAnswer("gzip", encode(t, "gzip", strings.Repeat("a", 10<<20))), 0, false))
	_, err = bomb.Fetch(t.Context(), FetchRequest{URL: "http://idp.test/"})
	wantReason(t, err, TooLarge)
}

func TestFetcherClosed(t *testing.T) {
	f := newFetcher(t, answering(ok, 0, false))
	f.Close()
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "http://idp.test/"}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want %v", err, ErrClosed)
	}
}

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzRoutedPathIsForwardedPath asks for any target: it is refused, redirected, or reaches the backend as the same segments.
func FuzzRoutedPathIsForwardedPath(f *testing.F) {
	seen := make(chan string, 1)
	backend := upstream(f, func(w http.ResponseWriter, r *http.Request) { seen <- r.RequestURI })
	s := open(f, fmt.Sprintf(`{"version": 4, "host": [%q], "endpoints": [
		{"endpoint": "/p/{a}/{b}", "output_encoding": "no-op", "backend": [{"url_pattern": "/p/{a}/{b}"}]},
		{"endpoint": "/w/{rest...}", "output_encoding": "no-op", "backend": [{"url_pattern": "/w/{rest}"}]},
		{"endpoint": "/u/*", "output_encoding": "no-op", "backend": [{"url_pattern": "/u"}]}]}`, backend))
	for _, seed := range []string{"/p/a/b", "/w/a/../b", "/w/%2e%2e/x", "/u/a%2Fb", "/p/%252e/;x=1", "/w/a//b/", "/u/%c3%a9/+", "/p/..%5c/a", "/W/a", "//p/a/b", "/p/a%00/b", "/w/%7e~"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if target == "" || strings.ContainsAny(target, " \r\n?#") {
			return
		}
		c := s.dial(t, nil)
		defer c.Close()
		_, _ = io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: no answer: %v", target, err)
		}
		res.Body.Close()
		select {
		case got := <-seen:
			asked, err := url.ParseRequestURI(target)
			sent, err2 := url.ParseRequestURI(got)
			if err != nil || err2 != nil || asked.Path != sent.Path || strings.Count(asked.EscapedPath(), "/") != strings.Count(sent.EscapedPath(), "/") {
				t.Fatalf("asked for %q, the backend got %q", target, got)
			}
			for segment := range strings.SplitSeq(sent.Path, "/") {
				if segment == "." || segment == ".." || strings.ContainsAny(segment, "\\\x00\r\n") {
					t.Fatalf("asked for %q, the backend got %q", target, got)
				}
			}
		default:
			if res.StatusCode < 300 || res.StatusCode >= 500 {
				t.Fatalf("%q: got %d and no backend was asked", target, res.StatusCode)
			}
		}
	})
}

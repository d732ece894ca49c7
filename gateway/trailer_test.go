package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// TestTrailersOfRequestsPass sends bodies that are short, long, and of known length, over every pair of protocols.
func TestTrailersOfRequestsPass(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err, r.Trailer)
	}))
	backend.Config.Protocols = new(http.Protocols)
	backend.Config.Protocols.SetHTTP1(true)
	backend.Config.Protocols.SetUnencryptedHTTP2(true)
	backend.Start()
	t.Cleanup(backend.Close)
	for _, up := range []string{"http1", "http2"} {
		s := open(t, fmt.Sprintf(`{"version": 4, "use_h2c": true, "endpoints": [{"endpoint": "/s", "method": "POST", "output_encoding": "no-op",
			"input_headers": ["*"], "backend": [{"url_pattern": "/", "host": [%q], "extra_config": {"backend/http/client": {"http_version": %q}}}]}]}`, backend.URL, up))
		for _, down := range []string{"h1", "h2c"} {
			for _, size := range []int{0, 100, 300 << 10} {
				t.Run(fmt.Sprintf("%s to %s, %d bytes", down, up, size), func(t *testing.T) {
					body := &ending{Reader: io.MultiReader(bytes.NewReader(make([]byte, size)), strings.NewReader(""))}
					r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.addr+"/s", body)
					r.ContentLength = -1
					r.Trailer = http.Header{"X-Sum": nil, "X-Other": nil}
					body.end = func() { r.Trailer.Set("X-Sum", "42"); r.Trailer.Set("X-Other", "yes") }
					res, err := client(t, nil, down).Do(r)
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					got, _ := io.ReadAll(res.Body)
					if want := fmt.Sprint(size, " <nil> map[X-Other:[yes] X-Sum:[42]]"); string(got) != want {
						t.Errorf("the backend got %s, want %s", got, want)
					}
				})
			}
		}
	}
}

// ending is a body that tells when it ends.
type ending struct {
	io.Reader
	end func()
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		e.end()
	}
	return n, err
}

// TestTrailersOfAnswersPass has a backend send what gRPC sends: a head, a body, and trailers that nobody announced; or the
// trailers alone.
func TestTrailersOfAnswersPass(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		if n == 7 { // a length, and trailers nevertheless
			w.Header().Set("Trailer", "Grpc-Status, X-Twice")
			_, _ = w.Write(make([]byte, n))
		} else if n >= 0 {
			w.WriteHeader(200)
			_, _ = w.Write(make([]byte, n))
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		w.Header().Add(http.TrailerPrefix+"X-Twice", "a")
		w.Header().Add(http.TrailerPrefix+"X-Twice", "b")
	}))
	backend.Config.Protocols = new(http.Protocols)
	backend.Config.Protocols.SetHTTP1(true)
	backend.Config.Protocols.SetHTTP2(true)
	backend.Config.Protocols.SetUnencryptedHTTP2(true)
	backend.EnableHTTP2 = true
	secure := httptest.NewUnstartedServer(backend.Config.Handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	backend.Start()
	t.Cleanup(backend.Close)
	for _, up := range []struct{ name, version, url string }{{"http1", "http1", backend.URL}, {"h2c", "http2", backend.URL}, {"TLS", "http2", secure.URL}} {
		s := open(t, fmt.Sprintf(`{"version": 4, "use_h2c": true, "client_tls": {"dangerously_skip_tls_verify": true}, "endpoints": [{"endpoint": "/s", "output_encoding": "no-op",
			"input_query_strings": ["*"], "backend": [{"url_pattern": "/", "host": [%q], "extra_config": {"backend/http/client": {"http_version": %q}}}]}]}`, up.url, up.version))
		for _, down := range []string{"h1", "h2c"} {
			for _, size := range []int{-1, 0, 7, 100, 300 << 10} {
				t.Run(fmt.Sprintf("%s from %s, %d bytes", down, up.name, size), func(t *testing.T) {
					res, err := client(t, nil, down).Get(fmt.Sprintf("http://%s/s?n=%d", s.addr, size))
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					got, err := io.ReadAll(res.Body)
					if err != nil || len(got) != max(size, 0) {
						t.Errorf("got %d bytes (%v), want %d", len(got), err, size)
					}
					if want := "map[Grpc-Status:[0] X-Twice:[a b]]"; fmt.Sprint(res.Trailer) != want {
						t.Errorf("got the trailers %v, want %s", res.Trailer, want)
					}
				})
			}
		}
	}
}

package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

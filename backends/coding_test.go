package backends

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"gatehouse/internal/outbound"
)

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

func brotlied(text string) []byte {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

func zstded(t *testing.T, text string) []byte {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll([]byte(text), nil)
}

func TestCodingsOfAnswers(t *testing.T) {
	large := `{"a":"` + strings.Repeat("x", 11<<20) + `"}`
	for _, row := range []struct {
		name, coding string
		status       int
		body         []byte
		want         string
	}{
		{"gzip", "gzip", 200, gzipped(`{"a":1}`), `200 {"a":1}`},
		{"brotli", "br", 200, brotlied(`{"a":1}`), `200 {"a":1}`},
		{"zstd", "zstd", 200, zstded(t, `{"a":1}`), `200 {"a":1}`},
		{"two on top of each other", "gzip, br", 200, brotlied(string(gzipped(`{"a":1}`))), `200 {"a":1}`},
		{"none in so many words", "identity", 200, []byte(`{"a":1}`), `200 {"a":1}`},
		{"one that we do not know", "lzma", 200, []byte(`{"a":1}`), `error: upstream_bad_body: …`},
		{"one that it is not", "gzip", 200, []byte(`{"a":1}`), `error: upstream_bad_response: …`},
		{"cut short", "gzip", 200, gzipped(`{"a":1}`)[:15], `error: upstream_bad_response: …`},
		{"more than may be", "gzip", 200, gzipped(large), `error: upstream_too_large: …`},
		{"a failure of an unknown one is that failure", "lzma", 503, []byte(`x`), `error: upstream_status: …`},
	} {
		r := newRig(t)
		r.serve("origin.test:80", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", row.coding)
			w.WriteHeader(row.status)
			_, _ = w.Write(row.body)
		})
		got := said(r.backend(Config{URLPattern: "/", SuccessStatus: Statuses("200")})(t.Context(), &Request{Method: "GET"}))
		if want, open := strings.CutSuffix(row.want, "…"); got != row.want && !(open && strings.HasPrefix(got, want)) {
			t.Errorf("%s: got %.200s, want %s", row.name, got, row.want)
		}
	}
}

func TestAcceptedCodings(t *testing.T) {
	yes := true
	for _, row := range []struct {
		name   string
		cfg    Config
		client string
		want   string
	}{
		{"those that we read", Config{}, "", "gzip, zstd, br, deflate"},
		{"whatever the client reads", Config{}, "exi", "gzip, zstd, br, deflate"},
		{"none where the file says so", Config{DisableCompression: &yes}, "", ""},
		{"nor of the client's", Config{DisableCompression: &yes}, "br", "identity"},
		{"the client's for a stream", Config{Encoding: "no-op"}, "br", "br"},
		{"nothing of ours for a stream", Config{Encoding: "no-op"}, "", ""},
	} {
		r := newRig(t)
		var got []string
		r.serve("origin.test:80", func(w http.ResponseWriter, req *http.Request) {
			got = req.Header.Values("Accept-Encoding")
			_, _ = w.Write([]byte(`{}`))
		})
		req := &Request{Method: "GET"}
		if row.client != "" {
			req.Header = append(req.Header, outbound.Field{Name: "Accept-Encoding", Value: row.client})
		}
		row.cfg.URLPattern = "/"
		said(r.backend(row.cfg)(t.Context(), req))
		if strings.Join(got, "|") != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

package endpoints

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func compiled(t testing.TB, cfg CompressionConfig) *compression {
	t.Helper()
	c, err := newCompression(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompressionChoice(t *testing.T) {
	c := compiled(t, CompressionConfig{})
	for _, row := range []struct{ name, accept, want string }{
		{"nothing asked for", "", ""},
		{"gzip", "gzip", "gzip"},
		{"gzip by its old name", "x-gzip", "gzip"},
		{"all that browsers say", "gzip, deflate, br, zstd", "zstd"},
		{"without zstd", "gzip, deflate, br", "br"},
		{"in any case of letters", "GZIP", "gzip"},
		{"the better liked", "gzip;q=1.0, br;q=0.8", "gzip"},
		{"anything", "*", "zstd"},
		{"anything but ours", "*;q=0.5, zstd;q=0, br;q=0", "gzip"},
		{"none", "gzip;q=0", ""},
		{"none at all", "*;q=0", ""},
		{"rather not", "identity, gzip;q=0.5", ""},
		{"what we have not", "deflate, compress", ""},
		{"a weight that is none", "gzip;q=yes", ""},
		{"a weight over one", "gzip;q=2", ""},
		{"white space", "\tgzip ; q=0.3 ,br;q=0.2", "gzip"},
		{"an empty list", " , ", ""},
	} {
		r := &http.Request{Method: "GET", Header: http.Header{}}
		if row.accept != "" {
			r.Header.Set("Accept-Encoding", row.accept)
		}
		if got := c.choose(r, http.Header{}, 5000); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestCompressionLeavesAlone(t *testing.T) {
	c := compiled(t, CompressionConfig{})
	for _, row := range []struct {
		name, method string
		header       http.Header
		size         int
		want         string
	}{
		{"a large answer", "POST", http.Header{}, 1024, "gzip"},
		{"a small answer", "GET", http.Header{}, 1023, ""},
		{"HEAD, which says what GET would", "HEAD", http.Header{}, 5000, "gzip"},
		{"what is compressed", "GET", http.Header{"Content-Encoding": {"br"}}, 5000, ""},
		{"what must not be transformed", "GET", http.Header{"Cache-Control": {"private, No-Transform"}}, 5000, ""},
	} {
		r := &http.Request{Method: row.method, Header: http.Header{"Accept-Encoding": {"gzip"}}}
		if got := c.choose(r, row.header, row.size); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestCompressionTypes(t *testing.T) {
	c := compiled(t, CompressionConfig{})
	for contentType, want := range map[string]bool{
		typeJSON: true, typeXML: true, typeYAML: true, typeText: true, "text/csv": true, "application/problem+json": true, "APPLICATION/JSON": true,
		"image/png": false, "application/jsonx": false, "textual/x": false, "": false, "application/x+jsonx": false,
	} {
		if c.covers(contentType) != want {
			t.Errorf("%q: got %v", contentType, !want)
		}
	}
	var off *compression
	if off.covers(typeJSON) {
		t.Error("no compression covers something")
	}
}

func TestCompressionConfig(t *testing.T) {
	small, yes := 10, true
	service := &CompressionConfig{Types: []string{"text/*"}, MinSize: &small}
	own := (&CompressionConfig{Encodings: []string{"gzip"}}).inherit(service)
	if c := compiled(t, *own); c.min != 10 || c.types[0] != "text/*" || c.codings[0] != "gzip" {
		t.Errorf("an endpoint inherits field by field: %+v", c)
	}
	if c := compiled(t, *(&CompressionConfig{Disabled: &yes}).inherit(service)); c != nil {
		t.Error("disabled compresses")
	}
	if (*CompressionConfig)(nil).inherit(service) != service {
		t.Error("an endpoint without a word has not the service's")
	}
	minus := -1
	for _, row := range []struct {
		cfg  CompressionConfig
		want string
	}{
		{CompressionConfig{Types: []string{"json"}}, `types[0]: got "json", want a media type, a family (text/*) or an end (*+json)`},
		{CompressionConfig{Types: []string{"*+a/b"}}, `types[0]: got "*+a/b", want a media type, a family (text/*) or an end (*+json)`},
		{CompressionConfig{MinSize: &minus}, `min_size: got -1, want 0 or more`},
		{CompressionConfig{Encodings: []string{}}, `encodings: is empty, want zstd, br or gzip (or disabled: true)`},
	} {
		if _, err := newCompression(&row.cfg); err == nil || err.Error() != row.want {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}

func TestCompressedBodies(t *testing.T) {
	c := compiled(t, CompressionConfig{})
	text := []byte(strings.Repeat(`{"id":1,"name":"Ann"},`, 500))
	open := map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"br":   func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		"zstd": func(r io.Reader) (io.Reader, error) {
			return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		},
	}
	for _, coding := range []string{"gzip", "br", "zstd", "gzip", "br", "zstd"} {
		small, ok := c.body([]byte{}, text, coding)
		if !ok || len(small) > len(text)/10 {
			t.Fatalf("%s: %d bytes of %d", coding, len(small), len(text))
		}
		r, err := open[coding](bytes.NewReader(small))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, text) {
			t.Errorf("%s: %v", coding, err)
		}
		if _, ok := c.body([]byte{}, []byte("x"), coding); ok {
			t.Errorf("%s: one byte is no smaller", coding)
		}
	}
}

func BenchmarkCompress(b *testing.B) {
	c := compiled(b, CompressionConfig{})
	var text []byte
	for i := range 400 {
		text = append(text, `{"id":`+strings.Repeat(string(rune('0'+i%10)), 3)+`,"name":"Ann Example","mail":"ann`+string(rune('a'+i%26))+`@example.test"},`...)
	}
	for _, coding := range []string{"gzip", "br", "zstd"} {
		b.Run(coding, func(b *testing.B) {
			var out []byte
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				out, _ = c.body(out[:0], text, coding)
			}
			b.ReportMetric(float64(len(out))/float64(len(text)), "ratio")
		})
	}
}

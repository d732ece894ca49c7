package endpoints

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// rendering is an endpoint that only writes answers.
func rendering(t testing.TB, cfg Config, v Voice) *Endpoint {
	t.Helper()
	e := &Endpoint{}
	e.compileRender(cfg, Env{Voice: v}, func(err error, path ...any) {
		if err != nil {
			t.Fatal(path, err)
		}
	})
	return e
}

func answer(t testing.TB, text string) *backends.Response {
	t.Helper()
	res := backends.NewResponse()
	res.Status, res.Complete = 200, true
	if err := res.Body.Parse([]byte(text), 1); err != nil {
		t.Fatal(err)
	}
	return res
}

func TestRender(t *testing.T) {
	four := Voice{Completed: "X-Gateway-Completed"}
	three := Voice{Completed: "X-Krakend-Completed", Version: "Version 1", KrakenD: true}
	ttl := conf.Duration(time.Minute)
	large := `{"a":"` + strings.Repeat("hello ", 500) + `"}`
	no := false
	for _, row := range []struct {
		name    string
		voice   Voice
		cfg     Config
		body    string
		header  []outbound.Field
		change  func(*backends.Response)
		accept  http.Header
		status  int
		want    map[string]string // "": no such header
		written string
	}{
		{name: "JSON", voice: four, cfg: Config{OutputEncoding: "json"}, body: `{"a":1}`, status: 200, written: `{"a":1}`,
			want: map[string]string{"Content-Type": typeJSON, "Content-Length": "7", "X-Gateway-Completed": "true", "Vary": "", "Cache-Control": "", "X-Krakend": ""}},
		{name: "an empty object is complete in version 4", voice: four, cfg: Config{OutputEncoding: "json"}, body: `{}`, status: 200, written: `{}`,
			want: map[string]string{"X-Gateway-Completed": "true"}},
		{name: "and is not in version 3", voice: three, cfg: Config{OutputEncoding: "json"}, body: `{}`, status: 200, written: `{}`,
			want: map[string]string{"X-Krakend-Completed": "false", "X-Krakend": "Version 1"}},
		{name: "nor is null", voice: three, cfg: Config{OutputEncoding: "json"}, body: `null`, status: 200, written: `null`,
			want: map[string]string{"X-Krakend-Completed": "false"}},
		{name: "a single success keeps its status", voice: four, cfg: Config{OutputEncoding: "json"}, body: `{}`, status: 201, written: `{}`,
			change: func(r *backends.Response) { r.Status = 201 }},
		{name: "or becomes 200", voice: three, cfg: Config{OutputEncoding: "json", PassStatus: &no}, body: `{}`, status: 200, written: `{}`,
			change: func(r *backends.Response) { r.Status = 201 }},
		{name: "no content has none", voice: four, cfg: Config{OutputEncoding: "xml"}, body: `{}`, status: 204,
			change: func(r *backends.Response) { r.Status, r.Empty = 204, true }, want: map[string]string{"Content-Type": "", "Content-Length": "", "X-Gateway-Completed": "true"}},
		{name: "caches are told", voice: four, cfg: Config{OutputEncoding: "json", CacheTTL: &ttl}, body: `{}`, status: 200, written: `{}`,
			want: map[string]string{"Cache-Control": "public, max-age=60", "Vary": ""}},
		{name: "but not to keep half an answer", voice: four, cfg: Config{OutputEncoding: "json", CacheTTL: &ttl}, body: `{}`, status: 200, written: `{}`,
			change: func(r *backends.Response) { r.Complete = false }, want: map[string]string{"Cache-Control": "", "X-Gateway-Completed": "false"}},
		{name: "Vary is added to what backends say", voice: four, cfg: Config{OutputEncoding: "negotiate", OutputHeaders: []string{"Vary"}}, body: `{}`, status: 200, written: `{}`,
			header: []outbound.Field{{Name: "Vary", Value: "X-A"}}, want: map[string]string{"Vary": "X-A|Accept"}},
		{name: "compressed", voice: four, cfg: Config{OutputEncoding: "json", OutputHeaders: []string{"*"}, Compression: &CompressionConfig{}, CacheTTL: &ttl}, body: large, status: 200, written: "*",
			accept: http.Header{"Accept-Encoding": {"gzip"}}, header: []outbound.Field{{Name: "ETag", Value: `"1"`}},
			want: map[string]string{"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Etag": `W/"1"`, "Content-Type": typeJSON}},
		{name: "a weak tag stays", voice: four, cfg: Config{OutputEncoding: "json", OutputHeaders: []string{"*"}, Compression: &CompressionConfig{}}, body: large, status: 200, written: "*",
			accept: http.Header{"Accept-Encoding": {"gzip"}}, header: []outbound.Field{{Name: "ETag", Value: `W/"1"`}}, want: map[string]string{"Content-Encoding": "gzip", "Etag": `W/"1"`}},
		{name: "a part of a thing is not compressed", voice: four, cfg: Config{OutputEncoding: "json", Compression: &CompressionConfig{}}, body: large, status: 206, written: large,
			accept: http.Header{"Accept-Encoding": {"gzip"}}, change: func(r *backends.Response) { r.Status = 206 }, want: map[string]string{"Content-Encoding": "", "Vary": ""}},
		{name: "nor what a backend forbids to transform", voice: four, cfg: Config{OutputEncoding: "json", OutputHeaders: []string{"Cache-Control"}, Compression: &CompressionConfig{}}, body: large, status: 200, written: large,
			accept: http.Header{"Accept-Encoding": {"gzip"}}, header: []outbound.Field{{Name: "Cache-Control", Value: "no-transform"}}, want: map[string]string{"Content-Encoding": "", "Vary": "Accept-Encoding"}},
	} {
		e := rendering(t, row.cfg, row.voice)
		res := answer(t, row.body)
		res.Header = row.header
		if row.change != nil {
			row.change(res)
		}
		w, r := httptest.NewRecorder(), &http.Request{Method: "GET", Header: row.accept}
		x := &Exchange{Parts: 1}
		if err := e.render(e, x, w, r, res); err != nil {
			t.Fatal(err)
		}
		if w.Code != row.status || x.Status != row.status {
			t.Errorf("%s: status %d, %d in the log, want %d", row.name, w.Code, x.Status, row.status)
		}
		if got := w.Body.String(); row.written != "*" && got != row.written || int64(len(got)) != x.Bytes {
			t.Errorf("%s: got %.100q (%d bytes in the log), want %.100q", row.name, got, x.Bytes, row.written)
		}
		for name, want := range row.want {
			if got := strings.Join(w.Header()[name], "|"); got != want {
				t.Errorf("%s: %s: got %q, want %q", row.name, name, got, want)
			}
		}
	}
}

// discard is a writer for benchmarks.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func BenchmarkRender(b *testing.B) {
	large := `{"a":[` + strings.TrimSuffix(strings.Repeat(`{"id":1234,"name":"Ann Example"},`, 100), ",") + `]}`
	for _, row := range []struct {
		name string
		cfg  Config
		text string
	}{
		{"json", Config{OutputEncoding: "json"}, `{"id":7,"name":"Ann"}`},
		{"json/headers", Config{OutputEncoding: "json", OutputHeaders: []string{"ETag"}}, `{"id":7,"name":"Ann"}`},
		{"negotiate", Config{OutputEncoding: "negotiate"}, `{"id":7,"name":"Ann"}`},
		{"gzip", Config{OutputEncoding: "json", Compression: &CompressionConfig{}}, large},
	} {
		b.Run(row.name, func(b *testing.B) {
			e := rendering(b, row.cfg, Voice{Completed: "X-Gateway-Completed"})
			res := answer(b, row.text)
			res.Header = []outbound.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "ETag", Value: `"1"`}, {Name: "Date", Value: "x"}}
			w, r := &discard{http.Header{}}, &http.Request{Method: "GET", Header: http.Header{"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}}}
			x := &Exchange{Parts: 1}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				if err := e.render(e, x, w, r, res); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

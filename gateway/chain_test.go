package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"gatehouse/backends"
	"gatehouse/gateway"
	"gatehouse/internal/outbound"
)

// TestAnyChain builds endpoints of random backends, encodings, shapes and answers. Whatever comes together: nothing
// panics, what is said is of the format that it says it is, the same question has the same answer, and nothing runs on
// afterwards (goleak).
func TestAnyChain(t *testing.T) {
	r := rand.New(rand.NewSource(42))
	world := newPipes(t)
	var log bytes.Buffer
	shared := newShared(slog.New(slog.NewTextHandler(&log, nil)))
	shared.Hosts.Close()
	shared.Hosts = backends.NewHosts(outbound.Options{Dial: world.dial}, shared.Log)
	defer closeShared(shared)
	answered := map[int]int{}
	for range 250 {
		file := anyFile(r)
		cfg, doc, err := gateway.Parse("gateway.json", file, nil)
		if err != nil {
			t.Fatalf("%s\n%s", places(doc, err), file)
		}
		g, err := gateway.New(cfg, shared)
		if err != nil {
			t.Fatalf("%s\n%s", places(doc, err), file)
		}
		g.Start()
		client := r.Intn(4)
		first, again := question(g, client), question(g, client)
		answered[first.Code]++
		checkFormat(t, file, first)
		if first.Code == 200 && again.Code == 200 && !bytes.Equal(first.Body.Bytes(), again.Body.Bytes()) {
			t.Fatalf("%s\nand then\n%s\nof\n%s", first.Body, again.Body, file)
		}
		if strings.Contains(log.String(), "msg=panic") {
			t.Fatalf("%s\n%s", file, log.String())
		}
		log.Reset()
		g.Close()
	}
	if answered[200] < 100 {
		t.Errorf("answers by status: %v; too few are 200 for this to hold anything", answered)
	}
}

// question is one request of some client.
func question(h http.Handler, kind int) *httptest.ResponseRecorder {
	req := httptest.NewRequest([]string{"GET", "GET", "GET", "HEAD"}[kind], "/a", nil)
	req.Header.Set("Accept", []string{"*/*", "application/xml", "text/yaml", ""}[kind])
	req.Header.Set("Accept-Encoding", []string{"gzip", "", "gzip;q=0.1", "gzip"}[kind])
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// checkFormat reads a body by its Content-Type.
func checkFormat(t *testing.T, file []byte, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(z)
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
	} else if length := w.Header().Get("Content-Length"); length != fmt.Sprint(len(body)) && len(body) > 0 {
		t.Fatalf("Content-Length %s, but %d bytes, of\n%s", length, len(body), file)
	}
	if len(body) == 0 {
		return
	}
	var err error
	switch kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";"); kind {
	case "application/json":
		if !json.Valid(body) {
			err = fmt.Errorf("no JSON")
		}
	case "application/xml":
		err = xml.Unmarshal(body, new(struct {
			Inner string `xml:",innerxml"`
		}))
	case "application/yaml":
		err = yaml.Unmarshal(body, new(yaml.Node))
	case "text/plain":
	default:
		err = fmt.Errorf("content type %q", kind)
	}
	if err != nil {
		t.Fatalf("%v: %d %.300q of\n%s", err, w.Code, body, file)
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.Intn(len(list))] }

// anyFile is a configuration with one endpoint.
func anyFile(r *rand.Rand) []byte {
	type object = map[string]any
	var list []object
	version := pick(r, 3, 4, 4)
	for i := range 1 + r.Intn(3) {
		b := object{"host": []string{"http://up.test"}, "url_pattern": fmt.Sprintf("/%d/%d", i, r.Intn(20)),
			"encoding": pick(r, "json", "safejson", "string", "xml", "rss", "yaml", "auto", "json", "auto")}
		maybe := func(key string, value any) {
			if r.Intn(4) == 0 {
				b[key] = value
			}
		}
		maybe("is_collection", true)
		maybe("target", pick(r, "a", "a.b", "r"))
		maybe("group", pick(r, "g", "a", "x.y"))
		maybe("allow", []string{pick(r, "a", "r.b", "collection")})
		maybe("deny", []string{"a.b", "z", "content", "collection"})
		maybe("mapping", object{"a": "b", "b": "a"})
		if r.Intn(4) == 0 {
			b["extra_config"] = object{"proxy": object{"flatmap_filter": []object{{"type": "move", "args": []string{"a.*.b", "a.*.c"}}, {"type": "del", "args": []string{"*.b", "r"}},
				{"type": "append", "args": []string{"collection", "a"}}}}}
		}
		if version == 4 { // which refuses what does nothing
			if b["extra_config"] != nil {
				delete(b, "allow")
				delete(b, "mapping")
			}
			if b["extra_config"] != nil || b["allow"] != nil {
				delete(b, "deny")
			}
		}
		list = append(list, b)
	}
	e := object{"endpoint": "/a", "backend": list, "output_encoding": pick(r, "json", "json-collection", "string", "xml", "yaml", "negotiate"),
		"merge": pick(r, "shallow", "deep", "error"), "compression": object{"min_size": 1, "encodings": []string{"gzip"}}, "output_headers": []string{"*"}}
	if r.Intn(3) == 0 {
		e["concurrent_calls"] = 2
	}
	if r.Intn(2) == 0 {
		extra := object{}
		extra["sequential"] = r.Intn(2) == 0
		extra["static"] = object{"data": object{"s": 1, "a": "static"}, "strategy": pick(r, "always", "errored", "incomplete")}
		if len(list) > 1 {
			extra["flatmap_filter"] = []object{{"type": "move", "args": []string{"a", "b"}}}
		}
		e["extra_config"] = object{"proxy": extra}
	}
	file, err := json.Marshal(object{"version": version, "endpoints": []any{e}})
	if err != nil {
		panic(err)
	}
	return file
}

// pipes is an upstream without sockets. What it says depends on the path alone.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes(t *testing.T) *pipes {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(p.answer), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	ended := make(chan struct{})
	go func() {
		_ = server.Serve(p)
		close(ended)
	}()
	t.Cleanup(func() {
		close(p.done)
		_ = server.Close()
		<-ended
	})
	return p
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr make a listener of it.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

func (p *pipes) answer(w http.ResponseWriter, r *http.Request) {
	seed := int64(0)
	for _, c := range r.URL.Path {
		seed = seed*31 + int64(c)
	}
	say := rand.New(rand.NewSource(seed))
	kinds := []string{"application/json", "application/xml", "application/yaml", "application/rss+xml", "text/plain", "image/png", ""}
	bodies := []string{`{"a":{"b":1.0},"r":"x","collection":[1]}`, `{"a":[{"b":1},{"b":2}],"b":{},"\u0061":[]}`, `[1,{"a":null}]`, `null`, `"text"`, `{}`, ``, `{"a":`,
		`<r><a b="c">d</a><a/></r>`, `<a><b>1</b></a>`, `<r>`, "a:\n  b: 0x1F\nr: [x, 'y']\n", "- 1\n", "a: *x",
		`<rss version="2.0"><channel><title>T</title><item><title>I</title></item></channel></rss>`, strings.Repeat("text ", 50)}
	body := []byte(pick(say, bodies...))
	header := w.Header()
	if kind := pick(say, kinds...); kind != "" {
		header.Set("Content-Type", kind)
	}
	header.Set("ETag", `"1"`)
	if say.Intn(3) == 0 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		body = b.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	status := pick(say, 200, 200, 200, 200, 200, 201, 204, 301, 404, 503)
	w.WriteHeader(status)
	if status != 204 {
		_, _ = w.Write(body)
	}
	if say.Intn(10) == 0 {
		panic(http.ErrAbortHandler)
	}
}

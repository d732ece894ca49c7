package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"gatehouse/backends"
	"gatehouse/gateway"
	"gatehouse/internal/outbound"
)

const (
	largeAnswer = 10 << 20    // the default of max_response_size
	mostGrown   = 100_000_000 // bytes that one answer may cost, its own among them
)

// TestLargeAnswers has backends send all that they may, made to cost the most or as ordinary services have it, and watches
// by how much the heap grows while the gateway makes an answer of it: live objects and garbage that is not collected yet,
// at the collector's usual pace, above what was live before.
func TestLargeAnswers(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has memory of its own, and takes its time")
	}
	rows, answers := largeRows(), largeAnswers(t)
	for _, row := range rows {
		for name := range strings.FieldsSeq(row.answers) {
			if answers[name] == nil {
				t.Errorf("%s: no answer is called %s", row.name, name)
			}
		}
	}
	for name, make := range answers {
		sent := map[string][]byte{"small": said("200 OK", "", []byte(`{"small":{"x":1}}`)), name: make()}
		for _, row := range rows {
			if slices.Contains(strings.Fields(row.answers), name) {
				t.Run(row.name+"/"+name, func(t *testing.T) { row.ask(t, name, sent) })
			}
		}
	}
}

// ask has an endpoint answer with what a backend sends, or takes that as the body of the request.
func (row *largeRow) ask(t *testing.T, name string, sent map[string][]byte) {
	method := http.MethodGet
	if row.posted {
		method = http.MethodPost
	}
	g := largeGateway(t, fmt.Sprintf(`{"version": 4, "timeout": "60s", "host": ["http://127.0.0.1:1"],
		"extra_config": {"router": {"disable_access_log": true}}, "endpoints": [{"endpoint": "/", "method": %q, %s}]}`,
		method, strings.ReplaceAll(row.endpoint, "ANSWER", name)), sent)
	_, body, _ := bytes.Cut(sent[name], []byte("\r\n\r\n"))
	w, grown := &sink{header: http.Header{}}, uint64(math.MaxUint64)
	for try := 0; try < 3 && grown > row.most(); try++ { // where others keep the collector waiting it may come too late once
		clear(w.header)
		r := benchRequest(t, "/", "")
		if r.Method = method; row.posted {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		}
		begun, allocated := time.Now(), uint64(0)
		grown, allocated = growth(func() { g.ServeHTTP(w, r) })
		t.Logf("%4d MB, %4d MB allocated, status %d, %v", grown/1e6, allocated/1e6, w.status, time.Since(begun).Round(time.Millisecond))
	}
	if name == "records" && w.status != http.StatusOK && !row.refuses {
		t.Errorf("what is usual got %d, want it answered", w.status)
	}
	if grown > row.most() {
		t.Errorf("the heap has grown by %d MB, want %d at most", grown/1e6, row.most()/1e6)
	}
}

// growth is by how much the heap grows while f runs, and all that f allocates.
func growth(f func()) (grown, allocated uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	runtime.GC()
	runtime.GC() // what pools have kept until now is gone
	metrics.Read(sample)
	before, made := sample[0].Value.Uint64(), sample[1].Value.Uint64()
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		own := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		peak := before
		for {
			metrics.Read(own)
			peak = max(peak, own[0].Value.Uint64())
			select {
			case <-stop:
				done <- peak
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	f()
	close(stop)
	peak := <-done
	metrics.Read(sample)
	return peak - before, sample[1].Value.Uint64() - made
}

// largeRow is an endpoint, and the answers that it gets.
type largeRow struct {
	name, answers, endpoint string
	refuses                 bool // also what is usual
	answer                  int  // how many of them at once; 0: one
	posted                  bool // it gets them as bodies of requests: what it may take for them is more, since clients have other limits
}

// most is by how many bytes the heap may grow.
func (row *largeRow) most() uint64 {
	if row.posted {
		return 2 * mostGrown
	}
	return uint64(max(1, row.answer)) * mostGrown
}

func largeRows() []largeRow {
	backend := func(fields string) string { return `"backend": [{"url_pattern": "/ANSWER"` + fields + `}]` }
	extra := func(fields string) string { return backend(`, "extra_config": {` + fields + `}`) }
	whole := func(fields string) string { return backend("") + `, "extra_config": {` + fields + `}` }
	lua := func(script string) string { return extra(`"modifier/lua-backend": {"post": "` + script + `"}`) }
	with := func(fields string) string {
		return `"backend": [{"url_pattern": "/ANSWER"}, {"url_pattern": "/small"}], "extra_config": {"proxy": {` + fields + `}}`
	}
	return []largeRow{
		{name: "json", endpoint: backend(""), answers: "records values members_all controls one_string records_chunked records_gzip"},
		{name: "bomb", endpoint: backend(""), answers: "gzip_bomb deflate_bomb br_bomb zstd_bomb zstd_window gzip_br_bomb br_gzip_bomb"},
		{name: "group and mapping", endpoint: backend(`, "group": "g", "mapping": {"a": "b"}`), answers: "records members"},
		{name: "allow", endpoint: backend(`, "allow": ["a.k1", "k1"]`), answers: "values members"},
		{name: "deny", endpoint: backend(`, "deny": ["a.k1", "k1"]`), answers: "values members"},
		{name: "target", endpoint: backend(`, "target": "a"`), answers: "values"},
		{name: "flatmap", endpoint: extra(`"proxy": {"flatmap_filter": [{"type": "del", "args": ["a.*.id"]}, {"type": "move", "args": ["a.*.a", "a.*.b.c"]}]}`), answers: "records values objects"},
		{name: "collection", endpoint: backend(`, "is_collection": true, "mapping": {"collection": "c"}`), answers: "list list_values"},
		{name: "safejson", endpoint: backend(`, "encoding": "safejson"`), answers: "records list_values"},
		{name: "string", endpoint: backend(`, "encoding": "string"`), answers: "text controls_text"},
		{name: "as string", endpoint: backend("") + `, "output_encoding": "string"`, answers: "content"},
		{name: "as collection", endpoint: backend(`, "is_collection": true`) + `, "output_encoding": "json-collection"`, answers: "list_values"},
		{name: "as xml", endpoint: backend("") + `, "output_encoding": "xml"`, answers: "records values"},
		{name: "as yaml", endpoint: backend("") + `, "output_encoding": "yaml"`, answers: "records values"},
		{name: "negotiate", endpoint: backend("") + `, "output_encoding": "negotiate"`, answers: "records"},
		{name: "xml", endpoint: backend(`, "encoding": "xml"`), answers: "xml_records xml_most xml_attributes xml_text xml_names"},
		{name: "rss", endpoint: backend(`, "encoding": "rss"`), answers: "rss_most rss_empty"},
		{name: "yaml", endpoint: backend(`, "encoding": "yaml"`), answers: "yaml_over yaml_records yaml_flow yaml_aliases values"},
		{name: "graphql", endpoint: extra(`"backend/graphql": {"type": "query", "query": "{ a }"}`), answers: "records"},
		{name: "martian", endpoint: extra(`"modifier/martian": {"body.Modifier": {"scope": ["response"], "body": "eyJhIjoxfQ=="}}`), answers: "records"},
		{name: "http-cache", endpoint: extra(`"qos/http-cache": {}`), answers: "values records_chunked"},
		{name: "error details", endpoint: extra(`"backend/http": {"return_error_details": "x"}`), answers: "failure failure_controls"},
		{name: "error code", endpoint: extra(`"backend/http": {"return_error_code": true}`), answers: "failure"},
		{name: "compressed", endpoint: backend("") + `, "compression": {}`, answers: "records"},
		{name: "cel", endpoint: extra(`"validation/cel": [{"check_expr": "!has(resp_data.zz)"}]`), answers: "records values members"},
		{name: "cel that looks in", endpoint: extra(`"validation/cel": [{"check_expr": "!resp_data.a.exists(x, x.id < 0)"}]`), answers: "records values objects"},
		{name: "cel of the endpoint", endpoint: whole(`"validation/cel": [{"check_expr": "size(resp_data.a) > 0"}, {"check_expr": "resp_data.a.all(x, x.id < 9)"}]`), answers: "records objects", refuses: true},
		{name: "lua header", endpoint: lua("response.load():headers('X-A', 'b')"), answers: "records"},
		{name: "lua data", endpoint: lua("response.load():data():get('a')"), answers: "records strings"},
		{name: "lua set", endpoint: lua("local d = response.load():data(); local l = d:get('a'); d:set('zz', 1)"), answers: "values members strings"},
		{name: "lua list", endpoint: lua("local l = response.load():data():get('a'); local t = {}; for i = 0, l:len() - 1 do t[i] = l:get(i) end"), answers: "records values objects strings"},
		{name: "lua copies", endpoint: lua("local d = response.load():data(); local l = luaList.new(); for i = 0, 9 do l:set(i, json.unmarshal(json.marshal(d))) end"), answers: "values", refuses: true},
		{name: "lua of the endpoint", endpoint: whole(`"modifier/lua-proxy": {"post": "response.load():data():set('zz', 1)"}`), answers: "records values members"},
		{name: "sequence", endpoint: `"backend": [{"url_pattern": "/ANSWER", "group": "x"}, {"url_pattern": "/small?a={resp0_x.a}"}], "extra_config": {"proxy": {"sequential": true}}`, answers: "records members"},
		{name: "merge", endpoint: with(`"sequential": false`), answers: "values members"},
		{name: "deep merge", endpoint: with("") + `, "merge": "deep"`, answers: "values members"},
		{name: "flatmap of a merge", endpoint: with(`"flatmap_filter": [{"type": "del", "args": ["a.*.id"]}]`), answers: "records values members"},
		{name: "three at once", endpoint: `"backend": [{"url_pattern": "/ANSWER", "group": "a"}, {"url_pattern": "/ANSWER"}, {"url_pattern": "/ANSWER", "deny": ["k1", "a.b"]}]`, answers: "values members", answer: 3},
		{name: "schema", endpoint: whole(`"validation/json-schema": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"}}}}`), answers: "records strings", posted: true},
	}
}

// full is a text of the size that an answer may have: opening, elements made by one for each number, closing.
func full(opening string, one func(b *bytes.Buffer, i int), between, closing string, most int) []byte {
	var b bytes.Buffer
	b.Grow(largeAnswer)
	b.WriteString(opening)
	for i := range most {
		mark := b.Len()
		if i > 0 {
			b.WriteString(between)
		}
		one(&b, i)
		if b.Len()+len(closing) > largeAnswer {
			b.Truncate(mark)
			break
		}
	}
	b.WriteString(closing)
	return b.Bytes()
}

func always(s string) func(*bytes.Buffer, int) {
	return func(b *bytes.Buffer, _ int) { b.WriteString(s) }
}

const (
	endless     = 1 << 30
	mostValues  = largeAnswer / 8  // as many as are looked into
	mostMembers = largeAnswer / 40 // as many as one object may have where it is looked into
)

// largeAnswers are whole answers, by the path under which a backend has them.
func largeAnswers(t *testing.T) map[string]func() []byte {
	t.Helper()
	record := func(b *bytes.Buffer, i int) {
		fmt.Fprintf(b, `{"id":%d,"name":"name %d","price":%d.5,"tags":["x","yy"],"note":null}`, i, i, i%100)
	}
	member := func(b *bytes.Buffer, i int) { fmt.Fprintf(b, `"k%x":1`, i) }
	// as many values as may be, and the text as long as it may be
	padded := func(opening, one, closing string, most int) []byte {
		return full(opening+`"`+strings.Repeat("x", largeAnswer-most*(len(one)+1)-len(opening)-len(closing)-8)+`",`, always(one), ",", closing, most)
	}
	texts := map[string]func() []byte{
		"records":     func() []byte { return full(`{"a":[`, record, ",", `]}`, endless) },
		"list":        func() []byte { return full(`[`, record, ",", `]`, endless) },
		"numbers":     func() []byte { return full(`{"a":[`, always("1"), ",", `]}`, endless) },
		"values":      func() []byte { return padded(`{"a":[`, `[]`, `]}`, mostValues-9) },
		"list_values": func() []byte { return padded(`[`, `{}`, `]`, mostValues-9) },
		"members":     func() []byte { return full(`{`, member, ",", `}`, mostMembers) },
		"members_all": func() []byte { return full(`{`, member, ",", `}`, endless) },
		"objects": func() []byte {
			return full(`{"a":[`, func(b *bytes.Buffer, i int) { b.WriteString(`{"a":1,"b":"x"}`) }, ",", `]}`, mostValues/3-9)
		},
		"strings": func() []byte {
			return full(`{"a":[`, func(b *bytes.Buffer, i int) { fmt.Fprintf(b, `"an entry & its number, \"%d\""`, i) }, ",", `]}`, endless)
		},
		"controls":      func() []byte { return full(`{"a":"`, always(`\u0001`), "", `"}`, endless) },
		"one_string":    func() []byte { return full(`{"a":"`, always(strings.Repeat("x", 1000)), "", `"}`, endless) },
		"content":       func() []byte { return full(`{"content":"`, always(`\u00e9`), "", `"}`, endless) },
		"text":          func() []byte { return full("", always(strings.Repeat("a line of words\n", 64)), "", "", endless) },
		"controls_text": func() []byte { return bytes.Repeat([]byte{1}, largeAnswer) },

		"xml_records": func() []byte {
			return full("<list>", func(b *bytes.Buffer, i int) {
				fmt.Fprintf(b, `<item id="%d"><name>name %d</name><price>%d.5</price></item>`, i, i, i%100)
			}, "", "</list>", endless)
		},
		"xml_names": func() []byte {
			return full("<a>", func(b *bytes.Buffer, i int) { fmt.Fprintf(b, "<n%x/>", i) }, "", "</a>", endless)
		},
		"xml_attributes": func() []byte {
			return full("<a", func(b *bytes.Buffer, i int) { fmt.Fprintf(b, ` b%x=""`, i) }, "", "/>", endless)
		},
		"xml_text": func() []byte { return full("<a>", always("&#1169;"), "", "</a>", endless) },
		"xml_most": func() []byte { // of elements
			return full("<a>", func(b *bytes.Buffer, i int) { fmt.Fprintf(b, "<b>text %d</b>", 1_000_000+i) }, "", "</a>", 520_000)
		},
		"rss_most": func() []byte { // of elements, too
			words := strings.Repeat("words &amp; words, ", 66)
			return full(`<rss version="2.0"><channel><title>t</title>`, func(b *bytes.Buffer, i int) {
				fmt.Fprintf(b, "<item><title>news %d</title><link>http://example.com/%d</link><description>%s</description></item>", i, i, words)
			}, "", "</channel></rss>", 7400)
		},
		"rss_empty": func() []byte {
			return full(`<rss version="2.0"><channel><title>t</title>`, always("<item/>"), "", "</channel></rss>", 29_000)
		},
		"yaml_over":    func() []byte { return full("a:\n", always("- 1\n"), "", "", endless) },
		"yaml_records": func() []byte { return full("a:\n", always("- id: 7\n  name: a name\n  price: 12.5\n"), "", "", 12_000) },
		"yaml_flow":    func() []byte { return full("a: [", always("[]"), ",", "]\n", 170_000) },
		"yaml_aliases": func() []byte {
			return full("a: &a ["+strings.Repeat("1,", 60)+"]\nb:\n", always("- *a\n"), "", "", 20_000)
		},
	}
	sent := map[string]func() []byte{
		"zstd_window":      func() []byte { return said("200 OK", "Content-Encoding: zstd\r\n", zstdWindow()) },
		"failure":          func() []byte { return said("500 Oh", "", texts["records"]()) },
		"failure_controls": func() []byte { return said("500 Oh", "", texts["controls_text"]()) },
		"records_chunked":  func() []byte { return chunked(texts["records"]()) },
		"records_gzip": func() []byte {
			return said("200 OK", "Content-Encoding: gzip\r\n", packed(t, "gzip", texts["records"]()))
		},
	}
	for name, text := range texts {
		sent[name] = func() []byte { return said("200 OK", "", text()) }
	}
	for _, codings := range []string{"gzip", "zstd", "br", "deflate", "gzip, br", "br, gzip"} {
		sent[strings.ReplaceAll(codings, ", ", "_")+"_bomb"] = func() []byte {
			return said("200 OK", "Content-Encoding: "+codings+"\r\n", bomb(t, strings.Split(codings, ", ")...))
		}
	}
	return sent
}

// bomb is some kilobytes that are gigabytes, in codings where something may follow what has ended, or many megabytes.
func bomb(t *testing.T, codings ...string) []byte {
	text := make([]byte, 32<<20)
	for _, coding := range codings {
		text = packed(t, coding, text)
		if coding == "gzip" || coding == "zstd" {
			text = bytes.Repeat(text, 64)
		}
	}
	return text
}

// zstdWindow is the beginning of a frame that wants a window of 2 GiB for what it repeats.
func zstdWindow() []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3}
	for range 8 << 10 { // each block is one byte, 128 KiB times
		block := uint32(128<<10)<<3 | 1<<1
		frame = append(frame, byte(block), byte(block>>8), byte(block>>16), 'x')
	}
	return frame
}

func packed(t *testing.T, coding string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w interface {
		Write(p []byte) (int, error)
		Close() error
	}
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "br":
		w = brotli.NewWriterLevel(&b, 2)
	case "zstd":
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	_, err := w.Write(text)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func said(status, fields string, text []byte) []byte {
	return append(fmt.Appendf(make([]byte, 0, len(text)+200), "HTTP/1.1 %s\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: max-age=600\r\n%sContent-Length: %d\r\n\r\n", status, fields, len(text)), text...)
}

func chunked(text []byte) []byte {
	out := []byte("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: max-age=600\r\nTransfer-Encoding: chunked\r\n\r\n")
	for len(text) > 0 {
		n := min(len(text), 8<<10)
		out = fmt.Appendf(out, "%x\r\n%s\r\n", n, text[:n])
		text = text[n:]
	}
	return append(out, "0\r\n\r\n"...)
}

// largeGateway has backends that answer by the path that they are asked for.
func largeGateway(t *testing.T, config string, sent map[string][]byte) *gateway.Gateway {
	t.Helper()
	cfg, doc, err := gateway.Parse("gateway.json", []byte(config), nil)
	if err != nil {
		t.Fatal(places(doc, err))
	}
	shared := newShared(slog.New(slog.DiscardHandler))
	shared.Hosts.Close()
	shared.Hosts = backends.NewHosts(outbound.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		return &library{sent: sent}, nil
	}}, shared.Log)
	g, err := gateway.New(cfg, shared)
	if err != nil {
		t.Fatal(places(doc, err))
	}
	t.Cleanup(func() {
		g.Close()
		closeShared(shared)
	})
	return g
}

// library is a connection to a backend.
type library struct {
	parrot
	sent map[string][]byte
	rest []byte
}

func (l *library) Write(b []byte) (int, error) {
	if _, target, ok := bytes.Cut(b, []byte(" /")); ok && l.rest == nil {
		end := bytes.IndexAny(target, " ?")
		l.rest = l.sent[string(target[:max(end, 0)])]
	}
	return len(b), nil
}

func (l *library) Read(b []byte) (int, error) {
	n := copy(b, l.rest)
	if l.rest = l.rest[n:]; len(l.rest) == 0 {
		l.rest = nil
	}
	return n, nil
}

package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// upstream serves a handler on loopback, HTTP/1 and HTTP/2 without TLS, until the test ends.
func upstream(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: handler, Protocols: p}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-ended })
	return "http://" + l.Addr().String()
}

// streaming serves one no-op endpoint "/s" of every method in front of a backend.
func streaming(t testing.TB, backend, service, endpoint string) *site {
	t.Helper()
	return open(t, streams(backend, service, endpoint))
}

// streams is its configuration.
func streams(backend, service, endpoint string) string {
	var list []string
	for _, method := range []string{"GET", "POST", "PUT"} {
		extra := endpoint
		if method != "GET" {
			extra = strings.ReplaceAll(extra, `, "websocket": true`, "")
		}
		list = append(list, fmt.Sprintf(`{"endpoint": "/s", "method": %q, "output_encoding": "no-op", "input_headers": ["*"]%s, "backend": [{"url_pattern": "/", "host": [%q]}]}`, method, extra, backend))
	}
	return fmt.Sprintf(`{"version": 4%s, "endpoints": [%s]}`, service, strings.Join(list, ","))
}

func client(t testing.TB, config *tls.Config, protocols ...string) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	for _, name := range protocols {
		p.SetHTTP1(p.HTTP1() || name == "h1")
		p.SetHTTP2(p.HTTP2() || name == "h2")
		p.SetUnencryptedHTTP2(p.UnencryptedHTTP2() || name == "h2c")
	}
	tr := &http.Transport{TLSClientConfig: config, Protocols: p, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// zeros is a body of n bytes that is never in memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

// volume is how much is moved where size matters; GATEHOUSE_VOLUME=1073741824 is a gibibyte.
func volume(t testing.TB) int64 {
	n := int64(64 << 20)
	if s := os.Getenv("GATEHOUSE_VOLUME"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		n = 16 << 20
	}
	return n
}

func TestStreamsOfAnySizeInFlatMemory(t *testing.T) {
	size := volume(t)
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			if r.URL.RawQuery == "known" {
				w.Header().Set("Content-Length", fmt.Sprint(size))
			}
			_, _ = io.Copy(w, &zeros{size})
			return
		}
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%d %d %x %v", r.ContentLength, n, sum.Sum(nil), err)
	})
	s := streaming(t, backend, `, "use_h2c": true`, `, "input_query_strings": ["*"]`)
	sum := sha256.New()
	_, _ = io.Copy(sum, &zeros{size})
	for _, protocol := range []string{"h1", "h2c"} {
		c := client(t, nil, protocol)
		for _, length := range []int64{size, -1} {
			t.Run(fmt.Sprintf("up over %s, length %d", protocol, length), func(t *testing.T) {
				flat(t, func() {
					r, _ := http.NewRequest("POST", "http://"+s.addr+"/s", &zeros{size})
					r.ContentLength = length
					res, err := c.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					got, _ := io.ReadAll(res.Body)
					if want := fmt.Sprintf("%d %d %x <nil>", length, size, sum.Sum(nil)); string(got) != want {
						t.Fatalf("the backend got %s, want %s", got, want)
					}
				})
			})
		}
		for _, kind := range []string{"known", "unknown"} {
			t.Run(fmt.Sprintf("down over %s, length %s", protocol, kind), func(t *testing.T) {
				flat(t, func() {
					res, err := c.Get("http://" + s.addr + "/s?" + kind)
					if err != nil {
						t.Fatal(err)
					}
					defer res.Body.Close()
					if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
						t.Fatalf("got %d bytes and %v, want %d", n, err, size)
					}
				})
			})
		}
	}
}

// flat fails if something keeps more than a few megabytes at a time: what the collector finds in use while it runs, again and
// again. Garbage is not counted, since how much of it waits is the collector's pace and not the stream's.
func flat(t *testing.T, do func()) {
	t.Helper()
	used := func() uint64 {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	used() // what pools have kept until now goes with the second collection
	before := used()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := before
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-tick.C:
				most = max(most, used())
			}
		}
	}()
	do()
	close(stop)
	most := <-peak
	t.Logf("%.1f MB before, %.1f MB more at most", float64(before)/1e6, float64(most-before)/1e6)
	if most > before+16<<20 { // net/http's HTTP/2 client alone may have 4 MiB on their way
		t.Errorf("the heap grew by %d MiB", (most-before)>>20)
	}
}

func TestEventsComeAsTheyAreSent(t *testing.T) {
	for _, row := range []struct{ name, contentType, length string }{
		{"server-sent events", "text/event-stream", ""}, {"chunks", "application/octet-stream", ""},
		{"events of known length", "text/event-stream; charset=utf-8", "15"}, {"a download that trickles", "application/octet-stream", "15"},
	} {
		for _, protocol := range []string{"h1", "h2c"} {
			t.Run(row.name+" over "+protocol, func(t *testing.T) {
				next := make(chan struct{})
				backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", row.contentType)
					if row.length != "" {
						w.Header().Set("Content-Length", row.length)
					}
					w.WriteHeader(200)
					w.(http.Flusher).Flush()
					for range 5 {
						<-next
						fmt.Fprint(w, "a\r\n")
						w.(http.Flusher).Flush()
					}
				})
				s := streaming(t, backend, `, "use_h2c": true`, "")
				res, err := client(t, nil, protocol).Get("http://" + s.addr + "/s") // the head comes before any event
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				lines := bufio.NewReader(res.Body)
				for range 5 {
					next <- struct{}{} // no event is sent before the one ahead of it was read here
					if line, err := lines.ReadString('\n'); line != "a\r\n" {
						t.Fatalf("got %q and %v", line, err)
					}
				}
			})
		}
	}
}

func TestBothWaysAtOnce(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			_, _ = w.Write(bytes.ToUpper(buf[:n]))
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	})
	s := streaming(t, backend, `, "use_h2c": true`, "")
	for _, protocol := range []string{"h1", "h2c"} {
		t.Run(protocol, func(t *testing.T) {
			body, in := io.Pipe()
			r, _ := http.NewRequest("POST", "http://"+s.addr+"/s", body)
			first := strings.Repeat("x", 70<<10) // more than is read before anybody is asked
			go func() { _, _ = io.WriteString(in, first) }()
			res, err := client(t, nil, protocol).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got := make([]byte, len(first))
			if _, err := io.ReadFull(res.Body, got); err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{"one", "two", "three"} {
				_, _ = io.WriteString(in, word)
				if _, err := io.ReadFull(res.Body, got[:len(word)]); err != nil || string(got[:len(word)]) != strings.ToUpper(word) {
					t.Fatalf("got %q and %v", got[:len(word)], err)
				}
			}
			in.Close()
			if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
				t.Fatalf("got %q and %v", rest, err)
			}
		})
	}
}

func TestTrailersAndHintsPass(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(103)
		w.Header().Set("Link", "</b.css>; rel=preload")
		w.WriteHeader(103)
		w.Header().Del("Link")
		w.WriteHeader(200)
		fmt.Fprint(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
	})
	s := streaming(t, backend, `, "use_h2c": true`, "")
	for _, protocol := range []string{"h1", "h2c"} {
		t.Run(protocol, func(t *testing.T) {
			var hints []string
			ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hints = append(hints, fmt.Sprint(code, h.Get("Link"), len(h)))
				return nil
			}})
			r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+s.addr+"/s", nil)
			res, err := client(t, nil, protocol).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if got, want := fmt.Sprint(hints, res.Header.Get("Link"), string(body), res.Trailer.Get("X-Sum")), "[103</a.css>; rel=preload1 103</b.css>; rel=preload1]body42"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestClientThatLeavesCancelsTheBackend(t *testing.T) {
	const head = "Host: a\r\n"
	long := strings.Repeat("x", 100<<10)
	for _, row := range []struct {
		name, request string
		half          bool
	}{
		{"without a body", "GET /s HTTP/1.1\r\n" + head + "\r\n", false},
		{"by closing one half", "GET /s HTTP/1.1\r\n" + head + "\r\n", true},
		{"after a small body", "POST /s HTTP/1.1\r\n" + head + "Content-Length: 5\r\n\r\nhello", false},
		{"after a body of 64 KiB", "POST /s HTTP/1.1\r\n" + head + "Content-Length: 65536\r\n\r\n" + long[:64<<10], false},
		{"after small chunks", "POST /s HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true},
		{"in the middle of an upload", "POST /s HTTP/1.1\r\n" + head + "Content-Length: 200000\r\n\r\n" + long, false},
		{"in the middle of chunks", "POST /s HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n19000\r\n" + long + "\r\n5\r\nhe", true},
	} {
		for _, answered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, answer begun %v", row.name, answered), func(t *testing.T) {
				arrived, left := make(chan struct{}), make(chan time.Time, 1)
				backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "PUT" {
						return
					}
					if answered {
						_ = http.NewResponseController(w).EnableFullDuplex()
						w.WriteHeader(200)
						fmt.Fprint(w, "begun")
						w.(http.Flusher).Flush()
					}
					buf := make([]byte, 32<<10)
					for n := 0; n < len(long) && !strings.HasPrefix(row.name, "after") && r.Method == "POST"; {
						m, err := r.Body.Read(buf)
						if n += m; err != nil {
							break
						}
					}
					close(arrived)
					_, _ = io.Copy(io.Discard, r.Body)
					<-r.Context().Done()
					left <- time.Now()
				})
				s := streaming(t, backend, "", `, "timeout": "1m"`)
				c := s.dial(t, nil)
				_, _ = io.WriteString(c, "PUT /s HTTP/1.1\r\n"+head+"Content-Length: 0\r\n\r\n") // the connection to the backend is there: who dials waits
				if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(c, row.request); err != nil {
					t.Fatal(err)
				}
				<-arrived
				if answered {
					if _, err := io.ReadAtLeast(c, make([]byte, 1000), 10); err != nil {
						t.Fatal(err)
					}
				}
				at := time.Now()
				if row.half {
					_ = c.(*net.TCPConn).CloseWrite()
				} else {
					c.Close()
				}
				select {
				case when := <-left:
					t.Logf("the backend heard of it after %v", when.Sub(at))
				case <-time.After(10 * time.Second):
					t.Fatal("the backend still works for nobody")
				}
				if row.half {
					rest, _ := io.ReadAll(c)
					if strings.Contains(string(rest), "200 OK") {
						t.Errorf("the client was told %q", rest)
					}
				}
			})
		}
	}
}

// TestNoStepForNobody: steps may be so short that nobody looks after the client while they are taken.
func TestNoStepForNobody(t *testing.T) {
	for _, row := range []struct{ name, endpoint string }{
		{"the next of a sequence", `"extra_config": {"proxy": {"sequential": true}}, "backend": [{"url_pattern": "/first"}, {"url_pattern": "/next"}]`},
		{"the target of a redirect", `"backend": [{"url_pattern": "/first", "follow_redirects": 3}]`},
		{"another try", `"backend": [{"url_pattern": "/first", "retries": 1}]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			arrived, gone := make(chan struct{}), make(chan struct{})
			var first, next atomic.Int64
			backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/warm":
				case r.URL.Path == "/next" || first.Add(1) > 1:
					next.Add(1)
				default:
					close(arrived)
					<-gone
					switch row.name {
					case "the target of a redirect":
						http.Redirect(w, r, "/next", http.StatusFound)
						return
					case "another try":
						panic(http.ErrAbortHandler)
					}
				}
				fmt.Fprint(w, "{}")
			})
			log := make(lines, 10)
			s := openLogged(t, fmt.Sprintf(`{"version": 4, "host": [%q], "endpoints": [{"endpoint": "/warm", "backend": [{"url_pattern": "/warm"}]}, {"endpoint": "/s", %s}]}`, backend, row.endpoint), log)
			c := s.dial(t, nil)
			_, _ = io.WriteString(c, "GET /warm HTTP/1.1\r\nHost: a\r\n\r\n")
			if _, err := c.Read(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			<-log
			_, _ = io.WriteString(c, "GET /s HTTP/1.1\r\nHost: a\r\n\r\n")
			<-arrived
			c.Close()
			close(gone)
			if line := <-log; !strings.Contains(line, `"status":499`) || next.Load() != 0 {
				t.Errorf("%d steps more were taken: %s", next.Load(), line)
			}
		})
	}
}

func TestStreamsOutliveTheTimeoutAndEndWhenSilent(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "late" {
			<-r.Context().Done()
			return
		}
		for range 6 {
			fmt.Fprint(w, "tick")
			w.(http.Flusher).Flush()
			time.Sleep(150 * time.Millisecond)
		}
		if r.URL.RawQuery == "silent" {
			<-r.Context().Done()
		}
	})
	s := streaming(t, backend, "", `, "timeout": "600ms", "idle_timeout": "1s", "input_query_strings": ["*"]`)
	c := client(t, nil, "h1")
	for query, want := range map[string]string{"": "200 ticktickticktickticktick <nil>", "silent": "200 ticktickticktickticktick unexpected EOF", "late": "504"} {
		res, err := c.Get("http://" + s.addr + "/s?" + query)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if got := fmt.Sprint(res.StatusCode, " ", string(body), " ", err); !strings.HasPrefix(got, want) {
			t.Errorf("?%s: got %s, want %s", query, got, want)
		}
	}
}

func TestAnUploadThatMovesHasTime(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	})
	s := streaming(t, backend, "", `, "timeout": "600ms"`)
	body, in := io.Pipe()
	go func() {
		piece := make([]byte, 30<<10)
		for range 10 {
			_, _ = in.Write(piece)
			time.Sleep(100 * time.Millisecond)
		}
		in.Close()
	}()
	res, err := client(t, nil, "h1").Post("http://"+s.addr+"/s", "", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, _ := io.ReadAll(res.Body); string(got) != "307200 <nil>" {
		t.Fatalf("got %s", got)
	}
}

func TestABrokenUploadIsTheClientsFault(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	s := streaming(t, backend, "", "")
	long := strings.Repeat("x", 100<<10)
	for name, rest := range map[string]string{"a bad size": "z\r\n", "a space behind a size": "5 \r\nhello\r\n0\r\n\r\n", "a bad end": "xx"} {
		in := "POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s", len(long), long)
		if name != "a bad end" {
			in += "\r\n"
		}
		if statuses, closed := exchange(t, s.dial(t, nil), in+rest+hidden, 0); fmt.Sprint(statuses) != "[400]" || !closed {
			t.Errorf("%s: got %v, closed %v, want 400 and the end", name, statuses, closed)
		}
	}
}

func TestACutBodyLooksCut(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "known" {
			w.Header().Set("Content-Length", "100")
		}
		fmt.Fprint(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	s := streaming(t, backend, `, "use_h2c": true`, `, "input_query_strings": ["*"]`)
	for _, protocol := range []string{"h1", "h2c"} {
		for _, query := range []string{"known", "unknown"} {
			res, err := client(t, nil, protocol).Get("http://" + s.addr + "/s?" + query)
			if err != nil {
				continue // cut before the head had left
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if string(body) != "half" || err == nil {
				t.Errorf("%s, %s length: got %q and %v, want half and an error", protocol, query, body, err)
			}
		}
	}
}

func TestSlowClientsEnd(t *testing.T) {
	released := make(chan error, 10)
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			_, err := io.Copy(w, &zeros{1 << 30})
			released <- err
			return
		}
		_, err := io.Copy(io.Discard, r.Body)
		released <- err
	})
	s := streaming(t, backend, `, "stall_timeout": "200ms", "read_header_timeout": "200ms", "use_h2c": true`, `, "timeout": "1m"`)
	for name, in := range map[string]string{
		"in the head":         "GET /s HTTP/1.1\r\nHost: a\r\n",
		"in a small body":     "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello",
		"in a small chunk":    "POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"before any bytes":    "",
		"in a long body":      "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100<<10),
		"and reads no answer": "GET /s HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t, nil)
			_, _ = io.WriteString(c, in)
			if strings.Contains(name, "reads") {
				if err := <-released; err == nil {
					t.Error("the backend could send everything to nobody")
				}
				return
			}
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
			answer, err := io.ReadAll(c)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection is still open")
			}
			if strings.Contains(name, "body") && !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
				t.Errorf("got %.100q, want a 408", answer)
			}
			if strings.Contains(name, "long") {
				if err := <-released; err == nil {
					t.Error("the backend believes that it has the whole body")
				}
			}
		})
	}
	t.Run("over HTTP/2 in a body", func(t *testing.T) {
		body, in := io.Pipe()
		defer in.Close()
		go func() { _, _ = in.Write(make([]byte, 100<<10)) }()
		res, err := client(t, nil, "h2c").Post("http://"+s.addr+"/s", "", body)
		if err == nil {
			res.Body.Close()
			if res.StatusCode != 408 {
				t.Errorf("got %d, want 408", res.StatusCode)
			}
		}
		if err := <-released; err == nil {
			t.Error("the backend believes that it has the whole body")
		}
	})
	t.Run("over HTTP/2 and reads no answer", func(t *testing.T) {
		res, err := client(t, nil, "h2c").Get("http://" + s.addr + "/s")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := <-released; err == nil {
			t.Error("the backend could send everything to nobody")
		}
	})
}

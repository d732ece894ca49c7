package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

func encode(t testing.TB, coding, s string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "raw deflate":
		w, err = flate.NewWriter(&b, 6)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	default:
		return s
	}
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func encodedAnswer(coding, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", coding, len(body), body)
}

func TestDecode(t *testing.T) {
	text := strings.Repeat("The quick brown fox. ", 1000)
	gz := encode(t, "gzip", text)
	rows := []struct {
		name   string
		coding string
		body   string
		limit  int64
		want   string
		err    Reason
		first  bool // the error is of Decode, not of reading
		lost   bool // the connection is not kept
	}{
		{name: "gzip", coding: "gzip", body: gz, want: text},
		{name: "x-gzip in capitals", coding: "X-GZIP", body: gz, want: text},
		{name: "deflate", coding: "deflate", body: encode(t, "deflate", text), want: text},
		{name: "deflate without its frame", coding: "deflate", body: encode(t, "raw deflate", text), want: text},
		{name: "br", coding: "br", body: encode(t, "br", text), want: text},
		{name: "zstd", coding: "zstd", body: encode(t, "zstd", text), want: text},
		{name: "identity", coding: "identity", body: text, want: text},
		{name: "two on top of each other", coding: "br, gzip", body: encode(t, "gzip", encode(t, "br", text)), want: text},
		{name: "two gzip members", coding: "gzip", body: gz + gz, want: text + text},
		{name: "exactly the limit", coding: "gzip", body: gz, limit: int64(len(text)), want: text},
		{name: "nothing at all", coding: "gzip", body: "", want: ""},
		{name: "one more than the limit", coding: "gzip", body: gz, limit: int64(len(text)) - 1, want: text[:len(text)-1], err: TooLarge},
		{name: "one more than the limit, not encoded", coding: "identity", body: text, limit: int64(len(text)) - 1, err: TooLarge, first: true},
		{name: "a coding we do not know", coding: "compress", body: text, err: BadReply, first: true},
		{name: "three on top of each other", coding: "gzip, br, gzip", body: gz, err: BadReply, first: true},
		{name: "not gzip", coding: "gzip", body: text, err: BadReply},
		{name: "not zstd", coding: "zstd", body: text, err: BadReply},
		{name: "not brotli", coding: "br", body: "\xff\xff\xff\xff" + text, err: BadReply},
		{name: "gzip cut short", coding: "gzip", body: gz[:len(gz)/2], err: BadReply},
		{name: "zstd cut short", coding: "zstd", body: encode(t, "zstd", text)[:40], err: BadReply},
		{name: "brotli cut short", coding: "br", body: encode(t, "br", text)[:20], err: BadReply},
		{name: "a wrong checksum", coding: "gzip", body: gz[:len(gz)-8] + "\x00\x00\x00\x00" + gz[len(gz)-4:], want: text, err: BadReply},
		{name: "bytes after brotli", coding: "br", body: encode(t, "br", text) + "x", want: text, err: BadReply},
		{name: "bytes after gzip", coding: "gzip", body: gz + "xxxxxxxxxxxxxxxxxxxx", want: text, err: BadReply},
	}
	var d Decoders
	for range 2 { // the second time with decoders from the pools
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				p, _ := newPool(t, Options{}, answering(encodedAnswer(row.coding, row.body), 0, false))
				res, err := p.RoundTrip(t.Context(), plainGet)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { res.Body.Close() }()
				err = d.Decode(res, row.limit)
				if row.first {
					wantReason(t, err, row.err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if res.Get("Content-Encoding") != "" && row.coding != "identity" || res.Get("Content-Type") == "" {
					t.Errorf("got header %v", res.Header)
				}
				got, err := ReadAll(res, 0, nil)
				if row.err != "" {
					wantReason(t, err, row.err)
				} else if err != nil {
					t.Fatal(err)
				}
				if row.want != "" && string(got) != row.want {
					t.Errorf("got %d bytes %.60q, want %d", len(got), got, len(row.want))
				}
				if row.err == "" && p.Stats().Idle != 1 {
					t.Error("the connection is not kept")
				}
			})
		}
	}
}

// A bomb costs no more than its limit, and takes its connection with it.
func TestBombs(t *testing.T) {
	big := strings.Repeat("\x00", 8<<20)
	for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
		bomb := encodedAnswer(coding, encode(t, coding, big))
		t.Run(coding, func(t *testing.T) {
			p, _ := newPool(t, Options{}, answering(bomb, 0, false))
			var d Decoders
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			res, err := p.RoundTrip(t.Context(), plainGet)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Decode(res, 1<<20); err != nil {
				t.Fatal(err)
			}
			got, err := ReadAll(res, 1<<20, nil)
			wantReason(t, err, TooLarge)
			res.Body.Close()
			runtime.ReadMemStats(&after)
			if len(got) > 1<<20 {
				t.Errorf("got %d bytes, want at most the limit", len(got))
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 20<<20 {
				t.Errorf("allocated %d bytes for a limit of 1 MiB", grown)
			}
		})
	}
}

func TestReadAll(t *testing.T) {
	rows := []struct {
		name   string
		answer string
		closes bool
		limit  int64
		buf    []byte
		want   string
		err    Reason
	}{
		{name: "a length", answer: ok, want: "ok"},
		{name: "into a buffer", answer: ok, buf: []byte("something longer"), want: "ok"},
		{name: "chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", want: "ok"},
		{name: "until close", answer: "HTTP/1.1 200 OK\r\n\r\nok", closes: true, want: "ok"},
		{name: "exactly the limit", answer: ok, limit: 2, want: "ok"},
		{name: "chunks of exactly the limit", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", limit: 2, want: "ok"},
		{name: "a length over the limit", answer: ok, limit: 1, err: TooLarge},
		{name: "chunks over the limit", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", limit: 1, want: "o", err: TooLarge},
		{name: "endless chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 1000), limit: 100, want: strings.Repeat("a", 100), err: TooLarge},
		{name: "cut short", answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", closes: true, want: "ok", err: BadReply},
		{name: "a length that is a lie costs no memory", answer: "HTTP/1.1 200 OK\r\nContent-Length: 100000000000000000\r\n\r\nok", closes: true, want: "ok", err: BadReply},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p, _ := newPool(t, Options{}, answering(row.answer, 0, row.closes))
			res, err := p.RoundTrip(t.Context(), plainGet)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ReadAll(res, row.limit, row.buf)
			res.Body.Close()
			if row.err != "" {
				wantReason(t, err, row.err)
			} else if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(got), row.want) || len(got) > len(row.want) && row.err != TooLarge {
				t.Errorf("got %q, want %q", got, row.want) // past the limit it is whatever was read
			}
			if cap(got) > 1<<20 {
				t.Errorf("grew to %d bytes", cap(got))
			}
		})
	}
}

// FuzzDecode: no input panics, blocks or gives more than the limit.
func FuzzDecode(f *testing.F) {
	for _, c := range []string{"gzip", "br", "zstd", "deflate"} {
		f.Add(c, encode(f, c, "hello, hello"))
	}
	var d Decoders
	f.Fuzz(func(t *testing.T, coding, body string) {
		if !isToken(coding) {
			return
		}
		p, err := NewPool(example, Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			return &canned{answer: strings.NewReader(encodedAnswer(coding, body))}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		res, err := p.RoundTrip(t.Context(), plainGet)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { res.Body.Close() }()
		if d.Decode(res, 1000) != nil {
			return
		}
		got, err := ReadAll(res, 0, nil)
		var own *Error
		if len(got) > 1000 || err != nil && !errors.As(err, &own) {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	})
}

func TestDecodersAreSafeTogether(t *testing.T) {
	text := strings.Repeat("abc", 10000)
	var d Decoders
	var wg sync.WaitGroup
	for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
		p, _ := newPool(t, Options{}, answering(encodedAnswer(coding, encode(t, coding, text)), 0, false))
		for range 4 {
			wg.Go(func() {
				for range 20 {
					res, err := p.RoundTrip(t.Context(), plainGet)
					if err == nil {
						err = d.Decode(res, 0)
					}
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := ReadAll(res, 0, nil); err != nil || string(got) != text {
						t.Errorf("%s: got %d bytes, %v", coding, len(got), err)
					}
					res.Release()
				}
			})
		}
	}
	wg.Wait()
}

func BenchmarkDecode(b *testing.B) {
	for _, coding := range []string{"gzip", "br", "zstd"} {
		body := encode(b, coding, strings.Repeat(`{"id":12345,"name":"somebody"},`, 330))
		b.Run(coding, func(b *testing.B) {
			var d Decoders
			var buf []byte
			b.ReportAllocs()
			for range b.N {
				res := &Response{Length: int64(len(body)), Header: []Field{{"Content-Encoding", coding}}, Body: io.NopCloser(strings.NewReader(body))}
				if err := d.Decode(res, 10<<20); err != nil {
					b.Fatal(err)
				}
				var err error
				if buf, err = ReadAll(res, 0, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

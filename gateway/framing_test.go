package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestFraming(t *testing.T) {
	const post, host = "POST / HTTP/1.1\r\n", "Host: a\r\n"
	chunked := post + host + "Transfer-Encoding: chunked\r\n\r\n"
	next := "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, row := range []struct {
		name, in string
		want     error
	}{
		{"a request without a body", "GET / HTTP/1.1\r\n" + host + "\r\n" + next, nil},
		{"a body with a length that looks like a request", post + host + "Content-Length: 5\r\n\r\nA\nB\nC" + next, nil},
		{"chunks, extensions, trailers", chunked + "5;a=\"b\"\r\nhe\nlo\r\n0\r\nX: y\r\n\r\n" + next, nil},
		{"upper and lower case digits", chunked + "1A\r\n" + strings.Repeat("\n", 26) + "\r\n0\r\n\r\n" + next, nil},
		{"two requests with chunks", chunked + "0\r\n\r\n" + chunked + "0\r\n\r\n" + next, nil},
		{"a length before a coding", post + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", errBothLengths},
		{"a length behind a coding, in other letters", post + host + "tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: 0\r\n\r\n0\r\n\r\n", errBothLengths},
		{"a coding in HTTP/1.0", "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", errOldCoding},
		{"a bare LF in the request line", "GET / HTTP/1.1\n" + host + "\r\n", errBareLF},
		{"a bare LF in a header", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", errBareLF},
		{"a bare LF as the end of the head", "GET / HTTP/1.1\r\n" + host + "\n", errBareLF},
		{"a bare LF in the second request", next + "GET / HTTP/1.1\n" + host + "\r\n", errBareLF},
		{"a folded header", "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", errFolded},
		{"a folded coding", post + host + "Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n", errFolded},
		{"a space behind a chunk's size", chunked + "5 \r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"a space before an extension", chunked + "5 ;a\r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"a tab before a chunk's size", chunked + "\t5\r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"a sign before a chunk's size", chunked + "+5\r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"a hexadecimal prefix", chunked + "0x5\r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"no size", chunked + "\r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"an extension without a size", chunked + ";a\r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"a size of 17 digits", chunked + "00000000000000005\r\nhello\r\n0\r\n\r\n", errChunkSize},
		{"a bare LF behind a size", chunked + "5\nhello\r\n0\r\n\r\n", errChunkSize},
		{"a bare CR behind a size", chunked + "5\rhello\r\n0\r\n\r\n", errChunkSize},
		{"a bare LF in an extension", chunked + "5;a\nhello\r\n0\r\n\r\n", errBareLF},
		{"a chunk longer than its size", chunked + "5\r\nhello!\r\n0\r\n\r\n", errChunkEnd},
		{"a bare LF behind a chunk", chunked + "5\r\nhello\n0\r\n\r\n", errChunkEnd},
		{"a bare LF in trailers", chunked + "0\r\nX: y\n\r\n", errBareLF},
		{"a bare LF as the end of trailers", chunked + "0\r\n\n", errBareLF},
		{"a folded trailer", chunked + "0\r\nX: y\r\n z\r\n\r\n", errFolded},
	} {
		t.Run(row.name, func(t *testing.T) {
			for step := 1; step <= len(row.in); step += 1 + step/2 {
				var f framing
				if err := inSteps(&f, row.in, step); !errors.Is(err, row.want) {
					t.Fatalf("in steps of %d: got %v, want %v", step, err, row.want)
				} else if err == nil && f.body() {
					t.Fatalf("in steps of %d: ends in a body", step)
				}
			}
		})
	}
}

func inSteps(f *framing, in string, step int) error {
	for p := []byte(in); len(p) > 0; {
		n := min(step, len(p))
		if _, err := f.feed(p[:n:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func TestFramingLetsHTTP2Pass(t *testing.T) {
	const in = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\n\n\n"
	f := framing{preface: true}
	if err := inSteps(&f, in, 3); err != nil || f.state != inOther {
		t.Fatalf("got state %d and %v, want a connection that is not looked at", f.state, err)
	}
	f = framing{preface: true}
	if err := inSteps(&f, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"+in, 3); err == nil {
		t.Fatal("a preface behind a request was taken for HTTP/2")
	}
}

// FuzzFraming holds the framing against net/http: what both accept, both cut at the same places.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: u\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), uint8(7))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n"), uint8(1))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\nhello"), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		var whole, cut framing
		n, err := whole.feed(in)
		if other := inSteps(&cut, string(in), int(step)+1); err != other {
			t.Fatalf("whole %v, in steps %v", err, other)
		}
		if err != nil && n > len(in) {
			t.Fatalf("%d bytes of %d are in order", n, len(in))
		}
		ours := boundaries(in[:n])
		theirs, clean := parsed(in[:n])
		for i := range min(len(ours), len(theirs)) {
			if ours[i] != theirs[i] {
				t.Fatalf("request %d: we end it at %d, net/http at %d", i, ours[i], theirs[i])
			}
		}
		if clean && len(theirs) > len(ours) {
			t.Fatalf("net/http sees %d requests, we see %d", len(theirs), len(ours))
		}
	})
}

// boundaries are the offsets at which requests end.
func boundaries(in []byte) (ends []int) {
	var f framing
	for i := range in {
		was := f.begun || f.body()
		if _, err := f.feed(in[i : i+1]); err != nil {
			return ends
		}
		if was && !f.begun && !f.body() && f.state == inHead {
			ends = append(ends, i+1)
		}
	}
	return ends
}

// parsed are the offsets at which net/http ends requests, as long as it accepts them.
func parsed(in []byte) (ends []int, clean bool) {
	src := bytes.NewReader(in)
	br := bufio.NewReader(src)
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return ends, err == io.EOF
		}
		if r.ProtoMajor != 1 {
			return ends, false // a server answers 505 and closes
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return ends, false
		}
		ends = append(ends, len(in)-src.Len()-br.Buffered())
	}
}

func BenchmarkFraming(b *testing.B) {
	head := []byte("GET /users/42/orders?limit=10 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8.5.0\r\nAccept: application/json\r\n" +
		"Accept-Encoding: gzip, deflate, br\r\nAuthorization: Bearer " + strings.Repeat("x", 700) + "\r\nCookie: a=b; c=d\r\nX-Request-Id: 0123456789abcdef\r\n\r\n")
	var f framing
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		if _, err := f.feed(head); err != nil {
			b.Fatal(err)
		}
	}
}

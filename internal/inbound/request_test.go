package inbound

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestWhatIsARequest(t *testing.T) {
	const post, host = "POST / HTTP/1.1\r\n", "Host: a\r\n"
	chunked := post + host + "Transfer-Encoding: chunked\r\n\r\n"
	hidden := "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, row := range []struct{ name, in, want string }{
		{"no body", "GET / HTTP/1.1\r\n" + host + "\r\n", "200 200"},
		{"empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n", "200 200"},
		{"many empty lines before it", strings.Repeat("\r\n", 9) + "GET / HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"a body that looks like a request", post + host + "Content-Length: 5\r\n\r\nA\nB\nC", "200 200"},
		{"chunks, extensions, trailers", chunked + "5;a=\"b\"\r\nhe\nlo\r\n0\r\nX: y\r\n\r\n", "200 200"},
		{"digits of both cases", chunked + "1A\r\n" + strings.Repeat("\n", 26) + "\r\n0a\r\n" + strings.Repeat("x", 10) + "\r\n0\r\n\r\n", "200 200"},
		{"no Host in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200 200"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "200"},
		{"Connection: close in a list", "GET / HTTP/1.1\r\n" + host + "Connection: x, CLOSE\r\n\r\n", "200"},
		{"a length before a coding", post + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{"a length behind a coding, in other letters", post + host + "tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: 0\r\n\r\n0\r\n\r\n", "400"},
		{"a coding in HTTP/1.0", "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{"a bare LF in the request line", "GET / HTTP/1.1\n" + host + "\r\n", "400"},
		{"a bare LF in a header", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "400"},
		{"a bare LF as the end of the head", "GET / HTTP/1.1\r\n" + host + "\n", "400"},
		{"a bare LF and nothing else", "\n", "400"},
		{"a bare CR in the request line", "GET /\r HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"a folded header", "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", "400"},
		{"a header that begins with a space", "GET / HTTP/1.1\r\n X: a\r\n" + host + "\r\n", "400"},
		{"DEL in a value", "GET / HTTP/1.1\r\n" + host + "X: 0123456789\x7f\r\n\r\n", "400"},
		{"a tab in a value", "GET / HTTP/1.1\r\n" + host + "X: 0123\t456789\r\n\r\n", "200 200"},
		{"a name in UTF-8", "GET / HTTP/1.1\r\n" + host + "Xé: y\r\n\r\n", "400"},
		{"a target in UTF-8", "GET /é?é HTTP/1.1\r\n" + host + "\r\n", "200 200"},
		{"a thousand headers and one", "GET / HTTP/1.1\r\n" + host + strings.Repeat("a:\r\n", maxLines) + "\r\n", "431"},
		{"a head that is too long", "GET / HTTP/1.1\r\n" + host + "a: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "431"},
		{"a head of nearly a megabyte", "GET / HTTP/1.1\r\n" + host + "a: " + strings.Repeat("x", 1<<20-100) + "\r\n\r\n", "200 200"},
		{"a space behind a chunk's size", chunked + "5 \r\nhello\r\n0\r\n\r\n", "400"},
		{"a tab before a chunk's size", chunked + "\t5\r\nhello\r\n0\r\n\r\n", "400"},
		{"a sign before a chunk's size", chunked + "+5\r\nhello\r\n0\r\n\r\n", "400"},
		{"a hexadecimal prefix", chunked + "0x5\r\nhello\r\n0\r\n\r\n", "400"},
		{"no size", chunked + "\r\nhello\r\n0\r\n\r\n", "400"},
		{"an extension without a size", chunked + ";a\r\nhello\r\n0\r\n\r\n", "400"},
		{"a size of 17 digits", chunked + "00000000000000005\r\nhello\r\n0\r\n\r\n", "400"},
		{"a bare LF behind a size", chunked + "5\nhello\r\n0\r\n\r\n", "400"},
		{"a bare CR behind a size", chunked + "5\rhello\r\n0\r\n\r\n", "400"},
		{"a bare LF in an extension", chunked + "5;a\nhello\r\n0\r\n\r\n", "400"},
		{"a control character in an extension", chunked + "5;a\x01\r\nhello\r\n0\r\n\r\n", "400"},
		{"a chunk longer than its size", chunked + "5\r\nhello!\r\n0\r\n\r\n", "400"},
		{"a bare LF behind a chunk", chunked + "5\r\nhello\n0\r\n\r\n", "400"},
		{"a bare LF in trailers", chunked + "0\r\nX: y\n\r\n", "400"},
		{"a bare LF as the end of trailers", chunked + "0\r\n\n", "400"},
		{"a folded trailer", chunked + "0\r\nX: y\r\n z\r\n\r\n", "400"},
		{"trailers that are too long", chunked + "0\r\n" + strings.Repeat("X: y\r\n", 4000) + "\r\n", "400"},
		{"a size line that is too long", chunked + "1;" + strings.Repeat("x", 5000) + "\r\na\r\n0\r\n\r\n", "400"},
		{"chunks that are mostly framing", chunked + strings.Repeat("1;"+strings.Repeat("x", 4000)+"\r\na\r\n", 20) + "0\r\n\r\n", "400"},
		{"a trailer that would frame", post + host + "Trailer: content-length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{"half a head", "GET / HTTP/1.1\r\nHos", ""},
		{"half a body", post + host + "Content-Length: 500\r\n\r\nhalf", "400"},
		{"half a chunk", chunked + "fff\r\nhalf", "400"},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := row.in + hidden
			if strings.HasPrefix(row.name, "half") {
				in = row.in
			}
			for _, step := range []int{1, 2, 3, 7, 100, 1 << 20} {
				if step < 100 && len(in) > 50_000 {
					continue
				}
				said := play(in, step, func(w http.ResponseWriter, r *http.Request) {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						w.WriteHeader(http.StatusBadRequest)
					}
				})
				if got := statuses(t, said); got != row.want {
					t.Fatalf("in steps of %d: got %s, want %s", step, got, row.want)
				}
			}
		})
	}
}

func TestAHeadMayBeAsLongAsTheFileSays(t *testing.T) {
	for most, want := range map[int]string{100: "431", 4096: "431", 5000: "200", 0: "200"} {
		for _, step := range []int{1, 1000, 10_000} {
			c := &script{in: []byte("GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 4200) + "\r\n\r\n"), step: step}
			newConn(&Server{Limits: Limits{Head: most}, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Refuse: refuse}, c).serve()
			if got := statuses(t, string(c.out)); got != want {
				t.Errorf("at most %d, in steps of %d: got %s, want %s", most, step, got, want)
			}
		}
	}
}

// seen is what a handler sees of a request.
type seen struct {
	Method, Target, Path, RawPath, Query, Host, Proto string
	Length                                            int64
	Close                                             bool
	Header, Trailer                                   http.Header
	Body                                              string
}

func look(r *http.Request) (seen, error) {
	body, err := io.ReadAll(r.Body)
	s := seen{Method: r.Method, Target: r.RequestURI, Path: r.URL.Path, RawPath: r.URL.EscapedPath(), Query: r.URL.RawQuery + fmt.Sprint(r.URL.ForceQuery),
		Host: r.Host, Proto: fmt.Sprint(r.Proto, r.ProtoMajor, r.ProtoMinor), Length: r.ContentLength, Close: r.Close,
		Header: maps.Clone(r.Header), Trailer: maps.Clone(r.Trailer), Body: string(body)}
	s.Header.Del("Expect") // answered here, and left by http.ReadRequest
	if len(r.Trailer) == 0 {
		s.Trailer = nil
	}
	return s, err
}

// FuzzRequests holds our reading of requests against net/http's: what we serve it reads as the same, in the same order, and
// nothing more lies in between; and however the bytes come, we serve the same.
func FuzzRequests(f *testing.F) {
	for _, in := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: u\r\n\r\nGET /a%2fb?c=d HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\nhello",
		"GET http://b:80/c?d HTTP/1.1\r\nhost: a\r\nx-y: 1\r\nX-Y: 2\r\nConnection: close, x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
		"GET /? HTTP/1.1\r\nHost: a\r\nAccept: a\tb\r\nTrailer: X\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: a\r\nTrailer: X, Y\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\nZ: 2\r\n\r\n",
	} {
		f.Add([]byte(in), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		ours, cut := served(in, len(in)+1), served(in, int(step)+1)
		if !reflect.DeepEqual(ours, cut) {
			t.Fatalf("at once %+v, in steps %+v", ours, cut)
		}
		br := bufio.NewReader(bytes.NewReader(bytes.TrimLeft(in, "\r\n")))
		for i, mine := range ours {
			r, err := http.ReadRequest(br)
			if err != nil {
				t.Fatalf("request %d: we serve %+v, net/http says %v", i, mine, err)
			}
			theirs, err := look(r)
			if err != nil {
				t.Fatalf("request %d: we serve %+v, net/http says %v", i, mine, err)
			}
			same(t, &theirs, &mine)
			for next, _ := br.Peek(2); string(next) == "\r\n"; next, _ = br.Peek(2) { // before the next one: let pass by RFC 9112 2.2
				_, _ = br.Discard(2)
			}
		}
	})
}

// same fails if two readings differ where they may not.
func same(t *testing.T, theirs, mine *seen) {
	t.Helper()
	delete(theirs.Header, "Host")
	delete(theirs.Header, "Trailer") // which net/http leaves where there are no chunks
	if mine.Header["Pragma"] != nil && mine.Header["Cache-Control"] == nil {
		delete(theirs.Header, "Cache-Control") // net/http makes one of Pragma
	}
	if mine.Length < 0 { // trailers that nobody may send
		maps.DeleteFunc(theirs.Trailer, func(name string, _ []string) bool { return !trailing(name) })
		if len(theirs.Trailer) == 0 {
			theirs.Trailer = nil
		}
	}
	theirs.Close, mine.Close = false, false
	if !reflect.DeepEqual(theirs, mine) {
		t.Fatalf("net/http reads\n%+v, we read\n%+v", theirs, mine)
	}
}

// served are the requests of a client that are served whole.
func served(in []byte, step int) (list []seen) {
	play(string(in), step, func(_ http.ResponseWriter, r *http.Request) {
		if s, err := look(r); err == nil {
			list = append(list, s)
		}
	})
	return list
}

func TestARequestIsSpeltAsNetHTTPSpellsIt(t *testing.T) {
	in := "GET /a%2Fb//c;d?e=f&g=%zz HTTP/1.1\r\nhost: a:80\r\nx-request-id: 1\r\nACCEPT: x\r\naccept:y \r\nX_under-score: z\r\n\r\n"
	list := served([]byte(in), 1000)
	if len(list) != 1 {
		t.Fatalf("served %d requests, want 1", len(list))
	}
	for _, r := range list {
		names := slices.Sorted(maps.Keys(r.Header))
		if got, want := fmt.Sprintln(names, r.Header["Accept"], r.Host, r.Path, r.RawPath, r.Query), "[Accept X-Request-Id X_under-Score] [x y] a:80 /a/b//c;d /a%2Fb//c;d e=f&g=%zzfalse\n"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for c := range 256 {
		want := c >= ' ' && c != 0x7f || c == '\t'
		for at := range 20 {
			b := bytes.Repeat([]byte{'x'}, 20)
			b[at] = byte(c)
			if got := clean(b); got != want {
				t.Errorf("%#x at %d: got %v, want %v", c, at, got, want)
			}
			b[(at+7)%20] = 0xff
			if got := clean(b); got != want {
				t.Errorf("%#x at %d beside 0xff: got %v, want %v", c, at, got, want)
			}
		}
	}
}

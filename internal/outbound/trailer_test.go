package outbound

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestTrailersBehindABody(t *testing.T) {
	var got string
	p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			announced := len(req.Trailer)
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			got = string(body) + " " + strings.Repeat("*", announced) + lines(fieldsOf(req.Trailer))
			io.WriteString(nc, ok)
		}
	})
	for _, row := range []struct {
		name      string
		body      io.Reader
		announced []string
		fields    []Field
		want      string
		reason    Reason
	}{
		{"announced, behind a body in memory", strings.NewReader("abc"), []string{"X-A"}, []Field{{"X-A", "1"}}, "abc *X-A: 1", ""},
		{"not announced, behind a stream", iotest.OneByteReader(strings.NewReader("abc")), nil, []Field{{"X-A", "1"}, {"X-B", "2"}}, "abc X-A: 1|X-B: 2", ""},
		{"behind an empty body", strings.NewReader(""), nil, []Field{{"X-A", "1"}}, " X-A: 1", ""},
		{"announced and never sent", strings.NewReader("abc"), []string{"X-A"}, nil, "abc *", ""},
		{"those that frame or route stay here", strings.NewReader("abc"), nil, []Field{{"Content-Length", "9"}, {"host", "evil"}, {"X-A", "1"}}, "abc X-A: 1", ""},
		{"one that would end its line", strings.NewReader("abc"), nil, []Field{{"X-A", "1\r\nX-B: 2"}}, "", Upload},
		{"a name that is none", strings.NewReader("abc"), nil, []Field{{"X A", "1"}}, "", Upload},
		{"a name that is none, announced", strings.NewReader("abc"), []string{"X-A\r\nX-B"}, nil, "", Unfit},
		{"one that frames, announced", strings.NewReader("abc"), []string{"Content-Length"}, nil, "", Unfit},
	} {
		t.Run(row.name, func(t *testing.T) {
			got = ""
			_, _, err := fetchAll(t.Context(), p, &Request{Method: "POST", Target: "/", Body: row.body, Length: -1,
				Trailer: &Trailer{Announced: row.announced, Fields: func() []Field { return row.fields }}})
			if ReasonOf(err) != row.reason || got != row.want {
				t.Errorf("the origin got %q, %v; want %q, %q", got, err, row.want, row.reason)
			}
		})
	}
}

// TestTrailersThatNobodyAnnouncedOverHTTP2 reads frames: net/http's server passes such trailers over.
func TestTrailersThatNobodyAnnouncedOverHTTP2(t *testing.T) {
	for _, row := range []struct {
		name, body string
		announced  []string
		fields     []Field
		want       string
	}{
		{"none of them", "abc", nil, []Field{{"X-A", "1"}, {"X-A", "2"}}, "x-a: 1|x-a: 2"},
		{"one of two", "abc", []string{"X-B"}, []Field{{"X-A", "1"}, {"X-B", "2"}}, "x-a: 1|x-b: 2"},
		{"behind an empty body", "", nil, []Field{{"X-A", "1"}}, "x-a: 1"},
		{"behind many frames", strings.Repeat("x", 60<<10), nil, []Field{{"X-A", "1"}}, "x-a: 1"},
		{"and there are none", "abc", nil, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			told, answered := make(chan string, 1), make(chan struct{})
			go func() { told <- trailersOf(l, answered) }()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			p, err := New(Origin{Scheme: "http", Host: "127.0.0.1", Port: port}, Options{Protocol: HTTP2})
			if err != nil {
				t.Fatal(err)
			}
			res, err := p.RoundTrip(t.Context(), &Request{Method: "POST", Target: "/", Body: iotest.HalfReader(strings.NewReader(row.body)), Length: -1,
				Trailer: &Trailer{Announced: row.announced, Fields: func() []Field { return row.fields }}})
			if err == nil {
				res.Body.Close()
			}
			close(answered)
			p.Close()
			if got := <-told; err != nil || got != row.want {
				t.Errorf("the origin got the trailers %q (%v), want %q", got, err, row.want)
			}
		})
	}
}

// trailersOf serves one exchange over HTTP/2 and returns what came behind the body, sorted.
func trailersOf(l net.Listener, answered <-chan struct{}) string {
	nc, err := l.Accept()
	l.Close()
	if err != nil {
		return err.Error()
	}
	defer nc.Close()
	if _, err := io.ReadFull(nc, make([]byte, len(http2.ClientPreface))); err != nil {
		return err.Error()
	}
	f := http2.NewFramer(nc, nc)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = f.WriteSettings()
	var list []string
	for heads := 0; ; {
		frame, err := f.ReadFrame()
		if err != nil {
			return err.Error()
		}
		if h, ok := frame.(*http2.MetaHeadersFrame); ok {
			if heads++; heads > 1 {
				for _, one := range h.Fields {
					list = append(list, one.Name+": "+one.Value)
				}
			}
		}
		if frame.Header().Flags.Has(http2.FlagDataEndStream) && (frame.Header().Type == http2.FrameData || frame.Header().Type == http2.FrameHeaders) {
			break
		}
	}
	var head bytes.Buffer
	_ = hpack.NewEncoder(&head).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndHeaders: true, EndStream: true})
	go func() { _, _ = io.Copy(io.Discard, nc) }()
	<-answered
	slices.Sort(list)
	return strings.Join(list, "|")
}

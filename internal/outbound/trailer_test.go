package outbound

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
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

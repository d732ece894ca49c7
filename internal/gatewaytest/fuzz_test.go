package gatewaytest

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plainWords has no placeholders.
type plainWords struct{}

func (plainWords) expand(text string) (string, error) { return text, nil }
func (plainWords) contract(text string) string        { return text }

// FuzzScript: whatever is written, a rule that is accepted writes an answer, and reading the request behind it never panics.
func FuzzScript(f *testing.F) {
	f.Add("GET /a?*\n  if X: y*\n  times 2\n  200 OK\n  A: b\n  !Content-Length:\n\n  body\n", "GET /a?b HTTP/1.1\r\nX: yz\r\n\r\n")
	f.Add("* *\n  gzip\n  repeat 2\n  trailer X: y\n\n  b\n", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
	f.Add("* *\n  raw\n\n  \\x41\\r\\n\n", "X / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab")
	f.Fuzz(func(t *testing.T, script, request string) {
		if strings.Contains(script, "repeat") && len(script) > 200 {
			t.Skip("a large body says nothing more")
		}
		rules, err := parseScript(script)
		if err != nil {
			return
		}
		s, err := readRequest(bufio.NewReader(strings.NewReader(request)), func() error { return nil })
		if err != nil {
			return
		}
		for _, r := range rules {
			if head := r.head(r.body, s); r.fits(s) && !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
				t.Errorf("head %q", head)
			}
		}
	})
}

// FuzzHold: what -update writes for a message holds for that message.
func FuzzHold(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\nA: b\n!C\n\nbody", "X-A", "v", "other")
	f.Add("404 | 410\nA: *\nA: ~x+\n\n~json\n{\"a\": 1}", "A", "xx", `{"a":2}`)
	f.Add("closed", "A", "", "")
	f.Fuzz(func(t *testing.T, want, name, value, body string) {
		if name == "" || strings.ContainsAny(name+value, "\n\r:~!* \t|") || strings.ContainsAny(body, "\r{") || strings.HasPrefix(body, "~") ||
			strings.HasSuffix(body, "\n") || strings.Contains(body, "\n\n") && !strings.Contains(want, "\n\n") {
			t.Skip("not to be written on a page")
		}
		got := message{first: "HTTP/1.1 200 OK", fields: []Field{{name, value}}, body: []byte(body)}
		once, err := hold(plainWords{}, want, got)
		if err != nil {
			return
		}
		twice, err := hold(plainWords{}, once, got)
		if err != nil || twice != once {
			t.Errorf("%v\n%s", err, diff(once, twice))
		}
	})
}

// FuzzPage: a page that is accepted is printed as it was read.
func FuzzPage(f *testing.F) {
	pages, err := filepath.Glob("testdata/pages/*.txtar")
	if err != nil || len(pages) == 0 {
		f.Fatal("no pages")
	}
	for _, p := range pages {
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePage("page", data)
		if err != nil {
			return
		}
		for _, h := range p.files {
			if h.kind == "" || h.label() == "" {
				t.Errorf("a file without a kind: %+v", h)
			}
		}
	})
}

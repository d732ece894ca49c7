package gatewaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mirror is a gateway that sends everything to one place.
func mirror() Runner {
	return Runner{Boot: bootMirror, Check: func(_ testing.TB, s Site) (string, string) {
		var c struct{ To string }
		d := json.NewDecoder(bytes.NewReader(s.JSON))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return s.File + ": " + strings.TrimPrefix(strings.ReplaceAll(err.Error(), "field", "key"), "json: "), "nobody to ask\n"
		}
		return "", ""
	}}
}

func bootMirror(t testing.TB, s Site) {
	var c struct{ To string }
	if err := json.Unmarshal(s.JSON, &c); err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(c.To)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	proxy := &httputil.ReverseProxy{Transport: transport, ErrorLog: quiet(), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded()
	}}
	server := &http.Server{ErrorLog: quiet(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(s.Log, "served %s %s\n", r.Method, r.URL.Path)
		proxy.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(s.Listener)
	}()
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
		<-done
	})
}

func TestPages(t *testing.T) { mirror().Pages(t, "testdata/pages/*.txtar") }

// playText plays a page and returns what its steps complain of, and the page as it is afterwards.
func playText(t *testing.T, update bool, text string) (complaints []string, after string) {
	t.Helper()
	p, err := parsePage("page.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	mirror().play(t, p, update, func(label string, f func() error) {
		if err := f(); err != nil {
			complaints = append(complaints, label+": "+err.Error())
		}
	})
	return complaints, string(txtar.Format(p.archive))
}

const world1 = `A page.

-- gateway.json --
{"to": "{{upstream}}"}
-- upstream --
GET /a
  Content-Type: text/plain
  X-Where: {{gateway}}
  X-Twice: 1
  X-Twice: 2

  one
  two
GET /json

  {"n":12345678901234567890,"s":"x"}
`

func TestComplaints(t *testing.T) {
	for _, row := range []struct{ name, steps, want string }{
		{"another status",
			"-- request --\nGET /a\n-- response --\n404\n",
			"response: - 404\n+ HTTP/1.1 200 OK"},
		{"another value, the rest is shown around it",
			"-- request --\nGET /a\n-- response --\n200\nContent-Type: text/html\n",
			"response:   200\n- Content-Type: text/html\n+ Content-Type: text/plain"},
		{"a header that must not be there",
			"-- request --\nGET /a\n-- response --\n200\n!Content-Type\n",
			"response:   200\n- !Content-Type\n+ Content-Type: text/plain"},
		{"a header that is missing",
			"-- request --\nGET /a\n-- response --\n200\nX-No: *\n",
			"response:   200\n- X-No: *\n+ !X-No"},
		{"a header that came once too often",
			"-- request --\nGET /a\n-- response --\n200\nX-Twice: 1\n",
			"response:   200\n  X-Twice: 1\n+ X-Twice: 2"},
		{"a header that came once too seldom",
			"-- request --\nGET /a\n-- response --\n200\nX-Twice: *\nX-Twice: *\nX-Twice: *\n",
			"response:   200\n  X-Twice: *\n  X-Twice: *\n- X-Twice: *"},
		{"an expression must match the whole value",
			"-- request --\nGET /a\n-- response --\n200\nContent-Type: ~text\n",
			"response:   200\n- Content-Type: ~text\n+ Content-Type: text/plain"},
		{"another body",
			"-- request --\nGET /a\n-- response --\n200\n\none\nthree\n",
			"response:   200\n  \n  one\n- three\n+ two"},
		{"a body where none is wanted",
			"-- request --\nGET /a\n-- response --\n200\n\n~empty\n",
			"response:   200\n  \n- ~empty\n+ one\n+ two"},
		{"a number that differs in its last digit only",
			"-- request --\nGET /json\n-- response --\n200\n\n~json\n{\"s\":\"x\",\"n\":12345678901234567891}\n",
			"response:   200\n  \n  ~json\n- {\"s\":\"x\",\"n\":12345678901234567891}\n+ {\n+   \"n\": 12345678901234567890,\n+   \"s\": \"x\"\n+ }"},
		{"an answer where the connection should have closed",
			"-- request --\nGET /a\n-- response --\nclosed\n",
			"response: - closed\n+ HTTP/1.1 200 OK"},
		{"addresses are told as placeholders",
			"-- request --\nGET /a\n-- response --\n200\nX-Where: *x\n",
			"response:   200\n- X-Where: *x\n+ X-Where: {{gateway}}"},
		{"a request that nobody expected upstream",
			"-- request --\nGET /a\n-- response --\n200\n-- seen --\nnothing\n",
			"seen: - nothing\n+ GET /a"},
		{"another path upstream",
			"-- request --\nGET /a\n-- response --\n200\n-- seen --\nGET /b\nHost: *\n",
			"seen: - GET /b\n+ GET /a\n  Host: *"},
		{"a line that must not be logged",
			"-- request --\nGET /a\n-- response --\n200\n-- log --\n!GET\n",
			"log: \"GET\" stands in the log:\nserved GET /a\n"},
		{"a placeholder that nobody knows",
			"-- request --\nGET /{{x}}\n",
			"request: {{x}}: unknown placeholder"},
		{"a token that nobody wrote",
			"-- request --\nGET /{{token bob}}\n",
			"request: {{token bob}}: no token of this name"},
		{"a change that nobody knows",
			"-- then --\nupstream jump\n",
			"then: upstream jump: want upstream NAME stop|start, or keys NAME rotate|retire|answer MODE"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, _ := playText(t, false, world1+row.steps)
			if len(got) != 1 || got[0] != row.want {
				t.Errorf("got %d complaints:\n%s\nwant:\n%s", len(got), strings.Join(got, "\n"), row.want)
			}
		})
	}
}

func TestUpdateKeepsWhatHolds(t *testing.T) {
	before := world1 + `-- request --
GET /a
-- response --
404
X-Where: {{gateway}}
X-Twice: *
!Content-Type

wrong

-- request --
GET /json
-- response --
200

~json
{"s":"x", "n":1}
`
	want := world1 + `-- request --
GET /a
-- response --
HTTP/1.1 200 OK
X-Where: {{gateway}}
X-Twice: *
Content-Type: text/plain
X-Twice: 2

one
two

-- request --
GET /json
-- response --
200

~json
{
  "n": 12345678901234567890,
  "s": "x"
}
`
	complaints, after := playText(t, true, before)
	if len(complaints) > 0 {
		t.Errorf("complaints: %v", complaints)
	}
	if after != want {
		t.Errorf("the page afterwards:\n%s", diff(want, after))
	}
	if complaints, _ := playText(t, false, after); len(complaints) > 0 {
		t.Errorf("the updated page does not hold: %v", complaints)
	}
}

func TestPagesThatAreWrong(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"no prose", "-- gateway.json --\n{}\n", "p: no prose at the top, want a sentence that says what holds"},
		{"an unknown file", "x\n-- requests --\n", `p: -- requests --: unknown kind of file "requests"; a file of the page's own has a dot in its name`},
		{"an unknown word", "x\n-- request row --\n", `p: -- request row --: unknown word "row", want raw or same; a title stands after a colon`},
		{"too many words", "x\n-- upstream a b --\n", `p: -- upstream a b --: too many words, want at most 1 after "upstream"`},
		{"an upstream twice", "x\n-- upstream a --\n-- upstream a --\n", "p: -- upstream a -- stands twice"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parsePage("p", []byte(row.text))
			if err == nil || err.Error() != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

func TestSiteOfAFileBesideThePage(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("gateway.json", `{"a": "http://users:8000/{{ .Template }}"}`)
	p, err := parsePage(filepath.Join(dir, "session.txtar"), []byte(`x
-- replace --
http://users:8000 => {{upstream users}}
-- env --
ISSUER={{issuer}}
-- upstream users --
-- keys.json --
{{now+1h}}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := build(t, p)
	s := w.site(io.Discard)
	if want := `{"a": "` + w.upstreams["users"].URL() + `/{{ .Template }}"}`; string(s.JSON) != want || s.File != "gateway.json" {
		t.Errorf("got %s %s, want %s", s.File, s.JSON, want)
	}
	if v, ok := s.Lookup("ISSUER"); !ok || v != w.provider("").Issuer() {
		t.Errorf("ISSUER is %q", v)
	}
	if _, ok := s.Lookup("HOME"); ok {
		t.Error("the world outside of the page is visible")
	}
	if data, err := os.ReadFile(filepath.Join(s.Dir, "keys.json")); err != nil || len(data) < 10 {
		t.Errorf("keys.json: %q %v", data, err)
	}
}

package backends

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/outbound"
)

// echo answers with what it was asked, as JSON.
func echo(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var headers []string
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-") || name == "Cookie" {
				headers = append(headers, name+"="+strings.Join(values, "|"))
			}
		}
		slices.Sort(headers)
		w.Header().Set("X-Theirs", "1")
		fmt.Fprintf(w, `{"at":%q,"asked":%q,"headers":%q,"body":%q}`, name, r.Method+" "+r.Host+r.RequestURI, strings.Join(headers, ";"), body)
	}
}

func through(t *testing.T, extra string, req *Request) (*Response, error) {
	t.Helper()
	r := newRig(t)
	r.env.Params = []string{"id"}
	for _, name := range []string{"a.test:80", "a.test:8080", "b.test:80", "b.test:9000", "b.test:443"} {
		r.serve(name, echo(name))
	}
	var cfg Config
	if err := json.Unmarshal([]byte(`{"host":["http://a.test"],"url_pattern":"/p/{id}?q=1","method":"GET","encoding":"json","extra_config":`+extra+`}`), &cfg); err != nil {
		t.Fatal(err)
	}
	fetch, err := New(cfg, r.env)
	if err != nil {
		t.Fatal(err)
	}
	if req.Params == nil {
		req.Params = []Param{{Value: "7", Escaped: "7"}}
	}
	res, err := fetch.Fetch(t.Context(), req)
	t.Cleanup(res.Close)
	return res, err
}

func TestWhatIsAskedCanBeChanged(t *testing.T) {
	static := t.TempDir()
	if err := os.WriteFile(filepath.Join(static, "page.json"), []byte(`{"static":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(static), "secret.json"), []byte(`{"secret":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	martian := func(text string) string { return `{"modifier/martian":` + text + `}` }
	for _, row := range []struct {
		name, extra string
		req         Request
		want        string // the answer's body, or the error
	}{
		{name: "nothing", extra: `{}`, want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1","headers":"","body":""}`},
		{name: "the host of a URL is another backend", extra: martian(`{"url.Modifier":{"scope":["request"],"host":"b.test:9000","path":"/x"}}`),
			want: `{"at":"b.test:9000","asked":"GET b.test:9000/x?q=1","headers":"","body":""}`},
		{name: "so is its port", extra: martian(`{"fifo.Group":{"modifiers":[{"port.Modifier":{"port":8080}}]}}`),
			want: `{"at":"a.test:8080","asked":"GET a.test:8080/p/7?q=1","headers":"","body":""}`},
		{name: "a header named Host is the Host", extra: martian(`{"header.Modifier":{"scope":["request"],"name":"host","value":"c.test"}}`),
			want: `{"at":"a.test:80","asked":"GET c.test/p/7?q=1","headers":"","body":""}`},
		{name: "an expression over a regular expression of the URL", extra: martian(`{"url.RegexFilter":{"regex":"/p/[0-9]+\\?","modifier":{"header.Modifier":{"name":"X-Number","value":"yes"}},"else":{"header.Modifier":{"name":"X-Number","value":"no"}}}}`),
			want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1","headers":"X-Number=yes","body":""}`},
		{name: "the other branch", extra: martian(`{"url.Filter":{"path":"/other","modifier":{"header.Modifier":{"name":"X-A","value":"yes"}},"else":{"header.Modifier":{"name":"X-A","value":"no"}}}}`),
			want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1","headers":"X-A=no","body":""}`},
		{name: "a parameter of the query", extra: martian(`{"querystring.Filter":{"name":"q","value":"1","modifier":{"querystring.Modifier":{"name":"more","value":"é"}}}}`),
			want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1&more=%C3%A9","headers":"","body":""}`},
		{name: "a header that matches", extra: martian(`{"header.RegexFilter":{"header":"x-kind","regex":"^a","modifier":{"header.Blacklist":{"names":["X-Kind"]}}}}`),
			req: Request{Header: []outbound.Field{{Name: "X-Kind", Value: "abc"}}}, want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1","headers":"","body":""}`},
		{name: "a cookie more", extra: martian(`{"cookie.Modifier":{"scope":["request"],"name":"b","value":"2"}}`),
			req: Request{Header: []outbound.Field{{Name: "Cookie", Value: "a=1"}}}, want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1","headers":"Cookie=a=1; b=2","body":""}`},
		{name: "the answer alone", extra: martian(`{"body.Modifier":{"scope":["response"],"body":"eyJhIjoxfQ=="}}`), want: `{"a":1}`},
		{name: "a file instead", extra: martian(`{"fifo.Group":{"modifiers":[{"url.Modifier":{"scope":["request"],"path":"/page.json"}},{"static.Modifier":{"rootPath":"` + static + `"}}]}}`),
			want: `{"static":true}`},
		{name: "a file outside of its root", extra: martian(`{"fifo.Group":{"modifiers":[{"url.Modifier":{"scope":["request"],"path":"/../secret.json"}},{"static.Modifier":{"rootPath":"` + static + `"}}]}}`),
			want: `upstream_status: status 404 of GET /p/{id}?q=1`},
		{name: "a file by another name", extra: martian(`{"static.Modifier":{"rootPath":"` + static + `","explicitPaths":{"/p/7":"page.json"}}}`), want: `{"static":true}`},

		{name: "Lua before CEL before martian", extra: `{"modifier/lua-backend":{"pre":"request.load():headers('X-A', 'lua')"},"validation/cel":[{"check_expr":"req_headers['X-A'][0] == 'lua'"}],
			"modifier/martian":{"header.Modifier":{"scope":["request"],"name":"X-A","value":"martian"}}}`, want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1","headers":"X-A=martian","body":""}`},
		{name: "martian before CEL before Lua on the way back", extra: `{"modifier/lua-backend":{"post":"local d = response.load():data(); d:set('a', d:get('a') + 1)"},"validation/cel":[{"check_expr":"resp_data.a == 1"}],
			"modifier/martian":{"body.Modifier":{"scope":["response"],"body":"eyJhIjoxfQ=="}}}`, want: `{"a":2}`},
		{name: "the method and the URL by Lua", extra: `{"modifier/lua-backend":{"pre":"local r = request.load(); r:method('PUT'); r:url('http://a.test/other?x=%20'); r:body('text')"}}`,
			want: `{"at":"a.test:80","asked":"PUT a.test/other?x=%20","headers":"","body":"text"}`},
		{name: "no other host by Lua", extra: `{"modifier/lua-backend":{"pre":"request.load():url('http://b.test/')"}}`,
			want: `script_failed: url "http://b.test/", want another path or query at http://a.test, escaped`},
		{name: "nor by what looks like ours", extra: `{"modifier/lua-backend":{"pre":"request.load():url('http://a.test@b.test/')"}}`,
			want: `script_failed: url "http://a.test@b.test/", want another path or query at http://a.test, escaped`},
		{name: "no line ends in a URL", extra: `{"modifier/lua-backend":{"pre":"request.load():url('http://a.test/a b')"}}`,
			want: `script_failed: url "http://a.test/a b", want another path or query at http://a.test, escaped`},
		{name: "CEL sees what will be asked", extra: `{"validation/cel":[{"check_expr":"req_method == 'GET' && req_path == '/p/é/' && req_params.Id == 'é/' && req_querystring.q[0] == '1'"}]}`,
			req: Request{Params: []Param{{Value: "é/", Escaped: "%C3%A9%2F"}}}, want: `{"at":"a.test:80","asked":"GET a.test/p/%C3%A9%2F?q=1","headers":"","body":""}`},
		{name: "CEL sees what earlier steps said", extra: `{"validation/cel":[{"check_expr":"req_params.Resp0_id == '5' && req_params.Resp0_name == 'x' && !has(req_params.Resp0_list)"}]}`,
			req: Request{Parts: []*Response{partOf(`{"id":5,"name":"x","list":[1]}`)}}, want: `{"at":"a.test:80","asked":"GET a.test/p/7?q=1","headers":"","body":""}`},
		{name: "CEL refuses", extra: `{"validation/cel":[{"check_expr":"true"},{"check_expr":"req_method == 'POST'"}]}`, want: `upstream_rejected: request aborted by evaluator #1: req_method == 'POST': is false`},
	} {
		t.Run(row.name, func(t *testing.T) {
			res, err := through(t, row.extra, &row.req)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = string(res.Body.Append(nil))
			}
			if got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func partOf(text string) *Response {
	r := &Response{}
	if err := r.Body.Parse([]byte(text), 1); err != nil {
		panic(err)
	}
	return r
}

// TestAScriptOfOneBackendLeavesTheOthersAlone has two backends share a request, as those of an endpoint do.
func TestAScriptOfOneBackendLeavesTheOthersAlone(t *testing.T) {
	req := &Request{Header: []outbound.Field{{Name: "X-A", Value: "client"}}, Params: []Param{{Value: "7", Escaped: "7"}}, Body: Body{Bytes: []byte("theirs"), Length: 6}}
	for _, extra := range []string{
		`{"modifier/lua-backend":{"pre":"local r = request.load(); r:headers('X-A', 'lua'); r:body('mine'); r:params('Id', '8')"}}`,
		`{"modifier/martian":{"fifo.Group":{"scope":["request"],"modifiers":[{"header.Blacklist":{"names":["X-A"]}},{"body.Modifier":{"body":"bWluZQ=="}}]}}}`,
	} {
		res, err := through(t, extra, req)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(res.Body.Append(nil)); !strings.Contains(got, `"body":"mine"`) {
			t.Errorf("%s: got %s", extra, got)
		}
	}
	if req.Header[0].Value != "client" || string(req.Body.Bytes) != "theirs" || req.Params[0].Value != "7" {
		t.Errorf("the request of the others became %+v", req)
	}
}

func TestABodyThatIsLookedAtIsSentOn(t *testing.T) {
	res, err := through(t, `{"modifier/lua-backend":{"pre":"local r = request.load(); r:headers('X-Len', tostring(#r:body()))"},"validation/cel":[{"check_expr":"req_body == 'a stream'"}]}`,
		&Request{Body: Body{Stream: strings.NewReader("a stream"), Length: -1}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(res.Body.Append(nil)); !strings.Contains(got, `"headers":"X-Len=8","body":"a stream"`) {
		t.Errorf("got %s", got)
	}
	t.Run("but not without bounds", func(t *testing.T) {
		_, err := through(t, `{"modifier/lua-backend":{"pre":"request.load():body()"}}`, &Request{Body: Body{Stream: io.LimitReader(zeros{}, maxScriptBody+1), Length: -1}})
		var f *Failure
		if !errors.As(err, &f) || f.Reason != ReasonScript {
			t.Errorf("got %v", err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

package backends

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gatehouse/internal/expr"
	"gatehouse/internal/lua"
)

// An answer within max_response_size that has far more values than others of its size passes where nobody looks into it,
// and is too large where somebody does.
func TestAnswersOfTooManyValues(t *testing.T) {
	text := `{"a":[` + strings.Repeat("1,", 2_000_000) + `1]}`
	r := newRig(t)
	r.serve("origin.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	var size int64 = 32 << 20
	for _, row := range []struct {
		name string
		cfg  Config
		want Reason
	}{
		{"handed on", Config{}, ""},
		{"YAML that is JSON", Config{Encoding: "yaml"}, ""},
		{"edited beside it", Config{Deny: []string{"b"}, Group: "g"}, ""},
		{"looked into", Config{Deny: []string{"a.b"}}, ReasonTooLarge},
		{"looked into as anything", Config{Deny: []string{"a.b"}, Encoding: "safejson"}, ReasonTooLarge},
		{"looked into as YAML", Config{Deny: []string{"a.b"}, Encoding: "yaml"}, ReasonTooLarge},
		{"looked into where more is allowed", Config{Deny: []string{"a.b"}, MaxResponseSize: &size}, ""},
		{"judged", Config{Extra: Extra{CEL: []expr.Rule{{Check: "size(resp_data.a) > 0"}}}}, ReasonTooLarge},
		{"judged beside it", Config{Extra: Extra{CEL: []expr.Rule{{Check: "!has(resp_data.b)"}}}}, ""},
	} {
		row.cfg.URLPattern = "/"
		res, err := r.backend(row.cfg)(t.Context(), &Request{Method: "GET"})
		var f *Failure
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: %v", row.name, err)
		case row.want != "" && (!errors.As(err, &f) || f.Reason != row.want):
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
		if err == nil {
			res.Close()
		}
	}
}

// An object that a script makes larger than any that is looked into is too large, and no mistake in the script.
func TestScriptThatMakesAnAnswerTooLarge(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"a":1`)
	for i := range 10 << 20 / 40 {
		fmt.Fprintf(&text, `,"k%x":1`, i)
	}
	text.WriteString(`}`)
	r := newRig(t)
	r.serve("origin.test:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text.String())) })
	cfg := Config{URLPattern: "/", Extra: Extra{Lua: &lua.Config{Post: `response.load():data():set("b", 1)`}}}
	_, err := r.backend(cfg)(t.Context(), &Request{Method: "GET"})
	var f *Failure
	if !errors.As(err, &f) || f.Reason != ReasonTooLarge {
		t.Errorf("got %v, want %s", err, ReasonTooLarge)
	}
}

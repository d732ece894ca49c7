package conf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const located = `{
  "version": 3,
  "host": "http://x",
  "endpoints": [
    {
      "endpoint": "/a",
      "backend": [
        {"whitelist": ["a", "b"], "extra_config": {"github.com/devopsfaith/krakend-circuitbreaker/gobreaker": {"interval": "3s"}}}
      ]
    }
  ]
}`

func TestLocate(t *testing.T) {
	d, err := decode(t, located, &service{}, options())
	if err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("wrong")
	rows := []struct {
		name string
		err  error
		want string
	}{
		{"a value", At(wrong, "endpoints", 0, "endpoint"), "g.json:6:19: endpoints[0].endpoint: wrong"},
		{"a value under its new name, in the author's spelling", At(wrong, "endpoints", 0, "backend", 0, "allow", 1), "g.json:8:29: endpoints[0].backend[0].whitelist[1]: wrong"},
		{"a namespace under its new name", At(wrong, "endpoints", 0, "backend", 0, "extra_config", "qos/circuit-breaker", "interval"),
			"g.json:8:124: endpoints[0].backend[0].extra_config.github.com/devopsfaith/krakend-circuitbreaker/gobreaker.interval: wrong"},
		{"what is missing, at its nearest parent", At(wrong, "endpoints", 0, "extra_config", "auth/validator", "alg"), "g.json:5:5: endpoints[0].extra_config.auth/validator.alg: wrong"},
		{"an index that is too high", At(wrong, "endpoints", 7, "endpoint"), "g.json:4:16: endpoints[7].endpoint: wrong"},
		{"an item of a list written as a scalar", At(wrong, "host", 0), "g.json:3:11: host[0]: wrong"},
		{"a mistake without a path", wrong, "g.json:1:1: wrong"},
		{"a mistake of another file", &Error{File: "schema.json", Line: 3, Column: 4, Path: Path{"host"}, Err: wrong}, "schema.json:3:4: host: wrong"},
		{"a wrapped mistake", fmt.Errorf("outer: %w", wrong), "g.json:1:1: outer: wrong"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := d.Locate(row.err)
			if len(got) != 1 || got[0].Error() != row.want {
				t.Fatalf("got %v\nwant %s", got, row.want)
			}
			if !errors.Is(got[0], wrong) {
				t.Error("the cause is lost")
			}
			if again := d.Locate(got[0]); again[0].Error() != row.want {
				t.Errorf("located twice: got %v", again)
			}
		})
	}
	if got := d.Locate(nil); len(got) != 0 {
		t.Errorf("got %v, want nothing of nothing", got)
	}
}

func TestLocateSortsByPlace(t *testing.T) {
	d, err := Parse("g.json", []byte(located))
	if err != nil {
		t.Fatal(err)
	}
	err = Join(At(errors.New("3"), "endpoints"), nil, At(Join(errors.New("2"), At(errors.New("1"), "version")), nil...), At(errors.New("4"), "endpoints"))
	var out bytes.Buffer
	Print(&out, d.Locate(err))
	want := "g.json:1:1: 2\ng.json:2:14: version: 1\ng.json:4:16: endpoints: 3\ng.json:4:16: endpoints: 4\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestPrintIndentsFurtherLines(t *testing.T) {
	var out bytes.Buffer
	Print(&out, []*Error{{File: "a", Line: 1, Column: 2, Err: errors.New("one\ntwo\n")}, {Err: errors.New("three")}})
	if want := "a:1:2: one\n\ttwo\nthree\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestWarnings(t *testing.T) {
	d, err := decode(t, located, &service{}, options())
	if err != nil {
		t.Fatal(err)
	}
	d.Warn(At(errors.New("nobody is asked who they are"), "endpoints", 0))
	d.Warn(At(errors.New("nobody is asked who they are"), "endpoints", 0))
	d.Warn(nil)
	var out bytes.Buffer
	Print(&out, d.Warnings())
	want := `g.json:3:11: host: got a string, read as a list of one
g.json:5:5: endpoints[0]: nobody is asked who they are
g.json:8:10: endpoints[0].backend[0].whitelist: old name of "allow", read as that
g.json:8:52: endpoints[0].backend[0].extra_config.github.com/devopsfaith/krakend-circuitbreaker/gobreaker: old name of "qos/circuit-breaker", read as that
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if strict := d.Strict(); strict == nil || strict.Error()+"\n" != want {
		t.Errorf("got %v, want the warnings as mistakes", strict)
	}
	quiet, err := decode(t, `{"version": 4}`, &service{}, options())
	if err != nil || quiet.Strict() != nil || quiet.Warnings() != nil {
		t.Errorf("got %v, %v, want nothing to complain of", err, quiet.Strict())
	}
}

func TestFlattenKeepsPaths(t *testing.T) {
	leaf := errors.New("leaf")
	rows := []struct {
		name string
		err  error
		want []string
	}{
		{"nil", nil, nil},
		{"a plain error", leaf, []string{"leaf"}},
		{"joined errors", Join(leaf, At(leaf, "a")), []string{"leaf", "a: leaf"}},
		{"paths on paths", At(At(Join(leaf, At(leaf, 1)), "b"), "a", 0), []string{"a[0].b: leaf", "a[0].b[1]: leaf"}},
		{"a mistake made of mistakes", &Error{Path: Path{"a"}, Err: Join(leaf, At(leaf, "b"))}, []string{"a: leaf", "a.b: leaf"}},
		{"a mistake in a mistake", &Error{File: "f", Line: 1, Column: 2, Path: Path{"a"}, Err: &Error{Path: Path{"b"}, Err: leaf}}, []string{"f:1:2: a.b: leaf"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, m := range Flatten(row.err) {
				got = append(got, m.Error())
				if !errors.Is(m, leaf) {
					t.Error("the cause is lost")
				}
			}
			if strings.Join(got, "\n") != strings.Join(row.want, "\n") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	if At(nil, "a") != nil {
		t.Error("want nil for nil")
	}
}

func TestNoSecretIsShown(t *testing.T) {
	const key = "c4n@ry\"/%"
	opt := options()
	opt.Env = func(name string) (string, bool) {
		return map[string]string{"KEY": key, "PART": "c4n@", "OFF": "off"}[name], true
	}
	d, err := decode(t, `{"version": 4, "name": "${KEY}", "host": ["${PART}", "${OFF}"],
		"extra_config": {"auth/validator": {"client_secret": "in plain sight"}}}`, &service{}, opt)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{
		"parse " + key:                                "parse ${KEY}",
		fmt.Sprintf("parse %q", "http://"+key):        `parse "http://${KEY}"`,
		"GET /c4n%40ry%22%2F%25 and /c4n@ry%22%2F%25": "GET /${KEY} and /${KEY}",
		"c4n@ and c4n@ry":                             "${PART} and ${PART}ry",
		"turned off":                                  "turned off",
		"in plain sight":                              "(hidden)",
	}
	for text, want := range rows {
		if got := d.Redact(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if got := d.Locate(At(errors.New(text), "name"))[0]; got.Err.Error() != want {
			t.Errorf("%s: got %v, want it hidden in mistakes", text, got)
		}
	}
	d.Warn(errors.New("beware of " + key))
	if all := fmt.Sprint(d.Strict()) + string(d.Redacted()); strings.Contains(all, "c4n@") || strings.Contains(all, "plain sight") {
		t.Errorf("a secret shows in %s", all)
	}
}

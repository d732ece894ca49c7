package conf

import (
	"bytes"
	"strings"
	"testing"
)

type titled struct{}

func (*titled) ReadConf(Node) error { return nil }

func (*titled) ConfSchema() map[string]any {
	return map[string]any{"title": "a titled thing", "type": "object"}
}

type kinded struct{}

func (*kinded) ReadConf(Node) error { return nil }

func (*kinded) ConfSchema() map[string]any { return map[string]any{"type": "string"} }

type oneOrMany struct{}

func (*oneOrMany) ReadConf(Node) error { return nil }

func (*oneOrMany) ConfSchema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{"anyOf": []any{text, map[string]any{"type": "array", "items": text}, map[string]any{"type": []any{"integer", "string"}}}}
}

type free struct{}

func (*free) ReadConf(Node) error { return nil }

func (*free) ConfSchema() map[string]any {
	return map[string]any{"not": map[string]any{"type": "null"}}
}

// edge has what service has no room for.
type edge struct {
	Version int               `json:"version" doc:"V."`
	Open    inOpen            `json:"open" doc:"O." conf:"open"`
	Digits  Pin               `json:"pin" doc:"P." conf:"secret"`
	Words   map[string]word   `json:"words" doc:"W." enum:"A|B"`
	Text    *upper            `json:"text" doc:"T."`
	Own     ownJSON           `json:"own" doc:"O."`
	Spans   []Duration        `json:"spans" doc:"S."`
	Levels  map[string]levels `json:"levels" doc:"L."`
	Small   uint16            `json:"small" doc:"S."`
	Headers map[string][]any  `json:"headers" doc:"H." conf:"open,secret"`
}

// Pin is a number that nobody should see.
type Pin int

type word string

type levels struct {
	Extra struct {
		One *inOpen `json:"one/two" doc:"O."`
	} `json:"extra" conf:"namespaces" doc:"E."`
}

func TestEdges(t *testing.T) {
	rows := []struct {
		name, text, want string
	}{
		{"an open struct takes any key", `"open": {"known": 1, "else": 2, "@c": 3, "Known": 4}`, ""},
		{"but reads its own", `"open": {"known": "x"}`, `1:35: open.known: got a string, want a number`},
		{"a secret number is not shown", `"pin": 1.5`, `1:24: pin: got (hidden), want a whole number`},
		{"a list of the only words counts in maps too", `"words": {"a": "C"}`, `1:32: words.a: got "C", want "A" or "B"`},
		{"a scalar for a map", `"words": "A"`, `1:26: words: got a string, want an object`},
		{"a number for what reads strings", `"text": 1`, `1:25: text: got a number, want a string`},
		{"a long value is cut", `"text": "` + strings.Repeat("é", 60) + `"`, `1:25: text: got "` + strings.Repeat("é", 40) + `…", want upper case`},
		{"null in a list of durations", `"spans": ["1s", null]`, `1:33: spans[1]: got null, want a duration with its unit, such as "3s"`},
		{"null for what reads strings", `"text": null`, `1:25: text: got null, want a string`},
		{"a missing variable for a duration", `"spans": ["${X}"]`, "1:27: spans[0]: X is not set in the environment (a default is written ${X:-default})"},
		{"a missing variable for a number", `"small": "${X}"`, "1:26: small: X is not set in the environment (a default is written ${X:-default})"},
		{"a missing variable in what reads itself", `"own": {"a": ["${X}", true, 1.0]}`, "1:31: own.a[0]: X is not set in the environment (a default is written ${X:-default})"},
		{"a missing variable for what reads strings", `"text": "${X}"`, "1:25: text: X is not set in the environment (a default is written ${X:-default})"},
		{"a whole number with a point", `"small": 65535.0`, ""},
		{"one too large", `"small": 65536.0`, "1:26: small: got 65536.0, want a whole number from 0 to 65535"},
		{"a list for a duration", `"spans": [["1s"]]`, `1:27: spans[0]: got a list, want a duration with its unit, such as "3s"`},
		{"a namespace under a key of the user's", `"one/two": {}`, `1:17: one/two: belongs under levels.*`},
		{"a key under a key of the user's", `"levels": {"a": {"one/two": {}}}`, `1:34: levels.a.one/two: belongs under levels.a.extra`},
		{"what is not served and has no description", `"nameless": {}`, `1:17: nameless: not served here`},
		{"a namespace that nobody serves, at the wrong level too", `"levels": {"a": {"gone/by": {}}}`, `1:34: levels.a.gone/by: not served here: gone`},
		{"a misspelt old namespace is told its new name", `"levels": {"a": {"extra": {"older/ones": {}}}}`, `1:44: levels.a.extra.older/ones: unknown namespace (did you mean "one/two"?)`},
	}
	opt := Options{
		Env:      func(string) (string, bool) { return "", false },
		Unserved: map[string]string{"nameless": "", "gone/by": "gone"},
		Renamed:  map[string]string{"older/one": "one/two"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			want := row.want
			if want != "" {
				want = "g.json:" + want
			}
			d, err := decode(t, `{"version":  4, `+row.text+`}`, &edge{}, opt)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != want || len(d.Warnings()) > 0 {
				t.Errorf("got %s, %v\nwant %s", text, d.Warnings(), want)
			}
		})
	}
}

func TestSecretsOfEveryKindAreNotPrinted(t *testing.T) {
	d, err := decode(t, `{"version": 4, "pin": 1234, "open": {"@x": 1}, "headers": {"X": ["a", 1, {"b": true}]}}`, &edge{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"version\": 4,\n  \"pin\": \"(hidden)\",\n  \"open\": {\n    \"@x\": 1\n  },\n" +
		"  \"headers\": {\n    \"X\": [\n      \"(hidden)\",\n      \"(hidden)\",\n      {\n        \"b\": \"(hidden)\"\n      }\n    ]\n  }\n}\n"
	if got := string(d.Redacted()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReferenceUsesTheNamesThatTypesGiveThemselves(t *testing.T) {
	type root struct {
		A []titled  `json:"a" doc:"A."`
		B *kinded   `json:"b" doc:"B."`
		C free      `json:"c" doc:"C."`
		D []any     `json:"d" doc:"D."`
		E []upper   `json:"e" doc:"E." enum:"X|Y"`
		F [][]bool  `json:"f" doc:"F."`
		G oneOrMany `json:"g" doc:"G."`
	}
	var out bytes.Buffer
	if err := Reference(&out, root{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `a` | list of a titled things |", "| `b` | string |", "| `c` | any |", "| `d` | list of anything |",
		"| `e` | list of `\"X\"`, `\"Y\"` |", "| `f` | list of list of booleans |",
		"| `g` | string or list of strings or whole number |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got\n%s\nwant %s in it", out.String(), want)
		}
	}
}

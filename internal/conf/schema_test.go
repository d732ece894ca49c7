package conf

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		writeFile(t, path, string(got))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(&service{}, SchemaOptions{ID: "https://example.com/s.json", Title: "A service"})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("https://example.com/s.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("https://example.com/s.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func allows(t testing.TB, schema *jsonschema.Schema, text string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestSchemaIsStable(t *testing.T) {
	text, err := Schema(&service{}, SchemaOptions{Title: "A service"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", append(text, '\n'))
}

func TestSchemaAgreesWithDecode(t *testing.T) {
	rows := []struct {
		name, text string
		ok         bool
	}{
		{"the smallest file", `{"version": 4}`, true},
		{"remarks where keys are ours", `{"version": 4, "$schema": "x", "@a": 1, "_b": [], "#c": {}, "//d": null}`, true},
		{"scalars", `{"version": 4, "name": "n", "port": 1, "ratio": 0.5, "timeout": "1h30m", "debug_endpoint": true}`, true},
		{"whole numbers with a point", `{"version": 4, "port": 8080.0}`, true},
		{"an unknown key", `{"version": 4, "prot": 1}`, false},
		{"an unknown key deep inside", `{"version": 4, "endpoints": [{"backend": [{"x_y_z": 1}]}]}`, false},
		{"an unknown namespace", `{"version": 4, "extra_config": {"auth/x": {}}}`, false},
		{"a namespace at the wrong level", `{"version": 4, "extra_config": {"qos/circuit-breaker": {}}}`, false},
		{"a namespace that is not served", `{"version": 4, "extra_config": {"auth/signer": {}}}`, false},
		{"an old name", `{"version": 4, "endpoints": [{"headers_to_pass": []}]}`, false},
		{"the user's keys", `{"version": 4, "endpoints": [{"backend": [{"mapping": {"@a": "b", "c": "d"}}]}]}`, true},
		{"the user's values", `{"version": 4, "endpoints": [{"backend": [{"mapping": {"a": 1}}]}]}`, false},
		{"anything", `{"version": 4, "endpoints": [{"backend": [{"extra_config": {"modifier/martian": {"a": [null]}}}]}]}`, true},
		{"a number for a string", `{"version": 4, "name": 1}`, false},
		{"a string for a number", `{"version": 4, "port": "8080"}`, false},
		{"a string for a boolean", `{"version": 4, "debug_endpoint": "true"}`, false},
		{"a number for a duration", `{"version": 4, "timeout": 3}`, false},
		{"a duration without a unit", `{"version": 4, "timeout": "3"}`, false},
		{"a duration of nothing", `{"version": 4, "timeout": "0"}`, true},
		{"a duration with fractions and micros", `{"version": 4, "timeout": "1.5h.5m3µs"}`, true},
		{"a scalar for a list", `{"version": 4, "host": "x"}`, false},
		{"null", `{"version": 4, "host": null}`, false},
		{"a fraction for a whole number", `{"version": 4, "port": 1.5}`, false},
		{"too large a number", `{"version": 4, "workers": 256}`, false},
		{"too small a number", `{"version": 4, "workers": -1}`, false},
		{"one of the list", `{"version": 4, "endpoints": [{"output_encoding": "no-op"}]}`, true},
		{"none of the list", `{"version": 4, "endpoints": [{"output_encoding": "noop"}]}`, false},
		{"the environment for a number", `{"version": 4, "port": "${N}"}`, true},
		{"the environment for a boolean", `{"version": 4, "debug_endpoint": "${B}"}`, true},
		{"the environment for a duration", `{"version": 4, "timeout": "${D}"}`, true},
		{"the environment for a part of a duration", `{"version": 4, "timeout": "${N}s"}`, true},
		{"the environment for one of the list", `{"version": 4, "endpoints": [{"output_encoding": "${J}"}]}`, true},
		{"the environment for a part of a number", `{"version": 4, "port": "1${N}"}`, false},
		{"a pair", `{"version": 4, "extra_config": {"auth/validator": {"propagate_claims": [["a", "b"], {"claim": "a"}]}}}`, true},
		{"no pair", `{"version": 4, "extra_config": {"auth/validator": {"propagate_claims": ["a"]}}}`, false},
		{"another version", `{"version": 5}`, false},
		{"no version", `{}`, false},
	}
	opt := options()
	opt.Env = func(name string) (string, bool) {
		return map[string]string{"N": "3", "B": "true", "D": "3s", "J": "json"}[name], true
	}
	schema := compiled(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, decoding := decode(t, row.text, &service{}, opt)
			if (decoding == nil) != row.ok {
				t.Errorf("Decode: got %v, want ok %v", decoding, row.ok)
			}
			if err := allows(t, schema, row.text); (err == nil) != row.ok {
				t.Errorf("the schema: got %v, want ok %v", err, row.ok)
			}
		})
	}
}

// FuzzSchema: what Decode takes without a word, the schema takes.
func FuzzSchema(f *testing.F) {
	seeds(f)
	schema := compiled(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("g.json", data)
		if err != nil {
			return
		}
		if version, err := d.Version(); err != nil || version != 4 {
			return
		}
		opt := options()
		opt.Env = func(string) (string, bool) { return "1", true }
		if err := d.Decode(&service{}, opt); err != nil || len(d.Warnings()) > 0 {
			return
		}
		if err := allows(t, schema, string(data)); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	})
}

type tree struct {
	Name     string           `json:"name" doc:"A name." default:"the parent's name"`
	Children []*tree          `json:"children" doc:"Further ones."`
	ByName   map[string]tree  `json:"by_name" doc:"Named ones."`
	Open     inOpen           `json:"open" doc:"Anything may stand here." conf:"open"`
	Level    []string         `json:"level" doc:"A list." enum:"a|b" default:"[\"a\"]"`
	Both     [2]string        `json:"both" doc:"Two."`
	Inline   struct{ A int }  `json:"inline" doc:"Without keys."`
	Secret   *upper           `json:"secret" doc:"A key." conf:"secret" enum:"A|B" default:"A"`
	Any      any              `json:"any" doc:"A | B."`
	Small    int16            `json:"small" doc:"Small." default:"many"`
	Numbers  map[string]int32 `json:"numbers" doc:"Numbers." since:"4"`
}

type inOpen struct {
	Known int `json:"known" doc:"One key that is known."`
}

func TestSchemaOfATree(t *testing.T) {
	text, err := Schema(tree{}, SchemaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "tree.json", append(text, '\n'))
}

func TestSchemaWantsToBeComplete(t *testing.T) {
	type undocumented struct {
		A int `json:"a"`
	}
	type impossible struct {
		A chan int `json:"a" doc:"Impossible."`
	}
	type silent struct {
		A ownJSON   `json:"a" doc:"Nobody knows."`
		B []ownJSON `json:"b" doc:"Nor here."`
	}
	rows := []struct {
		root any
		want string
	}{
		{silent{}, "conf.ownJSON reads itself: it wants a method ConfSchema"},
		{undocumented{}, `conf.undocumented: the key "a" has no doc`},
		{impossible{}, `nothing of a file can fill a chan int`},
		{nil, `got <nil>, want a struct`},
		{1, `got int, want a struct`},
	}
	for _, row := range rows {
		if _, err := Schema(row.root, SchemaOptions{}); err == nil || err.Error() != row.want {
			t.Errorf("Schema of %T: got %v, want %s", row.root, err, row.want)
		}
	}
	for _, root := range []any{undocumented{}, nil, 1} {
		if err := Reference(&bytes.Buffer{}, root); err == nil {
			t.Errorf("Reference of %T: got no error", root)
		}
	}
}

func TestReferenceIsStable(t *testing.T) {
	var out bytes.Buffer
	if err := Reference(&out, &service{}); err != nil {
		t.Fatal(err)
	}
	out.WriteString("\n---\n\n")
	if err := Reference(&out, tree{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "reference.md", out.Bytes())
}

func TestDurationsPrintAsTheyAreRead(t *testing.T) {
	text, err := json.Marshal(map[string]any{"a": Duration(90e9), "b": ptr(Duration(0))})
	if err != nil || string(text) != `{"a":"1m30s","b":"0s"}` {
		t.Errorf("got %s, %v", text, err)
	}
	var d Duration
	if err := d.UnmarshalText([]byte("1.5h")); err != nil || d.String() != "1h30m0s" {
		t.Errorf("got %v, %v", d, err)
	}
}

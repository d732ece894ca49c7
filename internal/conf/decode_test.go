package conf

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func decode(t *testing.T, data string, into any, opt Options) (*Document, error) {
	t.Helper()
	d, err := Parse("g.json", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return d, d.Decode(into, opt)
}

func ptr[T any](v T) *T { return &v }

func TestDecodeFillsEverything(t *testing.T) {
	var got service
	d, err := decode(t, `{
		"version": 4, "name": "n", "port": 0, "workers": 255, "ratio": 0.5, "timeout": "1h30m", "debug_endpoint": true,
		"host": ["a", "b"],
		"endpoints": [{
			"endpoint": "/a", "method": "POST", "timeout": "300ms", "input_headers": [], "concurrent_calls": 1e1,
			"backend": [{
				"method": "PUT", "url_pattern": "/b", "mapping": {"_id": "id"}, "target": "UP", "retries": -128,
				"extra_config": {
					"modifier/martian": {"z": 1.50, "a" : null}, "backend/digits": 12345678901234567890.10,
					"auth/client-credentials": {"endpoint_params": {"n": 12345678901234567890, "l": [true, null, "x", {"@y": 1}]}}
				}
			}, {}],
			"extra_config": {
				"auth/validator": {"propagate_claims": [["sub", "X-Sub"], {"claim": "c", "header": "h"}], "cache": false},
				"qos/ratelimit/router": {"max_rate": 2, "every": "0", "strategy": "ip", "capacity": -9223372036854775808}
			}
		}],
		"providers": {"one": {"issuer": "i"}},
		"extra_config": {"router": {"error_body": {"404": {"a": 1}, "405": null}, "auto_head": false}}
	}`, &got, options())
	if err != nil || len(d.Warnings()) > 0 {
		t.Fatal(err, d.Warnings())
	}
	want := service{
		Version: 4, Name: "n", Port: ptr(0), Workers: 255, Ratio: 0.5, Timeout: ptr(Duration(90 * time.Minute)), Debug: true,
		Host: []string{"a", "b"},
		Endpoints: []endpoint{{
			common: common{Method: "POST", Timeout: ptr(Duration(300 * time.Millisecond))}, Endpoint: "/a",
			InputHeaders: []string{}, Concurrent: 10,
			Backends: []*backend{{
				common: common{Method: "PUT"}, URLPattern: "/b", Mapping: map[string]string{"_id": "id"}, Target: ptr(upper("UP")), Retries: -128,
				Extra: backendExtra{
					Martian: json.RawMessage(`{"z": 1.50, "a" : null}`), Digits: "12345678901234567890.10",
					Client: &credentials{Params: map[string]any{
						"n": json.Number("12345678901234567890"), "l": []any{true, nil, "x", map[string]any{"@y": json.Number("1")}},
					}},
				},
			}, {}},
			Extra: endpointExtra{
				Validator: &validator{Propagate: []pair{{"sub", "X-Sub"}, {"c", "h"}}},
				Limit:     &limit{MaxRate: 2, Strategy: "ip", Capacity: ptr(int64(-1 << 63))},
			},
		}},
		Providers: map[string]*provider{"one": {"i"}},
		Extra: serviceExtra{Router: &router{
			ErrorBody: map[string]json.RawMessage{"404": json.RawMessage(`{"a": 1}`), "405": json.RawMessage("null")}, AutoHead: ptr(false),
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeTellsWrittenFromZero(t *testing.T) {
	var got service
	if _, err := decode(t, `{"version": 4}`, &got, Options{}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, service{Version: 4}) {
		t.Errorf("got %+v, want nothing written", got)
	}
	if Value(got.Port, 8080) != 8080 || got.Timeout.Or(time.Second) != time.Second {
		t.Error("want the default where nothing is written")
	}
	if Value(ptr(1), 8080) != 1 || ptr(Duration(2)).Or(time.Second) != 2 {
		t.Error("want what is written")
	}
}

func TestOldVersionsTakeWhatKrakenDTakes(t *testing.T) {
	var got service
	d, err := decode(t, `{"version": "3", "port": "19080", "ratio": "1e-1", "debug_endpoint": "false", "host": "http://x",
		"endpoints": [{"input_headers": "X-A", "backend": [{"extra_config": {"backend/digits": "1.0"}}]}]}`, &got, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := service{
		Version: 3, Port: ptr(19080), Ratio: 0.1, Host: []string{"http://x"},
		Endpoints: []endpoint{{InputHeaders: []string{"X-A"}, Backends: []*backend{{Extra: backendExtra{Digits: "1.0"}}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(d.Warnings()) != 7 {
		t.Errorf("got %d warnings, want one for each of 7: %v", len(d.Warnings()), d.Warnings())
	}
	for _, text := range []string{`" 1"`, `"1 "`, `"0x1"`, `"1_0"`, `"01"`, `"+1"`, `""`, `"Inf"`, `"-"`, `"true"`} {
		if _, err := decode(t, `{"version": 3, "port": `+text+`}`, &got, Options{}); err == nil {
			t.Errorf("took %s for a number", text)
		}
	}
	for _, text := range []string{`"TRUE"`, `"1"`, `1`, `"yes"`, `""`} {
		if _, err := decode(t, `{"version": 3, "debug_endpoint": `+text+`}`, &got, Options{}); err == nil {
			t.Errorf("took %s for a boolean", text)
		}
	}
}

func TestEnvironmentFillsIn(t *testing.T) {
	opt := Options{
		Env: func(name string) (string, bool) {
			value, ok := map[string]string{"PORT": " 8080\n", "YES": "true", "SPAN": "3s", "A": "${B}", "JSON": `{"x":1}`}[name]
			return value, ok
		},
		ReadFile: func(path string) ([]byte, error) {
			return []byte(map[string]string{"/secret": "s3cret\r\n", "/lines": "a\n\n"}[path]), nil
		},
	}
	var got service
	d, err := decode(t, `{"version": 4, "port": "${PORT}", "debug_endpoint": "${YES}", "timeout": "${SPAN}", "name": "<${file:/secret}>",
		"host": ["${A}", "$${A}", "${X:-}", "${X:-a:-b}", "${file:/lines}", "a$", "$", "$A", "}"],
		"endpoints": [{"backend": [{"mapping": {"${A}": "${YES}"}, "extra_config": {
			"modifier/martian": {"n": 1.0, "s": "${JSON}", "e": "é€"}, "backend/digits": "${PORT}"}}]}]}`, &got, opt)
	if err != nil || len(d.Warnings()) > 0 {
		t.Fatal(err, d.Warnings())
	}
	want := service{
		Version: 4, Port: ptr(8080), Debug: true, Timeout: ptr(Duration(3 * time.Second)), Name: "<s3cret>",
		Host: []string{"${B}", "${A}", "", "a:-b", "a\n", "a$", "$", "$A", "}"},
		Endpoints: []endpoint{{Backends: []*backend{{
			Mapping: map[string]string{"${A}": "true"},
			Extra:   backendExtra{Martian: json.RawMessage(`{"n":1.0,"s":"{\"x\":1}","e":"é€"}`), Digits: "8080"},
		}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOptionsStandForTheProcess(t *testing.T) {
	t.Setenv("CONF_TEST_PORT", "8081")
	path := t.TempDir() + "/name"
	writeFile(t, path, "from a file\n")
	var got service
	if _, err := decode(t, `{"version": 4, "port": "${CONF_TEST_PORT}", "name": "${file:`+path+`}"}`, &got, Options{}); err != nil {
		t.Fatal(err)
	}
	if *got.Port != 8081 || got.Name != "from a file" {
		t.Errorf("got %d, %q, want what the process sees", *got.Port, got.Name)
	}
}

func TestRootChecksAreAmongTheMistakes(t *testing.T) {
	opt := Options{Root: func(d *Document) []error {
		if raw, ok := d.Raw("endpoints", 0, "backend"); !ok || string(raw) != "[]" {
			return []error{errors.New("want to see the bare document")}
		}
		return []error{At(errors.New("want at least one"), "endpoints", 0, "backend")}
	}}
	_, err := decode(t, "{\"version\": 3,\n\"timeout\": 1,\n\"endpoints\": [{\"backend\": []}],\n\"prot\": 1}", &service{}, opt)
	want := `g.json:2:12: timeout: got 1, want a duration with its unit, such as "3s"
g.json:3:27: endpoints[0].backend: want at least one
g.json:4:1: prot: unknown key (did you mean "port"?)`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// ownJSON shows what a json.Unmarshaler is given, and how its errors are told.
type ownJSON struct{ got string }

func (o *ownJSON) UnmarshalJSON(data []byte) error {
	o.got = string(data)
	if o.got[0] == '{' {
		return Join(At(errors.New("wrong"), "a"), At(errors.New("worse"), "nowhere"))
	}
	if o.got[0] == '[' {
		var fields struct {
			Text    []string
			Digits  []json.Number
			Flags   []bool
			Objects []map[string]int
			Lists   [][]int
			Small   []int8
		}
		return json.Unmarshal([]byte(strings.Trim(o.got, "[]")), &fields)
	}
	if o.got[0] == '"' {
		return errors.New("got the string " + o.got)
	}
	return nil
}

func TestTypesThatReadThemselves(t *testing.T) {
	opt := Options{Env: func(string) (string, bool) { return "12", true }}
	rows := []struct{ name, value, got, want string }{
		{"a number reaches it as written", `1.50`, "1.50", ""},
		{"${…} may stand for a number", `"${N}"`, "12", ""},
		{"a string is filled in", `"x${N}"`, `"x12"`, `g.json:1:21: own: got the string "x${N}"`},
		{"its mistakes keep their paths", `{"a": 1}`, `{"a": 1}`, "g.json:1:21: own: worse\ng.json:1:27: own.a: wrong"},
		{"the words of encoding/json are put in ours: number", `[{"text": [1]}]`, `[{"text": [1]}]`, "g.json:1:21: own: got a number, want a string"},
		{"boolean", `[{"objects": [true]}]`, `[{"objects": [true]}]`, "g.json:1:21: own: got a boolean, want an object"},
		{"string", `[{"flags": ["x"]}]`, `[{"flags": ["x"]}]`, "g.json:1:21: own: got a string, want a boolean"},
		{"object", `[{"small": [{"a": 1}]}]`, `[{"small": [{"a": 1}]}]`, "g.json:1:21: own: got an object, want a number"},
		{"list", `[{"text": [[ ]]}]`, `[{"text": [[ ]]}]`, "g.json:1:21: own: got a list, want a string"},
		{"too large", `[{"small": [300]}]`, `[{"small": [300]}]`, "g.json:1:21: own: got the number 300, want a number"},
		{"null never reaches it", `null`, "", "g.json:1:21: own: got null, want a value"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var root struct {
				Version int     `json:"version"`
				Own     ownJSON `json:"own"`
			}
			_, err := decode(t, `{"version":4,"own": `+row.value+`}`, &root, opt)
			text := ""
			if err != nil {
				text = strings.ReplaceAll(err.Error(), "own.nowhere", "own")
			}
			if root.Own.got != row.got || text != row.want {
				t.Errorf("got %s, %s\nwant %s, %s", root.Own.got, text, row.got, row.want)
			}
		})
	}
}

type asRow struct{ Number int }

func (r *asRow) ReadConf(n Node) error {
	if n.Version() != 3 {
		return errors.New("want the version of the file")
	}
	if n.Decode(r.Number) { // not a pointer
		return errors.New("took what is no pointer")
	}
	n.Decode(&r.Number)
	return nil
}

func TestShapesThatNoFileCanFill(t *testing.T) {
	var root struct {
		Channel chan int       `json:"channel"`
		Reader  asRow          `json:"reader"`
		Keys    map[int]string `json:"keys"`
		Face    error          `json:"face"`
	}
	_, err := decode(t, `{"version": 3, "channel": 1, "reader": 2, "keys": {"1": "x"}, "face": "x"}`, &root, Options{})
	want := `g.json:1:27: channel: nothing of a file can fill a chan int
g.json:1:40: reader: nothing of a file can fill a int
g.json:1:52: keys.1: no key of a file can fill a int
g.json:1:71: face: nothing of a file can fill a error`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if root.Reader.Number != 2 {
		t.Errorf("got %d, want 2", root.Reader.Number)
	}
	for _, bad := range []any{nil, service{}, (*service)(nil), new(int)} {
		if _, err := decode(t, `{}`, bad, Options{}); err == nil {
			t.Errorf("took %T", bad)
		}
	}
}

type inner struct {
	A string `json:"a"`
	B string `json:"b"`
}

type Pointed struct {
	C string `json:"c"`
}

type upperKey = map[upper]int

func TestEmbeddedStructs(t *testing.T) {
	var root struct {
		inner
		*Pointed
		B     int      `json:"b"` // says anew what inner says
		Named Pointed  `json:"named"`
		Keys  upperKey `json:"keys"`
		Skip  int      `json:"-"`
		None  int
	}
	_, err := decode(t, `{"version": 3, "a": "1", "b": 2, "c": "3", "named": {"c": "4"}, "keys": {"X": 1}}`, &root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if root.A != "1" || root.B != 2 || root.Pointed == nil || root.C != "3" || root.Named.C != "4" || root.Keys["X"] != 1 {
		t.Errorf("got %+v", root)
	}
	var none struct {
		*Pointed
		A int `json:"a"`
	}
	if _, err := decode(t, `{"version": 3, "a": 1}`, &none, Options{}); err != nil || none.Pointed != nil {
		t.Errorf("got %v, %v, want no embedded struct where none of its keys is written", none.Pointed, err)
	}
	_, err = decode(t, `{"version": 3, "keys": {"x": 1}}`, &root, Options{})
	if want := `g.json:1:25: keys.x: got "x", want upper case`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

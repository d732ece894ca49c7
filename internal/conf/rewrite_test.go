package conf_test

import (
	"strings"
	"testing"

	"gatehouse/internal/conf"
)

// modernFile is a grammar small enough to see all of it.
type modernFile struct {
	Version int      `json:"version"`
	Name    string   `json:"name"`
	Port    int      `json:"port"`
	Debug   bool     `json:"debug"`
	Host    []string `json:"host" old:"hosts"`
	Extra   struct {
		Limit *struct {
			Rate int `json:"max_rate" old:"maxRate"`
		} `json:"qos/limit"`
	} `json:"extra_config" conf:"namespaces"`
	Data map[string]string `json:"data" conf:"open"`
}

func TestModernizeWritesWhatVersion4Reads(t *testing.T) {
	rows := []struct{ name, old, modern string }{
		{"nothing to change", `{"version": 3, "name": "a"}`, `{"version": 3, "name": "a"}`},
		{"old names", `{"version":2,"hosts":["a"]}`, `{"version":2,"host":["a"]}`},
		{"an old name written with escapes", `{"version":3,"h\u006fsts":["a"]}`, `{"version":3,"host":["a"]}`},
		{"old namespaces, and old names in them", `{"version":3,"extra_config":{"old/limit":{"maxRate":1}}}`, `{"version":3,"extra_config":{"qos/limit":{"max_rate":1}}}`},
		{"numbers, booleans and lists", `{"version":3,"port":"80","debug":"true","host":"a"}`, `{"version":3,"port":80,"debug":true,"host":["a"]}`},
		{"what nobody reads", `{"version":3,"colours":{"a": ["b"]}}`, `{"version":3,"@colours":{"a": ["b"]}}`},
		{"null", `{"version":3,"name": null, "port": 1}`, `{"version":3,"@name": null, "port": 1}`},
		{"a dollar and a brace", `{"version":3,"name":"${a} $${b}","data":{"k":"${c}"},"@c":"${d}"}`, `{"version":3,"name":"$${a} $$${b}","data":{"k":"$${c}"},"@c":"${d}"}`},
		{"both in one", `{"version":3,"hosts":"${a}"}`, `{"version":3,"host":["$${a}"]}`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			doc := decoded(t, row.old)
			rewrite := doc.Modernize()
			if got := string(rewrite.Bytes()); got != row.modern {
				t.Errorf("got  %s\nwant %s", got, row.modern)
			}
			if changed := row.old != row.modern; changed != (len(rewrite.Notes()) > 0) {
				t.Errorf("notes: %v", rewrite.Notes())
			}
			four := strings.NewReplacer(`"version":3`, `"version":4`, `"version":2`, `"version":4`, `"version": 3`, `"version": 4`).Replace(row.modern)
			if warnings := decoded(t, four).Warnings(); warnings != nil {
				t.Errorf("version 4 warns: %v", warnings)
			}
		})
	}
}

func TestSetWritesInTheMannerOfItsNeighbours(t *testing.T) {
	rows := []struct{ name, old, want string }{
		{"on lines of their own", "{\n  \"version\": 3,\n  \"name\": \"a\"\n}", "{\n  \"version\": 4,\n  \"name\": \"a\",\n  \"port\": 1,\n  \"extra_config\": {\"qos/limit\": {\"max_rate\": 2}}\n}"},
		{"on one line", `{"version": 3}`, `{"version": 4, "port": 1, "extra_config": {"qos/limit": {"max_rate": 2}}}`},
		{"in the place of a text for a number", `{"version": "3", "extra_config": {"old/limit": {"maxRate": "9"}}, "port": "8"}`, `{"version": 4, "extra_config": {"qos/limit": {"max_rate": 2}}, "port": 1}`},
		{"in an object that is there", `{"version": 3, "port": 9, "extra_config": {"qos/limit": {}}}`, `{"version": 4, "port": 1, "extra_config": {"qos/limit": {"max_rate": 2}}}`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			rewrite := decoded(t, row.old).Modernize()
			rewrite.Set("4", "version")
			rewrite.Set("1", "port")
			rewrite.Set("2", "extra_config", "qos/limit", "max_rate")
			if got := string(rewrite.Bytes()); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
	rewrite := decoded(t, `{"version": 3, "port": 9, "hosts": ["a"]}`).Modernize()
	rewrite.Remark("port")
	rewrite.Remark("host")
	if got, want := string(rewrite.Bytes()), `{"version": 3, "@port": 9, "@hosts": ["a"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOverridesWinOverTheFile(t *testing.T) {
	doc, err := conf.Parse("gateway.json", []byte(`{"version": 4, "port": 1, "host": ["a"], "name": "a"}`))
	if err != nil {
		t.Fatal(err)
	}
	var file modernFile
	err = doc.Decode(&file, conf.Options{Override: []conf.Override{
		{"A_PORT", "port", "80"}, {"B_PORT", "port", "81"}, {"A_HOST", "host", "b, c"}, {"A_DEBUG", "debug", "true"}, {"A_NAME", "name", "${x}"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if file.Port != 80 || strings.Join(file.Host, " ") != "b c" || !file.Debug || file.Name != "${x}" {
		t.Errorf("got %+v", file)
	}
	wrong, err := conf.Parse("gateway.json", []byte(`{"version": 4}`))
	if err != nil {
		t.Fatal(err)
	}
	err = wrong.Decode(&modernFile{}, conf.Options{Override: []conf.Override{{"A_PORT", "port", "x"}, {"A_DATA", "data", "x"}, {"A_NOPE", "nope", "x"}}})
	want := "A_DATA: no key \"data\" of the top level can be set like this\nA_NOPE: no key \"nope\" of the top level can be set like this\nA_PORT: port: got \"x\", want a number"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if got := wrong.Locate(conf.At(errorText("too low"), "port"))[0].Error(); got != "A_PORT: port: too low" {
		t.Errorf("a later mistake is told as %s", got)
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

func decoded(t *testing.T, text string) *conf.Document {
	t.Helper()
	doc, err := conf.Parse("gateway.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Decode(&modernFile{}, conf.Options{Renamed: map[string]string{"old/limit": "qos/limit"}}); err != nil {
		t.Fatal(err)
	}
	return doc
}

package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/cli"
	"gatehouse/internal/gatewaytest"
)

// TestAFileOfFortyEndpoints plays a whole file of a KrakenD user: as it is, as migrate writes it, and in pieces that flexible
// configuration puts together, as these are and migrated.
func TestAFileOfFortyEndpoints(t *testing.T) {
	t.Run("as it is", func(t *testing.T) {
		gatewaytest.Runner{Boot: boot, Check: check}.Pages(t, "testdata/forty/*.txtar")
	})
	t.Run("migrated", func(t *testing.T) {
		gatewaytest.Runner{Check: check, Boot: func(t testing.TB, s gatewaytest.Site) { s.JSON = migrated(t, s); boot(t, s) }}.Pages(t, "testdata/forty/*.txtar")
	})
	t.Run("in pieces", func(t *testing.T) {
		gatewaytest.Runner{Check: check, Boot: func(t testing.TB, s gatewaytest.Site) {
			out := filepath.Join(s.Dir, "out.json")
			t.Setenv("FC_OUT", out)
			command(t, "check", "-c", pieces(t, s))
			var err error
			if s.JSON, err = os.ReadFile(out); err != nil {
				t.Fatal(err)
			}
			boot(t, s)
		}}.Pages(t, "testdata/forty/*.txtar")
	})
	t.Run("in pieces, migrated", func(t *testing.T) {
		gatewaytest.Runner{Check: check, Boot: func(t testing.TB, s gatewaytest.Site) {
			s.JSON = command(t, "migrate", pieces(t, s))
			boot(t, s)
		}}.Pages(t, "testdata/forty/*.txtar")
	})
	data, err := os.ReadFile("testdata/forty/krakend.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Endpoints []json.RawMessage }
	if err := json.Unmarshal(data, &file); err != nil || len(file.Endpoints) < 40 {
		t.Errorf("%d endpoints, want at least 40 (%v)", len(file.Endpoints), err)
	}
}

// flexibleFile puts the pieces together: settings, a partial for the service, one for the rest of each endpoint, a template.
const flexibleFile = `{"version": 3, "name": {{ marshal .service.name }}, "timeout": "{{ .service.timeout | default "9s" }}", "port": {{ .service.port }},
{{ include "service.txt" }},
"endpoints": [
{{- range $i, $e := .endpoints.list }}{{ if $i }},{{ end }}
  {{ template "endpoint.tmpl" $e }}
{{- end }}
]}`

const flexibleEndpoint = `{"endpoint": "{{ .path }}"{{ with .method }}, "method": "{{ . | upper }}"{{ end }}, {{ include .rest }}}`

// pieces takes a file apart, sets FC_* and returns what the pieces begin with.
func pieces(t testing.TB, s gatewaytest.Site) string {
	t.Helper()
	var file map[string]json.RawMessage
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(s.JSON, &file); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file["endpoints"], &list); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.Dir, "flexible")
	settings := map[string]any{"name": file["name"], "timeout": file["timeout"], "port": file["port"]}
	written := map[string]any{"settings/service.json": settings, "gateway.tmpl": flexibleFile, "templates/endpoint.tmpl": flexibleEndpoint}
	written["partials/service.txt"] = members(file, "version", "name", "timeout", "port", "endpoints")
	endpoints := make([]any, len(list))
	for i, e := range list {
		rest := fmt.Sprintf("endpoint-%d.txt", i)
		written["partials/"+rest] = members(e, "endpoint", "method")
		one := map[string]any{"path": e["endpoint"], "rest": rest}
		if e["method"] != nil {
			one["method"] = e["method"]
		}
		endpoints[i] = one
	}
	written["settings/endpoints.json"] = map[string]any{"list": endpoints}
	for name, content := range written {
		text, ok := content.(string)
		if !ok {
			data, err := json.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			text = string(data)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("FC_ENABLE", "1")
	for _, name := range []string{"settings", "partials", "templates"} {
		t.Setenv("FC_"+strings.ToUpper(name), filepath.Join(dir, name))
	}
	return filepath.Join(dir, "gateway.tmpl")
}

// members is the inside of an object, but for some of its fields.
func members(object map[string]json.RawMessage, but ...string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(but, name) {
			parts = append(parts, fmt.Sprintf("%q: %s", name, object[name]))
		}
	}
	return strings.Join(parts, ",\n")
}

// command is what a command prints that ends well.
func command(t testing.TB, args ...string) []byte {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := cli.Run(t.Context(), args, nil, &out, &errOut); code != 0 {
		t.Fatalf("%s: exit code %d: %s", args[0], code, errOut.String())
	}
	return out.Bytes()
}

package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// flexible writes a directory of files, sets FC_* and returns the directory. Names of variables point below it.
func flexible(t *testing.T, files map[string]string, variables map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("FC_ENABLE", "1")
	for name, value := range variables {
		t.Setenv(name, filepath.Join(dir, value))
	}
	return dir
}

const flexibleFile = `{
  "version": 3,
  "timeout": "{{ .service.timeout | default "4s" }}",
  "endpoints": [
    {{- range $i, $e := .routes }}{{ if $i }},{{ end }}
    {{ template "endpoint.tmpl" dict "path" $e.path "host" $.service.host }}
    {{- end }},
    {{ include "static.json" }}
  ]
}
`

func flexibleWorld() map[string]string {
	return map[string]string{
		"gateway.tmpl":            flexibleFile,
		"settings/service.json":   `{"host": ["http://127.0.0.1:1"]}`,
		"settings/routes.json":    `[{"path": "/a"}, {"path": "/b"}]`,
		"settings/README.md":      "not settings",
		"partials/static.json":    `{"endpoint": "/c", "backend": [{"host": ["http://127.0.0.1:1"], "url_pattern": "/{{ not a template }}"}]}`,
		"templates/endpoint.tmpl": `{"endpoint": "{{ .path | lower }}", "backend": [{"host": {{ marshal .host }}, "url_pattern": "/{{ .path | trimPrefix "/" }}"}]}`,
	}
}

var flexibleDirs = map[string]string{"FC_SETTINGS": "settings", "FC_PARTIALS": "partials", "FC_TEMPLATES": "templates"}

func TestTemplatesAreFilledIn(t *testing.T) {
	world := flexibleWorld()
	world["partials/static.json"] = strings.Replace(world["partials/static.json"], "{{ not a template }}", "c", 1)
	dir := flexible(t, world, flexibleDirs)
	t.Setenv("FC_OUT", filepath.Join(dir, "out.json"))
	code, out, errOut := run(t, "check", "-c", filepath.Join(dir, "gateway.tmpl"))
	if code != 0 {
		t.Fatalf("code %d: %s", code, errOut)
	}
	for _, want := range []string{"/a", "/b", "/c", "4s"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
	rendered, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil || !strings.Contains(string(rendered), `"host": ["http://127.0.0.1:1"], "url_pattern": "/b"`) {
		t.Errorf("FC_OUT: %v\n%s", err, rendered)
	}
	if info, err := os.Stat(filepath.Join(dir, "out.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("FC_OUT may hold secrets: %v %v", info.Mode(), err)
	}
}

func TestMistakesInTemplates(t *testing.T) {
	rows := []struct {
		name string
		file string // changed
		text string
		code int
		says string // DIR is the directory
	}{
		{"a template that does not parse names its line", "gateway.tmpl", "{\n\n{{ if }}", 1, "DIR/gateway.tmpl:3: missing value for if"},
		{"a function that nobody knows", "gateway.tmpl", "{\n{{ lowre .a }}", 1, `DIR/gateway.tmpl:2: function "lowre" not defined`},
		{"a partial that is not there", "gateway.tmpl", "{\n  {{ include \"nope.json\" }}\n}", 1, "DIR/gateway.tmpl:2:5: executing"},
		{"a partial that is not there, by name", "gateway.tmpl", "{\n  {{ include \"nope.json\" }}\n}", 1, "nope.json: no such file"},
		{"a template that is not there", "gateway.tmpl", "{\n{{ template \"nope.tmpl\" . }}\n}", 1, `DIR/gateway.tmpl:2:12: executing "DIR/gateway.tmpl" at <{{template "nope.tmpl" .}}>: template "nope.tmpl" not defined`},
		{"a mistake in another template", "templates/endpoint.tmpl", "\n{{ .path.x.y }}", 1, `endpoint.tmpl:2:8: executing "endpoint.tmpl" at <.path.x.y>`},
		{"another template that does not parse", "templates/endpoint.tmpl", "{{ end }}", 1, "endpoint.tmpl:1: unexpected {{end}}"},
		{"settings that are no JSON", "settings/service.json", "{\n  \"host\": x\n}", 1, "DIR/settings/service.json:2:11: invalid character 'x'"},
		{"settings that end early", "settings/service.json", "{\n", 1, "DIR/settings/service.json:2:1: unexpected end of JSON input"},
		{"a setting that is not there", "templates/endpoint.tmpl", `{"endpoint": "{{ .nope }}"}`, 1, "gateway.json:5:19: <no value>: a template asks here"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			world := flexibleWorld()
			world[row.file] = row.text
			dir := flexible(t, world, flexibleDirs)
			code, _, errOut := run(t, "check", "-c", filepath.Join(dir, "gateway.tmpl"))
			if want := strings.ReplaceAll(row.says, "DIR", dir); code != row.code || !strings.Contains(errOut, want) {
				t.Errorf("got %d %s\nwant %d %s", code, errOut, row.code, want)
			}
		})
	}
}

func TestDirectoriesMustBeThere(t *testing.T) {
	for name := range flexibleDirs {
		if name == "FC_PARTIALS" {
			continue // include names the file that it wants
		}
		t.Run(name, func(t *testing.T) {
			dir := flexible(t, flexibleWorld(), flexibleDirs)
			t.Setenv(name, filepath.Join(dir, "nope"))
			code, _, errOut := run(t, "check", "-c", filepath.Join(dir, "gateway.tmpl"))
			if code != 3 || !strings.Contains(errOut, name+": open "+dir+"/nope: no such file") {
				t.Errorf("got %d %s", code, errOut)
			}
		})
	}
}

func TestMistakesInWhatWasRenderedNameAFileThatIsKept(t *testing.T) {
	world := flexibleWorld()
	dir := flexible(t, world, flexibleDirs) // the partial's braces are no path that a backend has
	code, _, errOut := run(t, "check", "-c", filepath.Join(dir, "gateway.tmpl"))
	place := regexp.MustCompile(`(\S+/gatehouse-[0-9a-f]{12}-gateway\.json):7:\d+: endpoints\[2\]\.backend\[0\]\.url_pattern`).FindStringSubmatch(errOut)
	if code != 1 || place == nil {
		t.Fatalf("got %d %s", code, errOut)
	}
	kept, err := os.ReadFile(place[1])
	if err != nil || !strings.Contains(string(kept), "{{ not a template }}") {
		t.Errorf("%v\n%s", err, kept)
	}
}

func TestNothingIsKeptOfAFileWithoutMistakes(t *testing.T) {
	world := flexibleWorld()
	world["partials/static.json"] = `{"endpoint": "/c", "backend": [{"host": ["http://127.0.0.1:1"], "url_pattern": "/c"}]}`
	dir := flexible(t, world, flexibleDirs)
	if code, _, errOut := run(t, "check", "-c", filepath.Join(dir, "gateway.tmpl")); code != 0 {
		t.Fatal(errOut)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAFileWithoutFC_ENABLEIsNoTemplate(t *testing.T) {
	dir := flexible(t, flexibleWorld(), flexibleDirs)
	t.Setenv("FC_ENABLE", "")
	code, _, errOut := run(t, "check", "-c", filepath.Join(dir, "gateway.tmpl"))
	if code != 1 || !strings.Contains(errOut, "gateway.tmpl:3:46: got 4s, want ',' ") {
		t.Errorf("got %d %s", code, errOut)
	}
}

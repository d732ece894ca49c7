package gateway_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gatehouse/gateway"
	"gatehouse/internal/gatewaytest"
)

// TestMigratedFilesAnswerTheSame plays every page of versions 2 and 3 against what Migrate makes of its configuration.
func TestMigratedFilesAnswerTheSame(t *testing.T) {
	pages, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`"version":\s*"?[23]`).Match(data) || !strings.Contains(string(data), "-- request") || unlike4(string(data)) {
			continue
		}
		played++
		t.Run(strings.TrimSuffix(filepath.Base(page), ".txtar"), func(t *testing.T) {
			runner := gatewaytest.Runner{
				Boot:  func(t testing.TB, s gatewaytest.Site) { s.JSON = migrated(t, s); boot(t, s) },
				Check: func(t testing.TB, s gatewaytest.Site) (string, string) { return check(t, s) },
			}
			runner.Page(t, page)
		})
	}
	if played < 10 {
		t.Errorf("played %d pages, want at least 10", played)
	}
}

// unlike4 finds what no key of version 4 can say, and Migrate tells so: the body of KrakenD's health endpoint, and the
// media type that YAML had in version 2. Origins that are none, and any origin with credentials, version 4 refuses.
func unlike4(page string) bool {
	return strings.Contains(page, `"allow_origins": ["app.example"`) || strings.Contains(page, `"*"], "allow_credentials": true`) ||
		strings.Contains(page, "GET /__health") && strings.Contains(page, `"version": 3`) || strings.Contains(page, "application/x-yaml")
}

// migrated is a page's file as version 4.
func migrated(t testing.TB, s gatewaytest.Site) []byte {
	t.Helper()
	out, _, err := gateway.Migrate(s.File, s.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Version json.Number }
	if err := json.Unmarshal(out, &file); err != nil || file.Version != "4" {
		t.Fatalf("%v, version %s:\n%s", err, file.Version, out)
	}
	if warnings := warningsOf(t, s.File, out); warnings != "" {
		t.Logf("version 4 warns:\n%s", warnings)
	}
	return out
}

func warningsOf(t testing.TB, file string, data []byte) string {
	t.Helper()
	cfg, doc, err := gateway.Parse(file, data, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("%s\n%s", places(doc, err), data)
	}
	doc.Warn(gateway.Warnings(cfg))
	var b strings.Builder
	for _, w := range doc.Warnings() {
		b.WriteString(w.Error() + "\n")
	}
	return b.String()
}

// TestCredentialsForAnybodyAreMigrated: many files of KrakenD say so, and browsers never did it.
func TestCredentialsForAnybodyAreMigrated(t *testing.T) {
	for _, origins := range []string{`"allow_origins": ["*"], `, ""} {
		out, notes, err := gateway.Migrate("krakend.json", []byte(`{"version": 3, "extra_config": {"security/cors": {`+origins+`"allow_credentials": true, "max_age": "12h"}},
			"endpoints": [{"endpoint": "/a", "backend": [{"host": ["http://a.test"], "url_pattern": "/"}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		cfg, doc, err := gateway.Parse("gateway.json", out, nil)
		if err != nil {
			t.Fatal(places(doc, err))
		}
		shared := newShared(slog.New(slog.DiscardHandler))
		defer closeShared(shared)
		g, err := gateway.New(cfg, shared)
		if err != nil {
			t.Fatal(places(doc, err), string(out))
		}
		g.Close()
		if !strings.Contains(strings.Join(notes, "\n"), "allow_credentials: now a remark") {
			t.Errorf("nothing is said of it: %q", notes)
		}
	}
}

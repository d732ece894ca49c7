package conf

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what is said today into the pages")

// TestPages reads testdata/*.txtar: prose, then NAME.json (one), env (NAME=value lines), files under run/, and what is
// said of it: mistakes, warnings, and redacted (the document as it was understood). A part that is absent must be empty.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(pages) == 0 {
		t.Fatalf("got %d pages (%v), want some", len(pages), err)
	}
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".txtar"), func(t *testing.T) { play(t, page) })
	}
}

func play(t *testing.T, page string) {
	archive, err := txtar.ParseFile(page)
	if err != nil {
		t.Fatal(err)
	}
	name, env, files := "", map[string]string{}, map[string]string{}
	want := map[string]string{}
	for _, f := range archive.Files {
		switch {
		case strings.HasPrefix(f.Name, "gateway."):
			name = f.Name
			files[name] = string(f.Data)
		case f.Name == "env":
			for line := range strings.Lines(string(f.Data)) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				env[key] = unescape(value)
			}
		case strings.HasPrefix(f.Name, "/"):
			files[f.Name] = unescape(string(f.Data))
		default:
			want[f.Name] = string(f.Data)
		}
	}
	got := said(name, env, files)
	if *update {
		rewrite(t, page, archive, got)
		return
	}
	for _, part := range []string{"mistakes", "warnings", "redacted"} {
		if part == "redacted" && want[part] == "" {
			continue
		}
		if got[part] != want[part] {
			t.Errorf("%s of %s:\ngot\n%s\nwant\n%s", part, page, got[part], want[part])
		}
	}
	for part := range want {
		if _, ok := got[part]; !ok {
			t.Errorf("%s has an unknown part %q", page, part)
		}
	}
}

// unescape lets pages hold bytes that are no text.
func unescape(text string) string { return strings.ReplaceAll(text, `\xff`, "\xff") }

// said is everything that is said of a file.
func said(name string, env, files map[string]string) map[string]string {
	opt := options()
	opt.Env = func(key string) (string, bool) { value, ok := env[key]; return value, ok }
	opt.ReadFile = func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	var mistakes, warnings bytes.Buffer
	redacted := ""
	d, err := Parse(name, []byte(files[name]))
	if err == nil {
		var root service
		err = d.Decode(&root, opt)
		Print(&warnings, d.Warnings())
		redacted = string(d.Redacted())
	}
	for _, m := range Flatten(err) {
		fmt.Fprintln(&mistakes, m)
	}
	return map[string]string{"mistakes": mistakes.String(), "warnings": warnings.String(), "redacted": redacted}
}

func rewrite(t *testing.T, page string, archive *txtar.Archive, got map[string]string) {
	var kept []txtar.File
	redacted := false
	for _, f := range archive.Files {
		redacted = redacted || f.Name == "redacted"
		if _, ok := got[f.Name]; !ok {
			kept = append(kept, f)
		}
	}
	for _, part := range []string{"mistakes", "warnings", "redacted"} {
		if got[part] != "" && (part != "redacted" || redacted) {
			kept = append(kept, txtar.File{Name: part, Data: []byte(got[part])})
		}
	}
	archive.Files = kept
	if err := os.WriteFile(page, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

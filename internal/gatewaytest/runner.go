package gatewaytest

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

//nolint:gochecknoglobals // a flag of every test binary that plays pages
var update = flag.Bool("update", false, "rewrite the expected responses and mistakes of pages to what came")

// Site is what a page gives to the gateway under test.
type Site struct {
	File     string       // the configuration's name, as mistakes tell it: "gateway.json"
	JSON     []byte       // its content, placeholders replaced
	Dir      string       // a directory with the page's other files
	Listener net.Listener // where to serve; whoever boots closes it
	Log      io.Writer    // where to log, for -- log --
	Env      map[string]string
}

// Lookup is os.LookupEnv for the names of the page alone.
func (s Site) Lookup(name string) (string, bool) {
	value, ok := s.Env[name]
	return value, ok
}

// Runner plays pages against a gateway that it does not know.
type Runner struct {
	// Boot starts a gateway; it serves until the test ends. Mistakes fail the test.
	Boot func(t testing.TB, s Site)
	// Check reads the configuration and returns what is wrong with it and what was let pass, one a line. It may be nil
	// where no page has mistakes.
	Check func(t testing.TB, s Site) (mistakes, warnings string)
}

// Pages plays every page that the pattern finds, each as a subtest. Finding none is a failure.
func (r Runner) Pages(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages in %s (%v)", pattern, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) { r.Page(t, file) })
	}
}

// Page plays one page.
func (r Runner) Page(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePage(file, data)
	if err != nil {
		t.Fatal(err)
	}
	r.play(t, p, *update, func(label string, f func() error) {
		t.Helper()
		t.Run(label, func(t *testing.T) {
			if err := f(); err != nil {
				t.Errorf("%s: -- %s --\n%v", file, label, err)
			}
		})
	})
	if now := txtar.Format(p.archive); *update && string(now) != string(data) {
		if err := os.WriteFile(file, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// play builds the world of a page and takes its steps, each by way of do.
func (r Runner) play(t testing.TB, p *page, update bool, do func(label string, f func() error)) {
	t.Helper()
	w := build(t, p)
	w.update = update
	log := &logbook{}
	site := w.site(log)
	if h, wrong := p.find("mistakes"); wrong {
		r.mistakes(t, w, site, h, do)
		return
	}
	if h, let := p.find("warnings"); let {
		_, warnings := r.Check(t, site)
		do("warnings", func() error { return w.compare(h, warnings) })
	}
	c := &client{world: w, log: log}
	defer c.hangUp()
	steps, booted := 0, false
	for _, h := range p.files {
		if h.builds() {
			continue
		}
		steps++
		if !booted && h.kind != "then" { // what changes before the first request is the world that the gateway finds
			booted = true
			r.Boot(t, site)
		}
		do(h.label(), func() error { return c.step(h) })
	}
	if steps == 0 {
		t.Errorf("%s: neither requests nor mistakes", p.path)
	}
}

// site reads the configuration and what belongs to it.
func (w *world) site(log io.Writer) Site {
	w.t.Helper()
	s := Site{Dir: w.dir, Listener: w.listener, Log: log, Env: map[string]string{}}
	var text string
	if p := w.page; p.config >= 0 {
		s.File, text = p.archive.Files[p.config].Name, string(p.archive.Files[p.config].Data)
	} else {
		s.File, text = w.beside()
	}
	if h, there := w.page.find("replace"); there {
		text = w.swap(h, text)
	}
	text, err := w.replace(text, true)
	if err != nil {
		w.t.Fatal(err)
	}
	s.JSON = []byte(text)
	if h, there := w.page.find("env"); there {
		for _, line := range lines(w.must(h, w.page.text(h))) {
			name, value, ok := strings.Cut(line, "=")
			if !ok {
				w.t.Fatalf("%s: -- env --: %q, want NAME=value", w.page.path, line)
			}
			s.Env[name] = value
		}
	}
	return s
}

// beside is the configuration in the page's own directory.
func (w *world) beside() (name, text string) {
	w.t.Helper()
	for _, name := range []string{"gateway.json", "krakend.json"} {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(w.page.path), name))
		if err == nil {
			return name, string(data)
		}
	}
	w.t.Fatalf("%s: no gateway.json, neither in the page nor beside it", w.page.path)
	return "", ""
}

// swap replaces old texts of the configuration with new ones; one that is not there is a mistake of the page.
func (w *world) swap(h heading, text string) string {
	w.t.Helper()
	for _, line := range lines(w.page.text(h)) {
		old, new, ok := strings.Cut(line, " => ")
		if !ok || !strings.Contains(text, old) {
			w.t.Fatalf("%s: -- replace --: %q, want old => new, with old in the configuration", w.page.path, line)
		}
		text = strings.ReplaceAll(text, old, w.must(h, new))
	}
	return text
}

func (r Runner) mistakes(t testing.TB, w *world, s Site, h heading, do func(string, func() error)) {
	t.Helper()
	if r.Check == nil {
		t.Fatalf("%s: a page with mistakes, and nobody to check them", w.page.path)
	}
	mistakes, warnings := r.Check(t, s)
	do("mistakes", func() error { return w.compare(h, mistakes) })
	do("warnings", func() error {
		if let, there := w.page.find("warnings"); there {
			return w.compare(let, warnings)
		}
		if warnings != "" {
			return fmt.Errorf("warnings, and no file for them:\n%s", warnings)
		}
		return nil
	})
}

// compare holds a file of the page against a text, exactly but for placeholders.
func (w *world) compare(h heading, got string) error {
	return w.settle(h, strings.TrimRight(w.contract(got), "\n"))
}

// settle is nil where a file of the page is as it would have to be, or -update makes it so.
func (w *world) settle(h heading, got string) error {
	want := strings.TrimRight(w.page.text(h), "\n")
	if want == got {
		return nil
	}
	if w.update {
		w.page.set(h, got)
		return nil
	}
	return fmt.Errorf("%s", diff(want, got))
}

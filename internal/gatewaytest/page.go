package gatewaytest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// page is one txtar file, taken apart.
type page struct {
	path    string
	archive *txtar.Archive
	config  int // index of the configuration in the archive, -1: beside the page
	files   []heading
}

// heading is the name of a file in a page: "request raw: a title".
type heading struct {
	kind  string
	words []string
	title string
	index int // in the archive
}

// name is the last word that is not one of the given ones, "" if there is none.
func (h heading) name() string {
	if len(h.words) == 0 {
		return ""
	}
	return h.words[len(h.words)-1]
}

func (h heading) has(word string) bool { return slices.Contains(h.words, word) }

// label tells a step in the output of a test.
func (h heading) label() string {
	label := strings.Join(append([]string{h.kind}, h.words...), " ")
	if h.title != "" {
		label += ": " + h.title
	}
	return label
}

func parsePage(path string, data []byte) (*page, error) {
	p := &page{path: path, archive: txtar.Parse(data), config: -1}
	if strings.TrimSpace(string(p.archive.Comment)) == "" {
		return nil, fmt.Errorf("%s: no prose at the top, want a sentence that says what holds", path)
	}
	seen := map[string]bool{}
	title := ""
	for i, f := range p.archive.Files {
		h := parseHeading(f.Name)
		h.index = i
		if err := h.check(); err != nil {
			return nil, fmt.Errorf("%s: -- %s --: %w", path, f.Name, err)
		}
		if isConfig(h.kind) {
			p.config = i
		}
		if once := h.kind + " " + h.name(); h.builds() {
			if seen[once] {
				return nil, fmt.Errorf("%s: -- %s -- stands twice", path, f.Name)
			}
			seen[once] = true
		}
		switch {
		case h.kind == "request":
			title = h.title
		case h.title == "" && !h.builds():
			h.title = title // what follows a request belongs to it
		}
		p.files = append(p.files, h)
	}
	return p, nil
}

func parseHeading(name string) heading {
	text, title, _ := strings.Cut(name, ":")
	words := strings.Fields(text)
	if len(words) == 0 {
		words = []string{""}
	}
	return heading{kind: words[0], words: words[1:], title: strings.TrimSpace(title)}
}

func (h heading) check() error {
	most := map[string]int{
		"upstream": 1, "token": 1, "env": 0, "replace": 0, "request": 2, "response": 2, "seen": 1, "log": 0, "then": 0,
		"mistakes": 0, "warnings": 0,
	}
	max, known := most[h.kind]
	switch {
	case strings.Contains(h.kind, "."):
		return nil
	case !known:
		return fmt.Errorf("unknown kind of file %q; a file of the page's own has a dot in its name", h.kind)
	case len(h.words) > max:
		return fmt.Errorf("too many words, want at most %d after %q", max, h.kind)
	}
	for _, w := range h.words {
		if h.kind == "request" && w != "raw" && w != "same" {
			return fmt.Errorf("unknown word %q, want raw or same; a title stands after a colon", w)
		}
	}
	return nil
}

// builds reports whether the file is part of the world rather than a step.
func (h heading) builds() bool {
	return slices.Contains([]string{"upstream", "token", "env", "replace", "mistakes", "warnings"}, h.kind) || strings.Contains(h.kind, ".")
}

// isConfig reports whether a file of this name is the configuration under test.
func isConfig(name string) bool {
	base := strings.TrimSuffix(name, filepath.Ext(name))
	return (base == "gateway" || base == "krakend") && base != name
}

// text is the content of a file of the page.
func (p *page) text(h heading) string { return string(p.archive.Files[h.index].Data) }

// find is the file of this kind, if there is one.
func (p *page) find(kind string) (heading, bool) {
	for _, h := range p.files {
		if h.kind == kind {
			return h, true
		}
	}
	return heading{}, false
}

// all are the files of this kind in order.
func (p *page) all(kind string) []heading {
	var out []heading
	for _, h := range p.files {
		if h.kind == kind {
			out = append(out, h)
		}
	}
	return out
}

// set gives a file of the page new content, for -update.
func (p *page) set(h heading, text string) {
	p.archive.Files[h.index].Data = []byte(strings.TrimRight(text, "\n") + "\n" + trailer(p.text(h)))
}

// trailer is the empty lines at the end of a file: they part it from the next one and are kept.
func trailer(text string) string {
	n := len(text) - len(strings.TrimRight(text, "\n"))
	if n < 2 {
		return ""
	}
	return strings.Repeat("\n", n-1)
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// request is one of those that a side is asked in turn.
type request struct {
	path  string
	token string
}

// asked is what a side is asked: one path with all tokens in turn, or the endpoints of a spread in turn.
func (w *world) asked(s side) ([]request, error) {
	if s.spread.endpoints > 0 {
		return w.askedOver(s.spread)
	}
	if s.tokens == 0 {
		return []request{{path: s.path}}, nil
	}
	tokens, err := w.tokens(s.issuer, s.tokens)
	if err != nil {
		return nil, err
	}
	list := make([]request, len(tokens))
	for i, token := range tokens {
		list[i] = request{s.path, token}
	}
	return list, nil
}

// requests is a file with one request a line for the loaders, written once.
func (w *world) requests(s side) (string, error) {
	key := fmt.Sprint(s.path, s.issuer, s.tokens, s.spread)
	if file := w.lists[key]; file != "" {
		return file, nil
	}
	list, err := w.asked(s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, "%s\t%s\n", r.path, r.token)
	}
	file := filepath.Join(w.dir, fmt.Sprintf("requests-%d.tsv", len(w.lists)))
	w.lists[key] = file
	return file, os.WriteFile(file, []byte(b.String()), 0o600)
}

// tokens makes tokens once, however many rows use them.
func (w *world) tokens(issuer string, n int) ([]string, error) {
	file := filepath.Join(w.dir, fmt.Sprintf("tokens-%s-%d", issuer, n))
	if text, err := os.ReadFile(file); err == nil {
		return strings.Fields(string(text)), nil
	}
	s := w.signers[issuer]
	if s == nil {
		return nil, fmt.Errorf("there is no issuer %q", issuer)
	}
	if n > 100 {
		progress("signing %d tokens (%s, on %d processors)", n, s.alg, runtime.NumCPU())
	}
	list, err := s.tokens(n)
	if err != nil {
		return nil, err
	}
	return list, os.WriteFile(file, []byte(strings.Join(list, "\n")), 0o600)
}

package conf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"
)

// Document is one parsed file: its values, the place of each, and the warnings found so far.
type Document struct {
	file     string
	data     []byte
	breaks   []int // offsets of line breaks
	root     *node
	warnings []*Error
	warned   map[string]bool // the warnings' texts
	secrets  []secret        // longest first, for Redact
	redactor *strings.Replacer
	modern   []modern          // what version 4 has otherwise
	sources  map[string]string // keys of the top level that an Override has set, and what it is called
}

// Parse reads JSON and keeps the place of every key and value. An error is an [*Error]: bad JSON with line and column, an
// empty file, a YAML or TOML file by its name. A key that stands twice is reported by Decode, with all other mistakes.
func Parse(file string, data []byte) (*Document, error) {
	d := &Document{file: file, data: data, warned: map[string]bool{}}
	for i, c := range data {
		if c == '\n' {
			d.breaks = append(d.breaks, i)
		}
	}
	if err := refuse(file, data); err != nil {
		return nil, &Error{File: file, Err: err}
	}
	p := &parser{data: data, lines: d.position}
	root, err := p.document()
	if err != nil {
		return nil, d.broken(err)
	}
	if root.kind != Object {
		return nil, d.errorAt(root.at, nil, fmt.Errorf("got %v, want one object: { … }", root.kind))
	}
	d.root = root
	return d, nil
}

// refuse says what is wrong with a file as a whole, before its first byte is read as JSON.
func refuse(file string, data []byte) error {
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".yml", ".yaml", ".toml":
		return fmt.Errorf("files are JSON: a %s file is not read", ext)
	}
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return errors.New("the file is empty, want a JSON object")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return errors.New("the file begins with a byte order mark, want plain UTF-8 without one")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return errors.New("the file is UTF-16, want UTF-8")
	}
	return nil
}

// broken gives bad JSON its place.
func (d *Document) broken(err error) *Error {
	at := 0
	if syntax, ok := errors.AsType[*syntaxError](err); ok {
		at = syntax.at
	}
	return d.errorAt(at, nil, err)
}

// position is the line and column of an offset, both from 1 and in bytes.
func (d *Document) position(offset int) (line, column int) {
	before := sort.SearchInts(d.breaks, offset)
	if before == 0 {
		return 1, offset + 1
	}
	return before + 1, offset - d.breaks[before-1]
}

func (d *Document) errorAt(offset int, path Path, err error) *Error {
	if source, ok := d.source(path); ok {
		return &Error{File: source, Path: path, Err: err}
	}
	line, column := d.position(offset)
	return &Error{File: d.file, Line: line, Column: column, Path: path, Err: err}
}

// Version is the document's "version": 2, 3 or 4. Anything else is a mistake that says what is wanted.
func (d *Document) Version() (int, error) {
	path := Path{"version"}
	m := d.root.member("version")
	if m == nil {
		return 0, d.errorAt(d.root.at, path, errors.New("missing, want 2, 3 or 4"))
	}
	text, err := m.value.text, error(nil)
	switch m.value.kind {
	case Number:
	case String: // KrakenD takes "3" for 3
		if text == "4" {
			err = errors.New(`got a string, want the number 4`)
		}
	default:
		err = fmt.Errorf("got %v, want 2, 3 or 4", m.value.kind)
	}
	version, whole := wholeNumber(text)
	switch {
	case err != nil:
	case !whole || version < 2 || version > 4:
		err = fmt.Errorf("got %s, want 2, 3 or 4", quoteIf(m.value.kind == String, text))
	default:
		return int(version), nil
	}
	return 0, d.errorAt(m.value.at, path, err)
}

// Raw is the value at a path as it is written in the file, and whether there is one.
func (d *Document) Raw(path ...any) (json.RawMessage, bool) {
	n := d.root
	for _, segment := range path {
		if n, _ = step(n, segment); n == nil {
			return nil, false
		}
	}
	return json.RawMessage(bytes.Clone(d.data[n.at:n.end])), true
}

// step goes from a value to one in it, and says the key in the author's spelling.
func step(n *node, segment any) (*node, any) {
	switch s := segment.(type) {
	case string:
		if m := n.member(s); m != nil {
			return m.value, m.key
		}
	case int:
		if s >= 0 && s < len(n.items) {
			return n.items[s], s
		}
	}
	return nil, segment
}

// quoteIf quotes text that was written as a string, so that "3" and 3 look as different as they are.
func quoteIf(quote bool, text string) string {
	if !quote {
		return text
	}
	return quoted(text)
}

// quoted is a value in a message: in quotes, and short enough to read.
func quoted(text string) string {
	const most = 80
	if len(text) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return fmt.Sprintf("%q", text)
}

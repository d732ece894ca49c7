package conf

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

func seeds(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `null`, `true`, `-0.0e-1`, `"\ud83d\ude00"`, `"\ud800"`, `{"a":1,"a":2}`, `{"a":{"b":[1,2,{"c":null}]}}`,
		" [1 , 2 ]\n", `{"version":4,"port":"${PORT}","name":"$${x}"}`, `{"version":2,"endpoints":[{"backend":[{"whitelist":"a"}]}]}`,
	} {
		f.Add([]byte(text))
	}
	pages, _ := filepath.Glob("testdata/*.txtar")
	for _, page := range pages {
		archive, err := txtar.ParseFile(page)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".json") {
				f.Add(file.Data)
			}
		}
	}
}

// FuzzParse compares with encoding/json: what it refuses is refused; what it takes is taken with the same value, but for
// doubled keys, bytes that are not UTF-8, half surrogate pairs and endless depth.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &Document{data: data}
		n, err := (&parser{data: data, lines: d.position}).document()
		if !json.Valid(data) {
			if err == nil {
				t.Fatalf("took %q, which encoding/json refuses", data)
			}
			return
		}
		if err != nil {
			if utf8.Valid(data) && !strings.Contains(err.Error(), "surrogate") && !strings.Contains(err.Error(), "deep") {
				t.Fatalf("refused %q, which encoding/json takes: %v", data, err)
			}
			return
		}
		w := &walk{doc: d, version: 3}
		if w.doubled(n, nil); len(w.mistakes) > 0 {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if got := w.any(n, spot{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %#v, want %#v", data, got, want)
		}
	})
}

// FuzzDecode looks for panics, for mistakes without a place, and for documents that change their meaning when they are
// printed and read again.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("g.json", data)
		if err != nil {
			return
		}
		opt := options()
		opt.Env = func(name string) (string, bool) { return strings.ToLower(name), name != "MISSING" }
		opt.ReadFile = func(string) ([]byte, error) { return nil, fs.ErrNotExist }
		var first service
		err = d.Decode(&first, opt)
		for _, m := range append(Flatten(err), d.Warnings()...) {
			if m.File != "g.json" || m.Line < 1 || m.Column < 1 || m.Err.Error() == "" {
				t.Fatalf("a mistake without a place: %#v", m)
			}
		}
		if err != nil || len(d.Warnings()) > 0 {
			return
		}
		printed := d.Redacted()
		if bytes.Contains(printed, []byte(hidden)) {
			return
		}
		again, err := Parse("g.json", printed)
		if err != nil {
			t.Fatalf("%s: %v", printed, err)
		}
		var second service
		if err := again.Decode(&second, opt); err != nil || len(again.Warnings()) > 0 {
			t.Fatalf("%s: %v %v", printed, err, again.Warnings())
		}
		if !reflect.DeepEqual(compacted(t, first), compacted(t, second)) {
			t.Fatalf("%s and %s differ:\n%+v\n%+v", data, printed, first, second)
		}
	})
}

// compacted is a value without the white space that raw JSON keeps.
func compacted(t *testing.T, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzExpand: text that asks for nothing stays, and quoting brings everything through.
func FuzzExpand(f *testing.F) {
	for _, text := range []string{"", "a", "$", "$$", "${", "${A}", "$${A}", "$$${A}", "${A:-b}", "${file:/x}", "${A}${B}", "}${"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x := expander{
			env:      func(string) (string, bool) { return "value", true },
			readFile: func(string) ([]byte, error) { return nil, errors.New("no file") },
		}
		e, err := x.expand(text)
		if !strings.Contains(text, "${") && (err != nil || e.text != text || e.whole || e.from) {
			t.Fatalf("%q: got %+v, %v", text, e, err)
		}
		quoted := strings.ReplaceAll(text, "${", "$${")
		if e, err := x.expand(quoted); err != nil || e.text != text || e.from {
			t.Fatalf("%q: got %q, %v, want %q", quoted, e.text, err, text)
		}
	})
}

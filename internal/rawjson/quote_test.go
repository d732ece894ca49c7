package rawjson

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendString(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{``, `""`}, {`a`, `"a"`}, {`"\/`, `"\"\\/"`}, {"\n\r\t\b\f\x00\x1f\x7f", "\"\\n\\r\\t\\u0008\\u000c\\u0000\\u001f\x7f\""}, {`é日😀`, `"é日😀"`}, {`<>&`, `"<>&"`}, {"a\xffb\xc3", "\"a\ufffdb\ufffd\""}, {"\u2028", "\"\u2028\""},
	} {
		if got := string(AppendString([]byte("x"), row.in)); got != "x"+row.want {
			t.Errorf("%q: got %s, want %s", row.in, got[1:], row.want)
		}
	}
}

func TestUnquote(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{`""`, ``}, {` "a" `, `a`}, {`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"}, {`"\u00e9\u65e5\ud83d\ude00"`, `é日😀`}, {`"\uD83D"`, "\ufffd"}, {`"\uD83Dx"`, "\ufffdx"}, {`"\uDE00\uD83D"`, "\ufffd\ufffd"}, {`"\uD83D\uD83D\uDE00"`, "\ufffd😀"}, {`"\uD83D\n"`, "\ufffd\n"}, {`"\u0000"`, "\x00"}, {`"a longer one without escapes"`, "a longer one without escapes"},
	} {
		if got, err := Unquote([]byte(row.in)); err != nil || got != row.want {
			t.Errorf("%s: got %q, %v, want %q", row.in, got, err, row.want)
		}
	}
	for _, in := range []string{``, ` `, `a`, `1`, `null`, `"`, `"a`, `"a"b`, `"a" "b"`, `"\x"`, "\"\n\"", `{}`} {
		if got, err := Unquote([]byte(in)); err == nil {
			t.Errorf("%q: got %q, want a mistake", in, got)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{`"a\u00e9\ud83d\ude00\n"`, `"\ud800"`, "\"\xff\"", "plain"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Unquote([]byte(s))
		var want string
		if wantErr := json.Unmarshal([]byte(s), &want); (err == nil) != (wantErr == nil && s != "" && notNull(s)) {
			t.Fatalf("%q: got %v, encoding/json says %v", s, err, wantErr)
		}
		if err == nil && utf8.ValidString(s) && got != want {
			t.Fatalf("%q: got %q, encoding/json says %q", s, got, want)
		}
		quoted := AppendString(nil, s)
		if !json.Valid(quoted) {
			t.Fatalf("%q: %s is not JSON", s, quoted)
		}
		if back, err := Unquote(quoted); err != nil || utf8.ValidString(s) && back != s {
			t.Fatalf("%q: came back as %q, %v", s, back, err)
		}
	})
}

// notNull: encoding/json takes null for an empty string.
func notNull(s string) bool {
	var p *string
	return json.Unmarshal([]byte(s), &p) != nil || p != nil
}

func TestQuoteOfALongText(t *testing.T) {
	for _, one := range []string{"x", "\x01", "\"", "é", "\xff", "\xffé\n\\"} {
		text := strings.Repeat(one, 1<<20)
		var got []byte
		took := allocated(func() { got = Quote([]byte("so: "), []byte(text)) })
		if string(got) != "so: "+string(AppendString(nil, text)) {
			t.Errorf("%q: got %.40q", one, got)
		}
		if most := len(text) + 3*len(got)/2 + 1<<20; took > max(most, 5*len(text)) {
			t.Errorf("%q: took %d bytes for %d", one, took, len(got))
		}
	}
}

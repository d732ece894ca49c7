package rawjson

import (
	"errors"
	"strings"
	"testing"
)

func TestParseStrict(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"an honest token", `{"iss":"https://x/","aud":["a","b"],"exp":1.5e9,"realm":{"roles":["r"]},"é":"日"}`, ""},
		{"the same key in two objects", `{"a":{"b":1},"c":{"b":1}}`, ""},
		{"64 deep", strings.Repeat("[", 64) + strings.Repeat("]", 64), ""},
		{"65 deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), "byte 64: too deep"},
		{"a doubled key", `{"aud":1,"iss":2,"aud":3}`, `byte 17: the key "aud" stands twice`},
		{"a doubled key in another spelling", `{"aud":1,"\u0061ud":3}`, `byte 9: the key "\u0061ud" stands twice`},
		{"a doubled key deep inside", `{"a":[{"b":[[{"c":1,"c":1}]]}]}`, `byte 20: the key "c" stands twice`},
		{"not UTF-8", "{\"a\":\"\xff\"}", "byte 6: not UTF-8"},
		{"an overlong encoding", "{\"a\":\"\xc0\xaf\"}", "byte 6: not UTF-8"},
		{"half a surrogate pair in UTF-8", "[\"\xed\xa0\x80\"]", "byte 2: not UTF-8"},
		{"a byte order mark", "\ufeff{}", "byte 0: not JSON"},
		{"something after it", `{} {}`, "byte 3: a second value"},
	} {
		var v Value
		err := v.ParseStrict([]byte(row.in), 64)
		if got := CheckStrict([]byte(row.in), 64); (got == nil) != (err == nil) {
			t.Errorf("%s: CheckStrict says %v, ParseStrict %v", row.name, got, err)
		}
		if row.want == "" {
			if err != nil || v.Kind() == 0 {
				t.Errorf("%s: got %v", row.name, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), row.want) || v.Kind() != 0 {
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
	}
	var doubled *DoubledError
	if err := CheckStrict([]byte(`{"a":1,"a":2}`), 64); !errors.As(err, &doubled) || doubled.Key != `"a"` || doubled.Offset != 7 {
		t.Errorf("got %v", err)
	}
}

func TestParseStrictFindsOneDoubledKeyAmongMany(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		b.WriteString(`"k` + strings.Repeat("x", i%17) + string(AppendString(nil, string(rune('0'+i))))[1:] + `:1,`)
	}
	text := b.String()
	if err := CheckStrict([]byte("{"+text+`"last":1}`), 64); err != nil {
		t.Error(err)
	}
	if err := CheckStrict([]byte("{"+text+text[:strings.Index(text, ",")]+"}"), 64); err == nil {
		t.Error("got no mistake")
	}
}

func TestParseStrictDoesNotAllocate(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts as well")
	}
	var v Value
	data := document(1000)
	run := func() {
		if err := v.ParseStrict(data, 64); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(50, run); n > 0 {
		t.Errorf("%v allocations a run, want none", n)
	}
}

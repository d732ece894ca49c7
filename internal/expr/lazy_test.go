package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
)

// Looking into an answer level by level says the same as decoding all of it.
func TestAnswerIsWhatDecodeSays(t *testing.T) {
	for _, text := range []string{
		`{}`, `{ }`, `{"a":[]}`, ` {"a" : [ 1 , -2.50e3,true ,false, null ,"x" ] , "b":{"c":{"d":[[],{}]}}} `, `{"a":1,"a":{"b":2},"\u0061":3}`,
		`{"]":"}","\\":"\"[","x":["a,b","\\"]}`, "{\"k\xff\xfe\":\"v\xff\xfe\",\"e\":\"\\ud800\"}", "{\"a\":\n\t[\r1\n,\t2\r]\n}",
		`{"big":[` + strings.Repeat(`{"n":1},`, 2000) + `1],"s":"` + strings.Repeat("x", 5000) + `"}`,
	} {
		want, err := Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		a := NewAnswer(strings.TrimSpace(text))
		for range 2 {
			if got := plain(a, &a.part); !reflect.DeepEqual(got, want) {
				t.Errorf("%.60q: got %.200v, want %.200v", text, got, want)
			}
		}
	}
}

// plain is a value of an answer with everything in it.
func plain(a *Answer, v any) any {
	p, ok := v.(*part)
	if !ok {
		return v
	}
	switch v := p.value(adapter{types.DefaultTypeAdapter}).Value().(type) {
	case map[string]any:
		m := map[string]any{}
		for k, inner := range v {
			m[k] = plain(a, inner)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(a, v[i])
		}
		return list
	}
	return nil
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"a":[1,{"b":"\\\""}],"c":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.Trim(text, " \t\r\n")
		if !json.Valid([]byte(text)) || text[0] != '{' {
			return
		}
		want, err := Decode([]byte(text))
		if err != nil {
			return
		}
		a := NewAnswer(text)
		if got := plain(a, &a.part); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	})
}

// What has very many values is refused where an expression looks into it, and nowhere else.
func TestHeavyAnswers(t *testing.T) {
	var records strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&records, `{"id":%d,"name":"name %d","price":%d.5,"tags":["x","yy"],"note":null,"a":1,"b":2},`, i, i, i%100)
	}
	numbers := "[" + strings.Repeat("1,", 2_000_000) + "1]"
	for _, row := range []struct {
		name, text, rule string
		want             error
	}{
		{"numbers", numbers, `size(resp_data.a) > 0`, ErrTooHeavy},
		{"beside it", numbers, `!has(resp_data.b)`, nil},
		{"that are there", numbers, `has(resp_data.a)`, ErrTooHeavy},
		{"objects", "[" + strings.Repeat(`{"a":1},`, 600_000) + "1]", `size(resp_data.a) > 0`, ErrTooHeavy},
		{"a long string", `"` + strings.Repeat(",", 3_000_000) + `"`, `size(resp_data.a) == 3000000`, nil},
		{"records", "[" + records.String() + "1]", `resp_data.a[99].id == 99 && size(resp_data.a) > 9`, nil},
	} {
		p, err := Compile(row.rule, Anything)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Judge(t.Context(), &Vars{Data: NewAnswer(`{"a":` + row.text + `}`)}); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
}

package rawjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func listed(v *Value) string {
	var parts []string
	for _, m := range v.Members() {
		parts = append(parts, string(m.Key)+"="+string(m.Value))
	}
	return strings.Join(parts, " ")
}

func TestMembers(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"in order, as they came", `{ "b" : 1.0 , "a":{ "c" : [ ] } }`, `"b"=1.0 "a"={ "c" : [ ] }`},
		{"a doubled key once, where it was first, with its last value", `{"a":1,"b":2,"a":3}`, `"a"=3 "b"=2`},
		{"also in another spelling", `{"a":1,"b":2,"\u0061":3}`, `"\u0061"=3 "b"=2`},
		{"keys that differ in case are two", `{"a":1,"A":2}`, `"a"=1 "A"=2`},
		{"an empty key is a key", `{"":1,"a":2,"":3}`, `""=3 "a"=2`},
		{"an empty object has none", `{ }`, ``},
		{"an array has none", `[1]`, ``},
		{"a scalar has none", `"a"`, ``},
	} {
		for depth := range 3 {
			v := parsed(t, row.in, depth)
			if got := listed(v); got != row.want {
				t.Errorf("%s, depth %d: got %s, want %s", row.name, depth, got, row.want)
			}
			if got := listed(v); got != row.want {
				t.Errorf("%s, asked twice: got %s, want %s", row.name, got, row.want)
			}
			if got := printed(t, v); got != strings.TrimSpace(row.in) {
				t.Errorf("%s: listing changed it to %s", row.name, got)
			}
		}
	}
	if got := new(Value).Members(); len(got) != 0 {
		t.Errorf("no value has the members %v", got)
	}
}

func TestSetMembers(t *testing.T) {
	v := parsed(t, `[1,2]`, 1)
	v.SetMembers([]Member{{[]byte(`"a\n"`), []byte(`{"x":[5]}`)}, {[]byte(`"b"`), []byte(`1`)}})
	if got := printed(t, v); got != `{"a\n":{"x":[5]},"b":1}` {
		t.Errorf("got %s", got)
	}
	if raw, ok := v.Get("a\n", "x", "0"); !ok || string(raw) != "5" {
		t.Errorf("got %s, %v", raw, ok)
	}
	if _, ok := v.Get("c"); ok || v.Kind() != '{' || v.Empty() {
		t.Errorf("kind %c, empty %v", v.Kind(), v.Empty())
	}
	v.SetMembers(v.Members()[1:])
	if got := printed(t, v); got != `{"b":1}` {
		t.Errorf("its own members: got %s", got)
	}
	v.SetMembers(nil)
	if got := printed(t, v); got != `{}` || !v.Empty() {
		t.Errorf("got %s, empty %v", got, v.Empty())
	}
}

func TestElements(t *testing.T) {
	for _, row := range []struct {
		in   string
		want []string
	}{
		{`[]`, nil}, {` [ 1 , "a", { "b" : [2] }, [ ] ] `, []string{`1`, `"a"`, `{ "b" : [2] }`, `[ ]`}}, {`{"a":1}`, nil}, {`null`, nil},
	} {
		for depth := range 3 {
			var got []string
			for _, e := range parsed(t, row.in, depth).Elements() {
				got = append(got, string(e))
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("%s, depth %d: got %q, want %q", row.in, depth, got, row.want)
			}
		}
	}
}

func TestGet(t *testing.T) {
	in := `{"a":{"b":[10,{"c":"x"},[ ]],"0":"zero","":1},"d.e":2,"\u00e9":{"\"":3},"twice":1,"twice":{"in":4}}`
	for _, row := range []struct {
		path []string
		want string // "" : not there
	}{
		{nil, in},
		{[]string{"a", "b", "0"}, `10`}, {[]string{"a", "b", "1", "c"}, `"x"`}, {[]string{"a", "b", "2"}, `[ ]`}, {[]string{"a", "b"}, `[10,{"c":"x"},[ ]]`},
		{[]string{"a", "0"}, `"zero"`}, {[]string{"a", ""}, `1`}, {[]string{"d.e"}, `2`}, {[]string{"é", `"`}, `3`}, {[]string{"twice", "in"}, `4`},
		{[]string{"x"}, ``}, {[]string{"a", "x"}, ``}, {[]string{"a", "b", "3"}, ``}, {[]string{"a", "b", "-1"}, ``}, {[]string{"a", "b", "00"}, ``}, {[]string{"a", "b", "01"}, ``}, {[]string{"a", "b", ""}, ``},
		{[]string{"a", "b", "99999999999999999999"}, ``}, {[]string{"a", "b", "c"}, ``}, {[]string{"d.e", "f"}, ``}, {[]string{"d", "e"}, ``}, {[]string{"a", "b", "2", "0"}, ``}, {[]string{"A"}, ``},
	} {
		for depth := range 6 {
			v := parsed(t, in, depth)
			got, ok := v.Get(row.path...)
			if string(got) != row.want || ok != (row.want != "") {
				t.Errorf("%q, depth %d: got %s, %v, want %s", row.path, depth, got, ok, row.want)
			}
			if row.path == nil {
				continue
			}
			v.SetMembers(v.Members())
			if got, ok = v.Get(row.path...); string(got) != row.want || ok != (row.want != "") {
				t.Errorf("%q, edited: got %s, %v, want %s", row.path, got, ok, row.want)
			}
		}
	}
	if _, ok := new(Value).Get(); ok {
		t.Error("no value has a value")
	}
	if got, ok := parsed(t, ` "a" `, 1).Get(); !ok || string(got) != `"a"` {
		t.Errorf("got %s, %v", got, ok)
	}
	v := parsed(t, `{"a":1}`, 0)
	v.SetMembers(v.Members())
	if got, ok := v.Get(); !ok || string(got) != `{"a":1}` {
		t.Errorf("got %s, %v", got, ok)
	}
}

func TestAny(t *testing.T) {
	v := parsed(t, ` {"a":[1.50,null,true],"b":{"c":"\u00e9"},"d":1,"d":12345678901234567890} `, 1)
	want := map[string]any{"a": []any{json.Number("1.50"), nil, true}, "b": map[string]any{"c": "é"}, "d": json.Number("12345678901234567890")}
	for range 2 {
		got, err := v.Any()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		v.SetMembers(v.Members())
	}
	if got, err := new(Value).Any(); err == nil {
		t.Errorf("no value is %v", got)
	}
}

func TestKindAndEmpty(t *testing.T) {
	for _, row := range []struct {
		in    string
		kind  byte
		empty bool
	}{
		{`{}`, '{', true}, {`{ }`, '{', true}, {" [\n\n] ", '[', true}, {`{"a":1}`, '{', false}, {`[0]`, '[', false}, {`""`, '"', false}, {`0`, '0', false}, {`-1`, '0', false}, {`9`, '0', false}, {`null`, 'n', false}, {`true`, 't', false}, {`false`, 'f', false},
	} {
		for depth := range 2 {
			if v := parsed(t, row.in, depth); v.Kind() != row.kind || v.Empty() != row.empty {
				t.Errorf("%s: kind %c, empty %v", row.in, v.Kind(), v.Empty())
			}
		}
	}
	var v Value
	if v.Kind() != 0 || !v.Empty() || v.Len() != 0 || len(v.Append(nil)) != 0 {
		t.Error("the zero Value is something")
	}
}

// What was handed out, and what was kept inside, must not shine through after Reset.
func TestReuse(t *testing.T) {
	var v Value
	plan, err := Compile(Spec{Deny: [][]string{{"a", "b"}}, Mapping: [][2]string{{"x", "y"}}, Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, row := range []struct{ in, want string }{
			{`{"a":{"b":1,"c":"long enough to need room"},"x":1}`, `{"g":{"a":{"c":"long enough to need room"},"y":1}}`},
			{`{"a":{"b":1,"d":2}}`, `{"g":{"a":{"d":2}}}`},
			{`{"x":0}`, `{"g":{"y":0}}`},
			{`{}`, `{"g":{}}`},
		} {
			if err := v.Parse([]byte(row.in), plan.Depth()); err != nil {
				t.Fatal(err)
			}
			if err := plan.Apply(&v); err != nil {
				t.Fatal(err)
			}
			if got := printed(t, &v); got != row.want {
				t.Errorf("%s: got %s, want %s", row.in, got, row.want)
			}
		}
		if err := v.Parse([]byte(`{`), 1); err == nil || v.Kind() != 0 || len(v.Members()) != 0 || len(v.Elements()) != 0 {
			t.Errorf("after a mistake: %v, %c, %v", err, v.Kind(), v.Members())
		}
	}
}

func TestResetDropsWhatIsGiant(t *testing.T) {
	var v Value
	plan, err := Compile(Spec{Deny: [][]string{{"k5"}}, Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&b, `"k%d":"%d",`, i, i)
	}
	if err := v.Parse([]byte("{"+b.String()+`"last":0}`), plan.Depth()); err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(&v); err != nil {
		t.Fatal(err)
	}
	if len(v.Members()) != 1 || v.Len() < 1<<20 {
		t.Fatalf("%d members, %d bytes", len(v.Members()), v.Len())
	}
	v.Reset()
	if cap(v.nodes) > 1<<15 || cap(v.buf) > 1<<20 || cap(v.members) > 1<<14 || cap(v.keys.said) > 1<<15 || cap(v.keys.table) > 1<<18 {
		t.Errorf("kept %d nodes, %d bytes, %d members, %d keys", cap(v.nodes), cap(v.buf), cap(v.members), cap(v.keys.said))
	}
}

// Apply must not write into what Parse was given, nor beyond what it hands out.
func TestTheSourceStaysAsItWas(t *testing.T) {
	in := []byte(`{"a":{"b":1,"c":2},"d":3}` + "tail")
	text := in[:len(in)-4]
	plan, err := Compile(Spec{Deny: [][]string{{"a", "b"}}, Mapping: [][2]string{{"d", "longer name"}}, Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	var v Value
	if err := v.Parse(text, plan.Depth()); err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(&v); err != nil {
		t.Fatal(err)
	}
	for _, m := range v.Members() {
		_ = append(m.Key, "XXXX"...)
		_ = append(m.Value, "XXXX"...)
	}
	if got := string(in); got != `{"a":{"b":1,"c":2},"d":3}tail` {
		t.Errorf("the source is now %s", got)
	}
}

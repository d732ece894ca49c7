package rawjson

import (
	"strings"
	"testing"
)

// walked walks a value and prints it, keys once.
func walked(v *Value) string {
	root, err := v.Root()
	if err != nil || root.Kind == 0 {
		return "nothing"
	}
	var b strings.Builder
	var print func(n Node)
	print = func(n Node) {
		if n.Kind != '{' && n.Kind != '[' {
			b.Write(n.Raw)
			return
		}
		b.WriteByte(n.Kind)
		if c, ok := v.Next(n, n); ok {
			for first := true; ok; c, ok = v.Next(n, c) {
				if !first {
					b.WriteByte(',')
				}
				first = false
				print(c)
			}
			b.WriteByte(']')
			return
		}
		inside := v.Inside(n)
		defer inside.Done()
		for i := range inside.Len() {
			c := inside.At(i)
			if i > 0 {
				b.WriteByte(',')
			}
			if c.Key != nil {
				b.Write(c.Key)
				b.WriteByte(':')
			}
			print(c)
		}
		b.WriteByte(n.Kind + 2)
	}
	print(root)
	return b.String()
}

func TestInside(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"a scalar", ` 1.0 `, `1.0`},
		{"nothing inside", `{ "a" : [ ] , "b" : { } }`, `{"a":[],"b":{}}`},
		{"deep", `[[[{"a":[{"b":null}]}]],"x"]`, `[[[{"a":[{"b":null}]}]],"x"]`},
		{"a key that stands twice has its first place and its last value", `{"a":1,"b":2,"\u0061":{"c":3}}`, `{"\u0061":{"c":3},"b":2}`},
		{"also further down", `{"x":[{"a":1,"a":2}]}`, `{"x":[{"a":2}]}`},
	} {
		var v Value
		if err := v.Parse([]byte(row.in), 0); err != nil {
			t.Fatal(err)
		}
		if got := walked(&v); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
	var v Value
	if got := walked(&v); got != "nothing" {
		t.Errorf("no value: got %s", got)
	}
	v.SetMembers([]Member{{Key: []byte(`"k"`), Value: []byte(`[1, 2]`)}})
	if got := walked(&v); got != `{"k":[1,2]}` {
		t.Errorf("an edited value: got %s", got)
	}
}

func BenchmarkInside(b *testing.B) {
	var v Value
	text := []byte(`{"a":[` + strings.Repeat(`{"id":1,"name":"x","tags":["a","b"]},`, 100) + `{}]}`)
	if err := v.Parse(text, 0); err != nil {
		b.Fatal(err)
	}
	var walk func(n Node)
	walk = func(n Node) {
		if n.Kind != '{' && n.Kind != '[' {
			return
		}
		for c, ok := v.Next(n, n); ok; c, ok = v.Next(n, c) {
			walk(c)
		}
		inside := v.Inside(n)
		for i := range inside.Len() {
			walk(inside.At(i))
		}
		inside.Done()
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		root, _ := v.Root()
		walk(root)
	}
}

package rawjson

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMerge(t *testing.T) {
	for _, row := range []struct {
		name  string
		parts []string
		mode  Mode
		want  string // or the mistake
	}{
		{"nothing is an empty object", nil, Shallow, `{}`},
		{"one part is as it came", []string{`{ "a" : 1.0 }`}, Shallow, `{"a":1.0}`},
		{"parts in their order", []string{`{"b":1}`, `{"a":2}`, `{"c":3}`}, Shallow, `{"b":1,"a":2,"c":3}`},
		{"the later value, where the key stood first", []string{`{"a":1,"b":2}`, `{"c":3,"a":4}`}, Shallow, `{"a":4,"b":2,"c":3}`},
		{"also in another spelling", []string{`{"a":1}`, `{"\u0061":2}`}, Shallow, `{"a":2}`},
		{"shallow replaces objects", []string{`{"a":{"x":1}}`, `{"a":{"y":2}}`}, Shallow, `{"a":{"y":2}}`},
		{"deep merges objects", []string{`{"a":{"x":1,"z":[ 1 ]}}`, `{"a":{"y":2,"x":3}}`}, Deep, `{"a":{"x":3,"z":[ 1 ],"y":2}}`},
		{"deep merges three", []string{`{"a":{"x":{"p":1}}}`, `{"a":{"x":{"q":2}}}`, `{"a":{"x":{"r":3,"p":4}},"b":5}`}, Deep, `{"a":{"x":{"p":4,"q":2,"r":3}},"b":5}`},
		{"deep replaces all but objects", []string{`{"a":[1],"b":{"c":1},"d":1}`, `{"a":[2],"b":2,"d":{"e":1}}`}, Deep, `{"a":[2],"b":2,"d":{"e":1}}`},
		{"deep knows spellings and doubled keys", []string{`{"a":{"x":1,"x":2}}`, `{"a":{"\u0078":3,"y":4,"y":5}}`}, Deep, `{"a":{"x":3,"y":5}}`},
		{"error wants no key twice", []string{`{"a":1}`, `{"b":2}`, `{"c":1,"a":3}`}, Strict, `mistake: part 2 has the key "a", as one before it`},
		{"error sees through spellings", []string{`{"a":1}`, `{"\u0061":2}`}, Strict, `mistake: part 1 has the key "\u0061", as one before it`},
		{"error takes what is different", []string{`{"a":1}`, `{"b":2}`}, Strict, `{"a":1,"b":2}`},
		{"a key that stands twice in one part is not a clash", []string{`{"a":1,"a":2}`}, Strict, `{"a":2}`},
		{"an empty part adds nothing", []string{`{}`, `{"a":1}`, `{}`}, Shallow, `{"a":1}`},
		{"a part that did not come adds nothing", []string{``, `{"a":1}`, ``}, Shallow, `{"a":1}`},
		{"an array cannot be merged", []string{`{"a":1}`, `[1]`}, Shallow, `mistake: part 1 is not an object, want one`},
		{"null adds nothing", []string{`null`, `{"a":1}`, `null`}, Deep, `{"a":1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			parts := []*Value{nil}
			for _, text := range row.parts {
				v := new(Value)
				if text != "" {
					v = parsed(t, text, 1)
				}
				parts = append(parts, v)
			}
			var dst Value
			got := ""
			if err := Merge(&dst, parts[1:], row.mode); err != nil {
				if got = "mistake: " + err.Error(); dst.Kind() != 0 {
					t.Errorf("a mistake, but the whole is %c", dst.Kind())
				}
			} else {
				got = printed(t, &dst)
			}
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	var dst Value
	if err := Merge(&dst, []*Value{nil, parsed(t, `{"a":1}`, 0)}, Shallow); err != nil || printed(t, &dst) != `{"a":1}` {
		t.Errorf("a nil part: %v", err)
	}
}

func TestMergeOfShapedParts(t *testing.T) {
	var parts []*Value
	for i, text := range []string{`{"id":1,"x":{"p":1}}`, `{"id":2,"x":{"q":2}}`} {
		plan, err := Compile(Spec{Mapping: [][2]string{{"id", fmt.Sprint("id", i)}}, Group: "all"})
		if err != nil {
			t.Fatal(err)
		}
		v := parsed(t, text, plan.Depth())
		if err := plan.Apply(v); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, v)
	}
	var dst Value
	if err := Merge(&dst, parts, Deep); err != nil {
		t.Fatal(err)
	}
	if got := printed(t, &dst); got != `{"all":{"id0":1,"x":{"p":1,"q":2},"id1":2}}` {
		t.Errorf("got %s", got)
	}
	plan, err := Compile(*specOf("del all.x.p; move all.id0 all.id"))
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(&dst); err != nil {
		t.Fatal(err)
	}
	if got := printed(t, &dst); got != `{"all":{"id":1,"x":{"q":2},"id1":2}}` {
		t.Errorf("after flatmap: got %s", got)
	}
}

func (d *doc) merge(part *doc, deep bool) {
	for i, key := range part.keys {
		at := slices.Index(d.keys, key)
		if deep && at >= 0 && d.values[at].kind == '{' && part.values[i].kind == '{' {
			d.values[at].merge(part.values[i], true)
			continue
		}
		d.set(key, part.values[i])
	}
}

func TestMergesAreDecodeEditEncode(t *testing.T) {
	var dst Value // reused: what one merge leaves must not reach the next
	rapid.Check(t, func(t *rapid.T) {
		deep := rapid.Bool().Draw(t, "deep")
		mode, want := Shallow, &doc{kind: '{'}
		if deep {
			mode = Deep
		}
		var parts []*Value
		var texts []string
		for range rapid.IntRange(0, 4).Draw(t, "parts") {
			text := drawObject(t, 4)
			texts, parts = append(texts, text), append(parts, parsed(t, text, rapid.IntRange(0, 3).Draw(t, "depth")))
			want.merge(decoded(t, []byte(text)), deep)
		}
		if err := Merge(&dst, parts, mode); err != nil {
			t.Fatal(err)
		}
		if got, want := decoded(t, []byte(printed(t, &dst))).text(t), want.text(t); got != want {
			t.Fatalf("%s of %s:\n got %s\nwant %s", mode, strings.Join(texts, " and "), got, want)
		}
	})
}

// Merging in two steps is merging in one.
func TestMergeIsAssociative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]Mode{Shallow, Deep}).Draw(t, "mode")
		var parts []*Value
		for range 3 {
			parts = append(parts, parsed(t, drawObject(t, 3), 1))
		}
		var once, head, twice Value
		for _, err := range []error{Merge(&once, parts, mode), Merge(&head, parts[:2], mode), Merge(&twice, []*Value{&head, parts[2]}, mode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got, want := decoded(t, []byte(printed(t, &twice))).text(t), decoded(t, []byte(printed(t, &once))).text(t); got != want {
			t.Fatalf("%s: in two steps %s, in one %s", mode, got, want)
		}
	})
}

func TestMergeDoesNotAllocate(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts as well")
	}
	var dst Value
	for _, mode := range []Mode{Shallow, Deep} {
		parts := []*Value{parsed(t, string(document(1000)), 1), parsed(t, string(document(1200)), 1), parsed(t, `{"page":{"new":1}}`, 1)}
		run := func() {
			if err := Merge(&dst, parts, mode); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(50, run); n > 0 {
			t.Errorf("%s: %v allocations a run, want none", mode, n)
		}
	}
}

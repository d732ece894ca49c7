package rawjson

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A list is not gone through again for each of its elements: what takes too many steps is refused.
func TestFlatmapOfLongLists(t *testing.T) {
	const n = 30_000
	var array, object []string
	for i := range n {
		array = append(array, `{"b":{"c":1}}`)
		object = append(object, fmt.Sprintf(`"%x":{"b":{"c":1}}`, i))
	}
	for _, row := range []struct {
		ops, in string
		refused bool
	}{
		{"move a.*.b.c a.*.c", `{"a":[` + strings.Join(array, ",") + `]}`, false},
		{"move a.*.b.c a.*.c", `{"a":{` + strings.Join(object, ",") + `}}`, false},
		{"move a.*.b.c a.*.x.c; del a.*.b", `{"a":{` + strings.Join(object, ",") + `}}`, false},
		{"move a.*.b.c x.*.c", `{"a":[` + strings.Join(array, ",") + `]}`, true},
		{"append a.*.b x; append a x", `{"x":[],"a":[` + strings.Join(array, ",") + `]}`, false},
		{"move a.*.b.c x.y", `{"x":{"z":1},"a":[` + strings.Join(array, ",") + `]}`, false},
		{"move a.*.b.c x.0.y", `{"x":[[]],"a":[` + strings.Join(array, ",") + `]}`, false},
		{"move a.*.b.c x.y", `{"x":[],"a":[` + strings.Join(array, ",") + `]}`, false},
	} {
		p := flat(t, row.ops)
		v := parsed(t, row.in, p.Depth())
		err := p.Apply(v)
		var bad *SyntaxError
		if refused := errors.As(err, &bad) && bad.TooMany(); refused != row.refused || !refused && err != nil {
			t.Errorf("%s on %.30s: got %v, want it refused: %v", row.ops, row.in, err, row.refused)
		}
		if row.refused && printed(t, v) != row.in {
			t.Errorf("%s on %.30s: refused, but the value has changed", row.ops, row.in)
		}
		if got := printed(t, v); !strings.Contains(got, `"c":1`) && strings.Contains(row.ops, "*.c;") {
			t.Errorf("%s on %.30s: got %.60s", row.ops, row.in, got)
		}
	}
}

// Long names in many places are much more than came.
func TestFlatmapThatMakesItLong(t *testing.T) {
	many := `{"a":[` + strings.TrimSuffix(strings.Repeat(`{"b":1},`, 100_000), ",") + `]}`
	for name, refused := range map[string]bool{strings.Repeat("x", 100): false, strings.Repeat("x", 300): true} {
		p := flat(t, "move a.*.b a.*."+name)
		v := parsed(t, many, p.Depth())
		if err := p.Apply(v); (err != nil) != refused {
			t.Errorf("a name of %d bytes: got %v, want an error: %v", len(name), err, refused)
		}
	}
}

// Operations work on what earlier ones have left, and on what a merge has made.
func TestFlatmapAgain(t *testing.T) {
	whole, err := united(Deep, []byte(`{"a":{"x":[1,2]},"b":{"k":1}}`), []byte(`{"a":{"y":3},"c":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ ops, want string }{
		{"move a.x.0 c0; move b.k a.k", `{"a":{"x":[2],"y":3},"b":{"k":1},"c":[],"c0":1}`},
		{"move c0 long.name.in.here; del a.x.0", `{"a":{"x":[],"y":3},"b":{"k":1},"c":[],"long":{"name":{"in":{"here":1}}}}`},
		{"move long.name name; append a.x c; move b bee", `{"a":{"y":3},"bee":{"k":1},"c":[],"long":{},"name":{"in":{"here":1}}}`},
		{"group g", `{"g":{"a":{"y":3},"bee":{"k":1},"c":[],"long":{},"name":{"in":{"here":1}}}}`},
		{"move g.bee b; move g.name.in.here g.name.in.there; move g.name name", `{"g":{"a":{"y":3},"c":[],"long":{}},"b":{"k":1},"name":{"in":{"there":1}}}`},
	} {
		if err := plan(t, *specOf(step.ops)).Apply(whole); err != nil {
			t.Fatal(err)
		}
		if got := printed(t, whole); got != step.want {
			t.Errorf("%s:\n got %s\nwant %s", step.ops, got, step.want)
		}
	}
}

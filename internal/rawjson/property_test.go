package rawjson

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// names are few, so that paths meet members, and some are spelt in several ways.
var names = rapid.SampledFrom([]string{"a", "b", "c", "0", "1", "secret", "é"})

// spelt is a key as some backend may write it.
func spelt(t *rapid.T, name string) string {
	if rapid.IntRange(0, 5).Draw(t, "spelling") > 0 {
		return string(AppendString(nil, name))
	}
	var b strings.Builder
	for _, r := range name {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return `"` + b.String() + `"`
}

// drawJSON is a document with doubled keys, odd spellings and white space.
func drawJSON(t *rapid.T, depth int) string {
	blank := rapid.SampledFrom([]string{"", "", "", " ", "\n  "}).Draw(t, "blank")
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch {
	case kind < 4:
		return rapid.SampledFrom([]string{"1", "-1.50e+3", "null", "true", `"x"`, `"\u0061\n"`, "[]", "{}", "12345678901234567890"}).Draw(t, "scalar")
	case kind < 7:
		var parts []string
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			parts = append(parts, blank+drawJSON(t, depth-1))
		}
		return "[" + strings.Join(parts, ",") + blank + "]"
	}
	return drawObject(t, depth)
}

func drawObject(t *rapid.T, depth int) string {
	blank := rapid.SampledFrom([]string{"", "", "", " ", "\n  "}).Draw(t, "blank")
	var parts []string
	for range rapid.IntRange(0, 5).Draw(t, "members") {
		parts = append(parts, blank+spelt(t, names.Draw(t, "key"))+blank+":"+blank+drawJSON(t, depth-1))
	}
	return "{" + strings.Join(parts, ",") + blank + "}"
}

func drawPath(t *rapid.T, stars bool, longest int) []string {
	var path []string
	for range rapid.IntRange(1, longest).Draw(t, "length") {
		name := names.Draw(t, "segment")
		if stars && rapid.IntRange(0, 2).Draw(t, "star") == 0 {
			name = "*"
		}
		path = append(path, name)
	}
	return path
}

func drawSpec(t *rapid.T) Spec {
	var s Spec
	paths := func(name string) (list [][]string) {
		for range rapid.IntRange(1, 3).Draw(t, name) {
			list = append(list, drawPath(t, false, 3))
		}
		return list
	}
	some := func(name string) bool { return rapid.IntRange(0, 2).Draw(t, name) == 0 }
	if some("has target") {
		s.Target = drawPath(t, false, 2)
	}
	switch rapid.IntRange(0, 3).Draw(t, "filter") {
	case 0:
		s.Allow = paths("allow")
	case 1:
		s.Deny = paths("deny")
	case 2:
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			op := Op{Type: rapid.SampledFrom([]string{"move", "move", "move", "del", "append"}).Draw(t, "type")}
			op.Args = append(op.Args, drawPath(t, true, 4))
			if op.Type != "del" {
				op.Args = append(op.Args, drawPath(t, op.Type == "move", 4))
			}
			s.Flatmap = append(s.Flatmap, op)
		}
	}
	if some("has mapping") {
		for _, old := range rapid.SliceOfNDistinct(names, 1, 4, rapid.ID[string]).Draw(t, "old names") {
			s.Mapping = append(s.Mapping, [2]string{old, names.Draw(t, "new name")})
		}
	}
	if some("has group") {
		s.Group = "g"
	}
	if some("has collection") {
		s.Collection = names.Draw(t, "collection")
	}
	return s
}

func TestPlansAreDecodeEditEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawObject(t, 4)
		if rapid.IntRange(0, 9).Draw(t, "not an object") == 0 {
			text = drawJSON(t, 4)
		}
		holdPlan(t, drawSpec(t), []byte(text))
	})
}

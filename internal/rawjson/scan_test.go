package rawjson

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestScanTakes(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, ` { } `, "\t[\n]\r", `{"":0}`, `{"a":{"a":{"a":{}}}}`, `[[[[]]],[]]`,
		`0`, `-0`, `-1`, `10`, `1234567`, `12345678`, `123456789`, `12345678901234567890123`, `0.5`, `-0.5e3`, `1E+2`, `1e-0`, `1.000000000000001`, `1e5`, `  7  `,
		`true`, `false`, `null`, `[true,false,null]`, `[ true , false , null ]`,
		`""`, `"a"`, `"1234567"`, `"12345678"`, `"123456789"`, `"\""`, `"\\"`, `"\/\b\f\n\r\t"`, `"\u0000\uFFff\uD800"`, `"1234567\n"`, `"12345678\""`,
		`"é"`, `"日本語日本語"`, "\"\x7f\"", "\"\u2028\"", "\"\xff\"",
		`{"a":1,"a":2}`, `{"a" : 1 , "b" : [ 1 , 2 ] }`, "{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ]\n  }\n}\n",
		`{"key with a long name that is not in one word":"and a value that is as long, if not longer than it"}`,
		strings.Repeat("[", 512) + strings.Repeat("]", 512), strings.Repeat(`{"a":`, 512) + "1" + strings.Repeat("}", 512),
	} {
		for depth := range 4 {
			if err := new(Value).Parse([]byte(text), depth); err != nil {
				t.Errorf("%.60s: %v", text, err)
			}
		}
	}
}

func TestScanRefuses(t *testing.T) {
	for _, row := range []struct {
		text, problem string
		offset        int
	}{
		{``, "ends", 0}, {`   `, "ends", 3}, {`{`, "ends", 1}, {`[`, "ends", 1}, {`[1`, "ends", 2}, {`[1,`, "ends", 3}, {`{"a"`, "ends", 4}, {`{"a":`, "ends", 5}, {`{"a":1`, "ends", 6}, {`{"a":1,`, "ends", 7},
		{`"abc`, "ends", 4}, {`"abcdefghijkl`, "ends", 13}, {`{"a`, "ends", 3}, {`[[]`, "ends", 3}, {`{"a":{}`, "ends", 7},
		{`{}{}`, "second", 2}, {`1 2`, "second", 2}, {`[] x`, "second", 3}, {`nullx`, "second", 4}, {`""x`, "second", 2},
		{`[1 2]`, "comma", 3}, {`[1}`, "comma", 2}, {`{"a":1]`, "comma", 6}, {`{"a":1 "b":2}`, "comma", 7}, {`[1:2]`, "comma", 2}, {`[tru]`, "value", 1}, {`[12a]`, "comma", 3},
		{`{a:1}`, "key", 1}, {`{1:1}`, "key", 1}, {`{"a":1,}`, "key", 7}, {`{,}`, "key", 1}, {`{'a':1}`, "key", 1}, {`{null:1}`, "key", 1},
		{`{"a"1}`, "colon", 4}, {`{"a" "b"}`, "colon", 5}, {`{"a",1}`, "colon", 4},
		{`[1,]`, "value", 3}, {`[,1]`, "value", 1}, {`{"a":}`, "value", 5}, {`]`, "value", 0}, {`}`, "value", 0}, {`:`, "value", 0}, {`nul`, "value", 0}, {`True`, "value", 0}, {`NaN`, "value", 0}, {`Infinity`, "value", 0}, {`.5`, "value", 0}, {`+1`, "value", 0}, {"\ufeff{}", "value", 0}, {"\x00", "value", 0}, {"[\x0b1]", "value", 1}, {"[\u00a01]", "value", 1}, {`//`, "value", 0}, {`[1,/**/2]`, "value", 3}, {`'a'`, "value", 0},
		{`01`, "number", 1}, {`-`, "number", 1}, {`-01`, "number", 2}, {`1.`, "number", 2}, {`1.e1`, "number", 2}, {`1e`, "number", 2}, {`1e+`, "number", 3}, {`-a`, "number", 1}, {`00000000000`, "number", 1}, {`[1.2.3]`, "comma", 4}, {`0x10`, "second", 1}, {`1_000`, "second", 1}, {`--1`, "number", 1},
		{`"\a"`, "escape", 1}, {`"\u12"`, "escape", 1}, {`"\u12g4"`, "escape", 1}, {`"\U1234"`, "escape", 1}, {`"\`, "escape", 1}, {`"\u`, "escape", 1}, {`"01234567\x"`, "escape", 9}, {`{"\q":1}`, "escape", 2}, {`"\ud8"`, "escape", 1},
		{"\"\n\"", "control", 1}, {"\"\x00\"", "control", 1}, {"\"\x1f\"", "control", 1}, {"\"0123456789\t\"", "control", 11}, {"{\"a\tb\":1}", "control", 3},
		{strings.Repeat("[", 513) + strings.Repeat("]", 513), "deep", 512}, {strings.Repeat(`{"a":`, 513), "deep", 512 * 5}, {strings.Repeat("[", 100000), "deep", 512},
	} {
		for depth := range 4 {
			v := new(Value)
			err := v.Parse([]byte(row.text), depth)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || !strings.Contains(err.Error(), row.problem) || syntax.Offset != row.offset {
				t.Errorf("%.60q: got %v, want %q at byte %d", row.text, err, row.problem, row.offset)
			}
			if v.Kind() != 0 || !v.Empty() || v.Len() != 0 {
				t.Errorf("%.60q: refused, but the value is %c", row.text, v.Kind())
			}
		}
	}
}

// Every offset of every construct against every place in a word: a document is shifted and cut byte by byte.
func TestScanSeesEveryByte(t *testing.T) {
	text := "[{\"key\":\"a string with \\u00e9 and \\\\ in it\",\"n\":-12.5e+10,\"more\":[true,false,null,{}],\"long key of the object\":123456789012345}]"
	for shift := range 9 {
		whole := strings.Repeat(" ", shift) + text
		for cut := range whole {
			if err := new(Value).Parse([]byte(whole[:cut]), 3); err == nil {
				t.Errorf("%q: taken, want a mistake", whole[:cut])
			}
		}
		for i := range whole {
			for _, c := range []byte("\x00\n\x1f \"\\,:{}[]0aeu.-\x7f\x80\xff") {
				changed := []byte(whole)
				changed[i] = c
				agree(t, changed)
			}
		}
	}
}

// Mixed nests around the depths where the bookkeeping changes, whole and with one bracket of the wrong kind.
func TestScanDeepNests(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, depth := range []int{1, 2, 61, 62, 63, 64, 65, 66, 125, 126, 127, 128, 129, 190, 300, 510, 511, 512, 513} {
		for range 20 {
			var head, tail []string
			for range depth {
				if random.IntN(2) == 0 {
					head, tail = append(head, `[0,`), append(tail, `,[{}]]`)
				} else {
					head, tail = append(head, `{"x":[],"y":`), append(tail, `}`)
				}
			}
			slices.Reverse(tail)
			ends := strings.Join(tail, "")
			text := []byte(strings.Join(head, "") + "1" + ends)
			agree(t, text)
			i := len(text) - 1 - random.IntN(len(ends))
			switch text[i] {
			case ']':
				text[i] = '}'
			case '}':
				text[i] = ']'
			}
			agree(t, text)
		}
	}
}

// agree holds the scanner against encoding/json.
func agree(t *testing.T, data []byte) {
	t.Helper()
	want := json.Valid(data) && nesting512(data)
	for depth := range 3 {
		v := new(Value)
		err := v.Parse(data, depth)
		if (err == nil) != want {
			t.Fatalf("%q: got %v, encoding/json says valid: %v", data, err, want)
		}
		if err == nil {
			checkIndex(t, v, data, depth)
		}
	}
}

// nesting512 reports whether valid JSON is not deeper than 512.
func nesting512(data []byte) bool {
	level := 0
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return true
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if level++; level > 512 {
				return false
			}
		case json.Delim('}'), json.Delim(']'):
			level--
		}
	}
}

// checkIndex holds every node against encoding/json: its bytes are one JSON value of its kind, its key one string, and
// the tree of nodes is the document down to depth.
func checkIndex(t *testing.T, v *Value, data []byte, depth int) {
	t.Helper()
	for i, n := range v.nodes {
		value := data[n.at:n.end]
		if !json.Valid(value) || kindOf(value) != n.kind {
			t.Fatalf("%q: node %d (%c) is %q", data, i, n.kind, value)
		}
		if n.keyEnd > 0 {
			key := data[n.key:n.keyEnd]
			if key[0] != '"' || !json.Valid(key) || n.escaped != strings.Contains(string(key), `\`) {
				t.Fatalf("%q: node %d has the key %q, escaped %v", data, i, key, n.escaped)
			}
		}
	}
	if used := walk(t, v, 0, depth); used != len(v.nodes) {
		t.Fatalf("%q: %d nodes, of which %d are in the tree", data, len(v.nodes), used)
	}
}

// kindOf is the kind of valid JSON without white space before it.
func kindOf(raw []byte) byte {
	if c := raw[0]; c == '-' || c-'0' <= 9 {
		return '0'
	}
	return raw[0]
}

// walk compares the children of a node with what encoding/json sees and returns the node after it.
func walk(t *testing.T, v *Value, at, depth int) int {
	n := v.nodes[at]
	raw := v.src[n.at:n.end]
	if n.kind != '{' && n.kind != '[' {
		if int(n.next) != at+1 {
			t.Fatalf("%q: a scalar with children", v.src)
		}
		return at + 1
	}
	if n.open != (depth > 0) {
		t.Fatalf("%q: node %d open: %v at depth %d", v.src, at, n.open, depth)
	}
	if depth == 0 {
		return at + 1
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	c := at + 1
	for d.More() {
		if c >= int(n.next) {
			t.Fatalf("%q: node %d has too few children", v.src, at)
		}
		if n.kind == '{' {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			key := string(v.src[v.nodes[c].key:v.nodes[c].keyEnd])
			if got := unquotedByJSON(t, key); got != name {
				t.Fatalf("%q: got the key %q, want %q", v.src, got, name)
			}
		} else if v.nodes[c].keyEnd != 0 {
			t.Fatalf("%q: an element with a key", v.src)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if got := string(v.src[v.nodes[c].at:v.nodes[c].end]); got != string(value) {
			t.Fatalf("%q: got the value %q, want %q", v.src, got, value)
		}
		c = walk(t, v, c, depth-1)
	}
	if c != int(n.next) {
		t.Fatalf("%q: node %d has too many children", v.src, at)
	}
	return c
}

func unquotedByJSON(t *testing.T, raw string) string {
	t.Helper()
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,{"b":"c\n\u00e9"}],"long key here":null}`, "[\n  1,\n        2\n]", `"\ud83d\ude00"`, `[[[]]]`, `-0.0e+00`, "{\"\\u0061\":true , \"a\":false}", "\"\xff\xfe\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

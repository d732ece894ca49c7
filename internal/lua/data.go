package lua

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"gatehouse/internal/rawjson"
)

// JSON as scripts work on it: nil, bool, string, json.Number or float64, *table and *array. Objects keep the order of their
// keys, and numbers that nobody touches their digits. What nobody has looked into is raw: an object or an array as it came,
// since all of a large answer would take many times its length.

// raw is the text of an object or an array, valid and without space around it.
type raw string

// table is a JSON object: luaTable.
type table struct {
	keys   []string
	values []any
	places map[string]int // of keys, once there are many
	holes  int            // keys without a value, among many
}

// array is a JSON array: luaList.
type array struct{ items []any }

// manyKeys are looked up.
const manyKeys = 24

func newTable() *table { return &table{} }

// place is where a key stands, -1 if it does not.
func (t *table) place(key string) int {
	if t.places == nil && len(t.keys) < manyKeys {
		return slices.Index(t.keys, key)
	}
	if t.places == nil {
		t.places = make(map[string]int, len(t.keys))
		for i, k := range t.keys {
			t.places[k] = i
		}
	}
	if at, there := t.places[key]; there {
		return at
	}
	return -1
}

func (t *table) set(key string, v any) {
	if at := t.place(key); at >= 0 {
		t.values[at] = v
		return
	}
	if t.places != nil {
		t.places[key] = len(t.keys)
	}
	t.keys, t.values = append(t.keys, key), append(t.values, v)
}

func (t *table) del(key string) {
	at := t.place(key)
	switch {
	case at < 0:
	case t.places != nil: // the others stay where they are
		delete(t.places, key)
		t.values[at] = removed{}
		t.holes++
	default:
		t.keys, t.values = slices.Delete(t.keys, at, at+1), slices.Delete(t.values, at, at+1)
	}
}

// removed is in the place of what was deleted.
type removed struct{}

// names are the keys that are there.
func (t *table) names() []string {
	names := make([]string, 0, len(t.keys)-t.holes)
	for i, key := range t.keys {
		if _, gone := t.values[i].(removed); !gone {
			names = append(names, key)
		}
	}
	return names
}

// maxDepth bounds the nesting of what is decoded and printed.
const maxDepth = 512

// maxData bounds what is printed: a table that stands in several places is printed in each.
const maxData = 32 << 20

// decode reads one JSON value and nothing after it.
func decode(l *lua.LState, text string) (any, error) {
	spend(l, len(text)) // for the copy that is checked
	var one json.RawMessage
	d := json.NewDecoder(strings.NewReader(text))
	if len(text) > 0 && !json.Valid([]byte(text)) { // then it says what is wrong
		if err := d.Decode(&one); err != nil {
			return nil, err
		}
		return nil, errors.New("there is more after the value")
	}
	if text = strings.Trim(text, " \t\r\n"); text == "" {
		return nil, io.EOF
	}
	if rawjson.DeeperThan(text, maxDepth) {
		return nil, errors.New("is nested too deeply")
	}
	return opened(l, native(text)), nil
}

// native is a value as scripts have it, but for what has others in it.
func native(text string) any {
	switch text[0] {
	case '{', '[':
		return raw(text)
	case '"':
		return unquoted(text)
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	return json.Number(text)
}

// opened is a value whose members or elements can be seen. The run pays for them.
func opened(l *lua.LState, v any) any {
	text, ok := v.(raw)
	if !ok {
		return v
	}
	count, decoded := 0, 0
	rawjson.Each(string(text), func(_, one string) {
		if count++; one[0] == '"' && strings.IndexByte(one, '\\') > 0 {
			decoded += len(one)
		}
	})
	spend(l, decoded)
	if text[0] == '[' {
		spend(l, tableSize+count*nodeSize+len(text)/readCost)
		a := &array{items: make([]any, 0, count)}
		rawjson.Each(string(text), func(_, one string) { a.items = append(a.items, native(one)) })
		return a
	}
	size := nodeSize + keySize
	if count >= manyKeys {
		size += placeSize
	}
	spend(l, tableSize+count*size+len(text)/readCost)
	t := &table{keys: make([]string, 0, count), values: make([]any, 0, count)}
	rawjson.Each(string(text), func(key, one string) { t.set(unquoted(key), native(one)) })
	return t
}

// appendValue prints a value.
func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errors.New("data is nested too deeply, or in itself")
	}
	if len(dst) > maxData {
		return nil, fmt.Errorf("data is larger than %d bytes", maxData)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case json.Number:
		return append(dst, v...), nil
	case float64:
		return appendNumber(dst, v)
	case string:
		return appendString(dst, v), nil
	case raw:
		return append(dst, v...), nil
	case *table:
		return appendTable(dst, v, depth)
	case *array:
		return appendArray(dst, v, depth)
	}
	return nil, fmt.Errorf("%T cannot be JSON", v)
}

func appendTable(dst []byte, t *table, depth int) ([]byte, error) {
	dst = append(dst, '{')
	first := len(dst)
	for i, key := range t.keys {
		if _, gone := t.values[i].(removed); gone {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		var err error
		dst = append(appendString(dst, key), ':')
		if dst, err = appendValue(dst, t.values[i], depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendArray(dst []byte, a *array, depth int) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, v := range a.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, v, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendNumber prints whole numbers without a fraction, as people write them.
func appendNumber(dst []byte, f float64) ([]byte, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, errors.New("a number that is not finite cannot be JSON")
	case f == math.Trunc(f) && math.Abs(f) < 1<<63:
		return strconv.AppendInt(dst, int64(f), 10), nil
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s { // what is not UTF-8 becomes U+FFFD
		switch i := strings.IndexRune(escapes, r); {
		case i >= 0:
			dst = append(dst, '\\', letters[i])
		case r < ' ' || r == '\u2028' || r == '\u2029': // the last two are line ends in JavaScript
			dst = fmt.Appendf(dst, "\\u%04x", r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// Characters that have an escape of their own, and its letter.
const (
	escapes = "\"\\\n\r\t\b\f"
	letters = `"\nrtbf`
)

// sized is about how long a value is once it is printed.
func sized(v any, depth int) int {
	n := 8
	switch v := v.(type) {
	case json.Number:
		n = len(v)
	case string:
		n = len(v) + 2
	case raw:
		n = len(v)
	case *table:
		for i, key := range v.keys {
			n += len(key) + 4
			if depth < maxDepth && n < maxData {
				n += sized(v.values[i], depth+1)
			}
		}
	case *array:
		for _, one := range v.items {
			n++
			if depth < maxDepth && n < maxData {
				n += sized(one, depth+1)
			}
		}
	}
	return n
}

// printed is a value as text. A large one has its room from the beginning.
func printed(v any) ([]byte, error) {
	return appendValue(make([]byte, 0, min(sized(v, 0), maxData)), v, 0)
}

// toLua gives a script a value.
func (r *run) toLua(v any) lua.LValue {
	switch v := v.(type) {
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return lua.LString(v)
		}
		return lua.LNumber(f)
	case *table:
		return r.push(v)
	case *array:
		return r.push(v)
	}
	return lua.LNil
}

// fromLua takes a value from a script. A table of Lua is an array if its keys are 1 to n, an object otherwise.
func fromLua(l *lua.LState, v lua.LValue, depth int) (any, error) {
	spend(l, nodeSize) // a table that stands in several places is copied to each
	if depth > maxDepth {
		return nil, errors.New("a table is nested too deeply, or in itself")
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		return float64(v), nil
	case *lua.LTable:
		return fromTable(l, v, depth+1)
	case *lua.LUserData:
		switch own := v.Value.(type) {
		case *table, *array:
			return own, nil
		case null:
			return nil, nil
		}
	}
	return nil, fmt.Errorf("a %s cannot be JSON", v.Type())
}

func fromTable(l *lua.LState, t *lua.LTable, depth int) (any, error) {
	var names []string
	byName := map[string]lua.LValue{}
	t.ForEach(func(k, v lua.LValue) {
		names = append(names, k.String())
		byName[k.String()] = v
	})
	if n := t.MaxN(); n > 0 && n == len(names) {
		a := &array{items: make([]any, n)}
		for i := range a.items {
			v, err := fromLua(l, t.RawGetInt(i+1), depth)
			if err != nil {
				return nil, err
			}
			a.items[i] = v
		}
		return a, nil
	}
	slices.Sort(names)
	object := newTable()
	for _, name := range names {
		v, err := fromLua(l, byName[name], depth)
		if err != nil {
			return nil, err
		}
		object.set(name, v)
	}
	return object, nil
}

package lua

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// JSON as scripts work on it: nil, bool, string, json.Number or float64, *table and *array. Objects keep the order of their
// keys, and numbers that nobody touches their digits.

// table is a JSON object: luaTable.
type table struct {
	keys   []string
	values map[string]any
}

// array is a JSON array: luaList.
type array struct{ items []any }

func newTable() *table { return &table{values: map[string]any{}} }

func (t *table) set(key string, v any) {
	if _, there := t.values[key]; !there {
		t.keys = append(t.keys, key)
	}
	t.values[key] = v
}

func (t *table) del(key string) {
	if _, there := t.values[key]; there {
		delete(t.values, key)
		t.keys = slices.DeleteFunc(t.keys, func(k string) bool { return k == key })
	}
}

// maxDepth bounds the nesting of what is decoded and printed.
const maxDepth = 512

// maxData bounds what is printed: a table that stands in several places is printed in each.
const maxData = 32 << 20

// decoder reads JSON for a run, which pays for what it becomes.
type decoder struct {
	*json.Decoder
	state *lua.LState
}

// decode reads one JSON value and nothing after it.
func decode(l *lua.LState, data []byte) (any, error) {
	d := decoder{json.NewDecoder(bytes.NewReader(data)), l}
	d.UseNumber()
	v, err := d.next(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the value")
	}
	return v, nil
}

func (d decoder) next(depth int) (any, error) {
	spend(d.state, nodeSize)
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth++; depth > maxDepth {
		return nil, errors.New("is nested too deeply")
	}
	if open == '[' {
		return d.array(depth)
	}
	return d.table(depth)
}

func (d decoder) array(depth int) (*array, error) {
	a := &array{}
	for d.More() {
		v, err := d.next(depth)
		if err != nil {
			return nil, err
		}
		a.items = append(a.items, v)
	}
	_, err := d.Token()
	return a, err
}

func (d decoder) table(depth int) (*table, error) {
	spend(d.state, tableSize)
	t := newTable()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := d.next(depth)
		if err != nil {
			return nil, err
		}
		t.set(key.(string), v)
	}
	_, err := d.Token()
	return t, err
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
		return appendString(dst, v)
	case *table:
		return appendTable(dst, v, depth)
	case *array:
		return appendArray(dst, v, depth)
	}
	return nil, fmt.Errorf("%T cannot be JSON", v)
}

func appendTable(dst []byte, t *table, depth int) ([]byte, error) {
	dst = append(dst, '{')
	for i, key := range t.keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendString(dst, key); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = appendValue(dst, t.values[key], depth+1); err != nil {
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

func appendString(dst []byte, s string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
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

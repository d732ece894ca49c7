package rawjson

import (
	"encoding/json"
	"slices"
	"strings"
)

// doc is a decoded JSON value of the slow reference: what plans do, done by decoding, editing and encoding.
type doc struct {
	kind   byte
	scalar any // string, json.Number, bool or nil
	keys   []string
	values []*doc // members or elements
	labels []int  // of elements, for flatmap: where they were
	spare  int    // the next label
}

func decoded(t tester, text []byte) *doc {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return decodeOne(t, d)
}

func decodeOne(t tester, d *json.Decoder) *doc {
	t.Helper()
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch token := token.(type) {
	case json.Delim:
		out := &doc{kind: byte(token)}
		for d.More() {
			if token == '{' {
				key, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				out.set(key.(string), decodeOne(t, d))
				continue
			}
			out.push(decodeOne(t, d))
		}
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		return out
	case string:
		return &doc{kind: '"', scalar: token}
	case json.Number:
		return &doc{kind: '0', scalar: token}
	case bool:
		return &doc{kind: map[bool]byte{true: 't', false: 'f'}[token], scalar: token}
	}
	return &doc{kind: 'n'}
}

func (d *doc) push(value *doc) {
	d.values, d.labels = append(d.values, value), append(d.labels, d.spare)
	d.spare++
}

func (d *doc) set(key string, value *doc) {
	if i := slices.Index(d.keys, key); i >= 0 {
		d.values[i] = value
		return
	}
	d.keys, d.values = append(d.keys, key), append(d.values, value)
}

func (d *doc) remove(i int) {
	d.values = slices.Delete(slices.Clone(d.values), i, i+1)
	if d.kind == '{' {
		d.keys = slices.Delete(slices.Clone(d.keys), i, i+1)
	} else {
		d.labels = slices.Delete(slices.Clone(d.labels), i, i+1)
	}
}

// text prints compactly; numbers as they came.
func (d *doc) text(t tester) string {
	t.Helper()
	switch d.kind {
	case '{', '[':
		var parts []string
		for i, value := range d.values {
			s := value.text(t)
			if d.kind == '{' {
				key, err := json.Marshal(d.keys[i])
				if err != nil {
					t.Fatal(err)
				}
				s = string(key) + ":" + s
			}
			parts = append(parts, s)
		}
		return string(d.kind) + strings.Join(parts, ",") + string(d.kind+2)
	case '0':
		return string(d.scalar.(json.Number))
	}
	out, err := json.Marshal(d.scalar)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// shaped is the reference of a Plan; nil if the plan refuses it.
func (d *doc) shaped(s Spec) *doc {
	if d.kind == '[' && s.Collection != "" {
		whole := &doc{kind: '{'}
		whole.set(s.Collection, d)
		d = whole
	}
	if d.kind != '{' {
		return nil
	}
	for _, key := range s.Target {
		i := slices.Index(d.keys, key)
		if i < 0 || d.values[i].kind != '{' {
			d = &doc{kind: '{'}
			break
		}
		d = d.values[i]
	}
	switch {
	case len(s.Flatmap) > 0:
		for _, op := range s.Flatmap {
			d.flatmap(op)
		}
	default:
		switch {
		case len(s.Allow) > 0:
			d.allow(s.Allow)
		case len(s.Deny) > 0:
			for _, path := range s.Deny {
				d.deny(path)
			}
		}
		d.rename(s.Mapping)
	}
	if s.Group != "" {
		whole := &doc{kind: '{'}
		whole.set(s.Group, d)
		d = whole
	}
	return d
}

func (d *doc) deny(path []string) {
	i := slices.Index(d.keys, path[0])
	switch {
	case i < 0:
	case len(path) == 1:
		d.remove(i)
	case d.values[i].kind == '{':
		d.values[i].deny(path[1:])
	}
}

func (d *doc) allow(paths [][]string) {
	for i := len(d.keys) - 1; i >= 0; i-- {
		var inside [][]string
		whole := false
		for _, path := range paths {
			if path[0] == d.keys[i] {
				inside = append(inside, path[1:])
				whole = whole || len(path) == 1
			}
		}
		switch {
		case whole:
			continue
		case len(inside) > 0 && d.values[i].kind == '{':
			if d.values[i].allow(inside); len(d.values[i].keys) > 0 {
				continue
			}
		}
		d.remove(i)
	}
}

func (d *doc) rename(mapping [][2]string) {
	winner := map[string]string{} // new name -> the old name that gets it
	renamed := map[string]string{}
	for _, pair := range mapping {
		if slices.Contains(d.keys, pair[0]) {
			name, _, _ := strings.Cut(pair[1], ".")
			winner[name], renamed[pair[0]] = pair[0], name
		}
	}
	out := &doc{kind: '{'}
	for i, key := range d.keys {
		name, moved := renamed[key]
		_, taken := winner[key]
		switch {
		case moved && winner[name] == key:
			out.set(name, d.values[i])
		case moved, taken:
		default:
			out.set(key, d.values[i])
		}
	}
	d.keys, d.values = out.keys, out.values
}

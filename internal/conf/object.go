package conf

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// object fills a struct.
func (w *walk) object(n *node, rv reflect.Value, at spot) {
	if n.kind != Object {
		w.wrongKind(n, Object.String(), at)
		return
	}
	s := w.shapes.of(rv.Type())
	level := at.of != nil && at.of.namespaces
	taken := map[*field]string{}
	for i := range n.members {
		m := &n.members[i]
		if m.doubled { // reported already
			continue
		}
		here := at.under(m.key)
		f := w.key(m, s, at, level)
		if f == nil {
			continue
		}
		if other, twice := taken[f]; twice {
			m.ignored = true
			w.mistake(m.at, here.path, fmt.Errorf("means the same as %q, which stands there too: want only %q", other, f.name))
			continue
		}
		taken[f] = m.key
		m.name = f.name
		if len(at.path) == 0 && m.key == "version" && w.unversioned {
			continue
		}
		w.value(m.value, f.in(rv), here.into(f, level))
	}
}

// into is the spot of a field's value.
func (at spot) into(f *field, level bool) spot {
	at.of = f
	at.item = false
	at.namespace = level
	at.open = at.open || f.open
	at.tight = at.tight || f.strict || level && isTight(f.name)
	return at
}

// isTight reports whether a namespace guards something: in its block an unknown key might be the lock that was meant.
func isTight(namespace string) bool {
	for _, family := range []string{"auth/", "validation/", "security/", "qos/"} {
		if strings.HasPrefix(namespace, family) {
			return true
		}
	}
	return false
}

// userObject fills a map. Its keys are the user's: none is unknown and none a comment.
func (w *walk) userObject(n *node, rv reflect.Value, at spot) {
	if n.kind != Object {
		w.wrongKind(n, Object.String(), at)
		return
	}
	t := rv.Type()
	out := reflect.MakeMapWithSize(t, len(n.members))
	for _, m := range n.members {
		if m.doubled {
			continue
		}
		here := at.under(m.key)
		here.item = true
		key, err := mapKey(t.Key(), m.key)
		if err != nil {
			w.mistake(m.at, here.path, err)
			continue
		}
		value := reflect.New(t.Elem()).Elem()
		w.value(m.value, value, here)
		out.SetMapIndex(key, value)
	}
	rv.Set(out)
}

func mapKey(t reflect.Type, key string) (reflect.Value, error) {
	out := reflect.New(t)
	if text, ok := out.Interface().(encoding.TextUnmarshaler); ok {
		err := text.UnmarshalText([]byte(key))
		return out.Elem(), err
	}
	if t.Kind() != reflect.String {
		return out.Elem(), fmt.Errorf("no key of a file can fill a %v", t)
	}
	out.Elem().SetString(key)
	return out.Elem(), nil
}

// list fills a slice or an array. Old versions take one scalar for a list of one.
func (w *walk) list(n *node, rv reflect.Value, at spot) {
	items, scalar := n.items, n.kind != Array
	if scalar {
		if n.kind == Object || n.kind == Null || !w.lenient(n, "a list of one", at) {
			w.wrongKind(n, wanted(rv.Type()), at)
			return
		}
		items = []*node{n}
	}
	if rv.Kind() == reflect.Slice {
		rv.Set(reflect.MakeSlice(rv.Type(), len(items), len(items)))
	} else if rv.Len() != len(items) {
		w.mistake(n.at, at.path, fmt.Errorf("got a list of %d, want one of %d", len(items), rv.Len()))
		return
	}
	for i, item := range items {
		here := at
		if !scalar {
			here = at.under(i)
		}
		here.item = true
		w.value(item, rv.Index(i), here)
	}
}

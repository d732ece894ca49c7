package conf

import (
	"fmt"
	"reflect"
	"slices"
)

// anyIndex and anyKey stand in the path of a [place] for a position in a list and for a key of the user's.
type (
	anyIndex struct{}
	anyKey   struct{}
)

// place is an object of the grammar: where it stands and what it may hold.
type place struct {
	path  Path
	shape *shape
	typ   reflect.Type
	level bool // its keys are namespaces
	begin int  // where in the path its namespace stands; 0 outside of them
}

// places lists all objects of the grammar, parents first and their namespaces before other children. A type within itself
// is listed once.
func (all shapes) places(root reflect.Type) []place {
	v := &visit{shapes: all}
	v.visit(root, place{}, nil)
	return v.found
}

type visit struct {
	shapes shapes
	found  []place
}

// visit goes into a type that stands at p.
func (v *visit) visit(t reflect.Type, p place, within []reflect.Type) {
	if readsHow(t) != byShape {
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		v.visit(t.Elem(), p, within)
	case reflect.Slice, reflect.Array:
		p.level = false
		v.visit(t.Elem(), p.under(anyIndex{}), within)
	case reflect.Map:
		p.level = false
		v.visit(t.Elem(), p.under(anyKey{}), within)
	case reflect.Struct:
		if slices.Contains(within, t) {
			return
		}
		p.shape, p.typ = v.shapes.of(t), t
		v.found = append(v.found, p)
		within = append(within[:len(within):len(within)], t)
		v.fields(p, true, within)
		v.fields(p, false, within)
	}
}

// fields goes into those fields of p that hold namespaces, or into the others.
func (v *visit) fields(p place, level bool, within []reflect.Type) {
	for _, f := range p.shape.fields {
		if f.namespaces != level {
			continue
		}
		next := p.under(f.name)
		if p.level {
			next.begin = len(p.path)
		}
		next.level = level
		v.visit(f.typ, next, within)
	}
}

func (p place) under(segment any) place {
	p.path = append(p.path[:len(p.path):len(p.path)], segment)
	return p
}

// places are those of the root type, found once.
func (w *walk) places() []place {
	if w.levels == nil {
		w.levels = w.shapes.places(w.root)
	}
	return w.levels
}

// holders are the places whose namespaces include name.
func (w *walk) holders(name string) (out []place) {
	for _, p := range w.places() {
		if p.level && p.shape.byName[name] != nil {
			out = append(out, p)
		}
	}
	return out
}

// namespaceNames are all namespaces that stand somewhere, and the old names of namespaces.
func (w *walk) namespaceNames() (out []string) {
	for _, p := range w.places() {
		if p.level {
			out = append(out, p.shape.names()...)
		}
	}
	for old := range w.opt.Renamed {
		out = append(out, old)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// around is the object that holds an object: messages say "under endpoints[0]" for what belongs into its extra_config,
// unless that is where the key already stands.
func around(path, from Path) Path {
	if outer := path[:len(path)-1]; outer.String() != from.String() {
		return outer
	}
	return path
}

// nearestPlace words the candidate that is nearest to where we stand: the longest common way, then the shortest rest.
func nearestPlace(candidates []place, from Path) string {
	var best place
	common := -1
	for _, p := range candidates {
		if c := commonWay(p.path, from); c > common || c == common && len(p.path) < len(best.path) {
			best, common = p, c
		}
	}
	path := actual(best.path, from, common)
	if best.level && len(path) > 0 {
		path = around(path, from)
	}
	if len(path) == 0 {
		return "at the top level"
	}
	return "under " + path.String()
}

// commonWay counts the segments that a place of the grammar shares with a path of the document.
func commonWay(pattern, path Path) int {
	n := 0
	for n < len(pattern) && n < len(path) && fits(pattern[n], path[n]) {
		n++
	}
	return n
}

func fits(pattern, segment any) bool {
	switch pattern.(type) {
	case anyIndex:
		_, ok := segment.(int)
		return ok
	case anyKey:
		_, ok := segment.(string)
		return ok
	}
	return pattern == segment
}

// actual words a pattern: as the document has it as far as they agree, the first of each list from there.
func actual(pattern, path Path, common int) Path {
	out := Path{}
	for i, segment := range pattern {
		switch segment.(type) {
		case anyIndex:
			segment = 0
		case anyKey:
			segment = "*"
		}
		if i < common {
			segment = path[i]
		}
		out = append(out, segment)
	}
	return out
}

// elsewhere says where a key would be known that is not known here: in an object around this one, or in one of its own.
func (w *walk) elsewhere(key string, at spot) string {
	var found []place
	for _, p := range w.places() {
		if p.level || p.shape.byName[key] == nil {
			continue
		}
		if c := commonWay(p.path, at.path); c == len(p.path) || c == len(at.path) {
			found = append(found, p)
		}
	}
	if plain := slices.DeleteFunc(slices.Clone(found), func(p place) bool { return p.begin > 0 }); len(plain) > 0 {
		found = plain // what a namespace has under the same name is something else
	}
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf(" (it belongs %s)", nearestPlace(found, at.path))
}

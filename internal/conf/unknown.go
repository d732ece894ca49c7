package conf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// key says which field a key means; nil if none, which it has then dealt with.
func (w *walk) key(m *member, s *shape, at spot, level bool) *field {
	if f := s.byName[m.key]; f != nil {
		return f
	}
	switch {
	case at.open:
		return nil
	case isComment(m.key):
		m.ignored = true
		return nil
	}
	here := at.under(m.key).path
	if f := s.byOld[m.key]; f != nil {
		return w.oldName(m, f, here)
	}
	if level {
		return w.namespace(m, s, at)
	}
	m.ignored = true
	w.unknown(m, s, at)
	return nil
}

// oldName takes a name of an earlier grammar for what its author meant.
func (w *walk) oldName(m *member, f *field, here Path) *field {
	switch w.version {
	case 4:
		m.ignored = true
		w.mistake(m.at, here, fmt.Errorf("unknown key%s", renamed(f.name)))
		return nil
	case 3:
		w.warn(m.at, here, fmt.Errorf("old name of %q, read as that", f.name))
	}
	w.modernKey(m, f.name, here, "now %q", f.name)
	return f
}

func renamed(today string) string {
	return fmt.Sprintf(" (did you mean %q? that is its new name)", today)
}

// unknown judges a key that no field has. It may pass, with a warning, only in old files and where it can loosen nothing.
func (w *walk) unknown(m *member, s *shape, at spot) {
	here := at.under(m.key).path
	if len(at.path) == 0 && m.key == "version" {
		return // the document's own
	}
	meant, misspelt := nearest(m.key, s.names())
	if err := w.strayNamespace(m, at); err != nil && (!misspelt || w.namespaceCalled(m.key) != "") {
		w.mistake(m.at, here, err)
		return
	}
	tail := didYouMean(s.today(meant))
	if meant == "" {
		tail = w.elsewhere(m.key, at)
	}
	if tail == "" {
		tail = s.oneOf()
	}
	err := fmt.Errorf("unknown key%s", tail)
	if w.version >= 4 || at.tight || misspelt {
		w.mistake(m.at, here, err)
		return
	}
	w.warn(m.at, here, fmt.Errorf("%w, passed over", err))
	w.modernKey(m, "@"+m.key, here, "nobody reads it: kept as a remark, %q", "@"+m.key)
}

// oneOf lists what an object knows, where that is short enough to read.
func (s *shape) oneOf() string {
	const most = 8
	if len(s.fields) > most || len(s.fields) == 0 {
		return ""
	}
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	return ", want " + orList(names)
}

// strayNamespace finds a namespace outside the objects that hold them: as a key of its own, or somewhere in a value that
// would be passed over. An endpoint would be more open than its author believes.
func (w *walk) strayNamespace(m *member, at spot) error {
	if name := w.namespaceCalled(m.key); name != "" {
		if what, ok := w.opt.Unserved[name]; ok && len(w.holders(name)) == 0 {
			return notServed(what)
		}
		return fmt.Errorf("belongs %s", nearestPlace(w.holders(name), at.path))
	}
	if what, ok := w.opt.Unserved[m.key]; ok {
		return notServed(what)
	}
	if name := w.namespaceIn(m.value); name != "" {
		return fmt.Errorf("unknown key, and %q in it would be passed over%s", name, w.holderHint(name, at))
	}
	return nil
}

func (w *walk) holderHint(name string, at spot) string {
	holders := w.holders(w.namespaceCalled(name))
	if len(holders) == 0 {
		return ""
	}
	return fmt.Sprintf(" (it belongs %s)", nearestPlace(holders, at.path))
}

// namespaceCalled is today's name of a namespace that somebody serves or refuses; "" if it is none.
func (w *walk) namespaceCalled(key string) string {
	if today, ok := w.opt.Renamed[key]; ok {
		key = today
	}
	if len(w.holders(key)) > 0 {
		return key
	}
	if _, ok := w.opt.Unserved[key]; ok && strings.Contains(key, "/") && !isTelemetry(key) {
		return key
	}
	return ""
}

// namespaceIn looks for a namespace anywhere in a value. Names without a slash ("proxy") may mean anything there.
func (w *walk) namespaceIn(n *node) string {
	for _, item := range n.items {
		if name := w.namespaceIn(item); name != "" {
			return name
		}
	}
	for _, m := range n.members {
		if isComment(m.key) {
			continue
		}
		if strings.Contains(m.key, "/") && w.namespaceCalled(m.key) != "" {
			return m.key
		}
		if name := w.namespaceIn(m.value); name != "" {
			return name
		}
	}
	return ""
}

// namespace finds the field of a namespace that does not stand in the shape under this name.
func (w *walk) namespace(m *member, s *shape, at spot) *field {
	here := at.under(m.key).path
	name := m.key
	if today, ok := w.opt.Renamed[m.key]; ok {
		name = today
	}
	f := s.byName[name]
	switch {
	case f == nil:
		m.ignored = true
		w.unknownNamespace(m, name, s, at)
		return nil
	case w.version >= 4:
		m.ignored = true
		w.mistake(m.at, here, fmt.Errorf("unknown namespace%s", renamed(name)))
		return nil
	case w.version == 3:
		w.warn(m.at, here, fmt.Errorf("old name of %q, read as that", name))
	}
	w.modernKey(m, name, here, "now %q", name)
	return f
}

// unknownNamespace says why a namespace cannot stand here. Only telemetry is let pass: nobody is less safe without it.
func (w *walk) unknownNamespace(m *member, name string, s *shape, at spot) {
	here := at.under(m.key).path
	holders := w.holders(name)
	what, refused := w.opt.Unserved[name]
	switch {
	case len(holders) > 0:
		w.mistake(m.at, here, fmt.Errorf("belongs %s", nearestPlace(holders, at.path)))
	case refused && isTelemetry(name):
		w.warn(m.at, here, fmt.Errorf("%w, passed over", notServed(what)))
	case refused:
		w.mistake(m.at, here, notServed(what))
	default:
		known := slices.Concat(s.names(), w.namespaceNames(), slices.Sorted(maps.Keys(w.opt.Unserved)))
		meant, misspelt := nearest(m.key, known)
		if today, ok := w.opt.Renamed[meant]; ok {
			meant = today
		}
		err := fmt.Errorf("unknown namespace%s", didYouMean(s.today(meant)))
		if _, unserved := w.opt.Unserved[meant]; isTelemetry(name) && (!misspelt || unserved) {
			w.warn(m.at, here, fmt.Errorf("%w, passed over", err))
			return
		}
		w.mistake(m.at, here, err)
	}
}

func isTelemetry(namespace string) bool { return strings.HasPrefix(namespace, "telemetry/") }

func notServed(what string) error {
	if what == "" {
		return errors.New("not served here")
	}
	return fmt.Errorf("not served here: %s", what)
}

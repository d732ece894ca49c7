package conf

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Decode fills root (a pointer to a struct) and returns every mistake at once, located.
func (d *Document) Decode(root any, opt Options) error {
	into := reflect.ValueOf(root)
	if into.Kind() != reflect.Pointer || into.IsNil() || into.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("got %T, want a pointer to a struct", root)
	}
	w := &walk{doc: d, opt: opt, root: into.Type().Elem(), shapes: shapes{}}
	w.expander.env, w.expander.readFile = opt.Env, opt.ReadFile
	if opt.Env == nil {
		w.expander.env = os.LookupEnv
	}
	if opt.ReadFile == nil {
		w.expander.readFile = os.ReadFile
	}
	var err error
	if w.version, err = d.Version(); err != nil {
		w.mistakes = append(w.mistakes, err)
		w.version, w.unversioned = 3, true // the manners that complain of what is wrong in every version
	}
	if opt.Root != nil {
		w.mistakes = append(w.mistakes, opt.Root(d)...)
	}
	w.doubled(d.root, nil)
	w.override(opt.Override)
	w.value(d.root, into.Elem(), spot{})
	d.keepSecrets(w.expander.secrets)
	d.Warn(Join(w.warnings...))
	var all []error
	for _, m := range d.Locate(Join(w.mistakes...)) {
		all = append(all, m)
	}
	return Join(all...)
}

// walk goes through JSON and struct together.
type walk struct {
	doc         *Document
	opt         Options
	root        reflect.Type
	version     int
	unversioned bool // "version" itself is wrong, and was reported
	shapes      shapes
	levels      []place // made when first asked for
	expander    expander
	mistakes    []error
	warnings    []error
}

// spot is where the walk stands, and what holds there.
type spot struct {
	path  Path
	of    *field // whose value this is; nil for the root and in maps and lists of plain values
	tight bool   // in a block where every unknown key is a mistake
	open  bool   // the keys are the user's
	item  bool   // in a list or a map: null cannot mean "not written"

	namespace bool // the value of a namespace
}

// under is the spot one step further down.
func (at spot) under(segment any) spot {
	at.path = append(at.path[:len(at.path):len(at.path)], segment)
	return at
}

func (w *walk) mistake(offset int, path Path, err error) {
	w.mistakes = append(w.mistakes, w.doc.errorAt(offset, path, err))
}

func (w *walk) warn(offset int, path Path, err error) {
	w.warnings = append(w.warnings, w.doc.errorAt(offset, path, err))
}

// doubled reports the keys that stand twice in one object, wherever they are.
func (w *walk) doubled(n *node, path Path) {
	at := spot{path: path}
	for i, item := range n.items {
		w.doubled(item, at.under(i).path)
	}
	for _, m := range n.members {
		here := at.under(m.key).path
		if m.doubled {
			line, column := w.doc.position(m.first)
			w.mistake(m.at, here, fmt.Errorf("the key stands twice: here and at %d:%d", line, column))
		}
		w.doubled(m.value, here)
	}
}

// value fills rv from n.
func (w *walk) value(n *node, rv reflect.Value, at spot) {
	t := rv.Type()
	how := readsHow(t)
	if n.kind == Null && (at.namespace || !takesNull(t)) {
		w.null(n, t, at)
		return
	}
	if w.nothing(n, t, at) {
		w.unwritten(n, at)
		return
	}
	if at.of != nil && at.of.secret {
		w.hide(n)
	}
	switch how {
	case asAny:
		if value := w.any(n, at); value != nil {
			rv.Set(reflect.ValueOf(value))
		}
	case asRaw:
		rv.SetBytes(w.raw(n, at))
	case asDuration:
		w.duration(n, rv, at)
	case asDigits:
		if digits, ok := w.digits(n, at); ok {
			rv.SetString(digits)
		}
	case byReader, byJSON, byText:
		w.own(how, n, rv, at)
	default:
		w.byKind(n, rv, at)
	}
}

// hide keeps a value that is tagged as a secret out of all that is shown.
func (w *walk) hide(n *node) {
	if n.kind == String && !strings.Contains(n.text, "${") {
		w.expander.secrets = append(w.expander.secrets, secret{n.text, hidden})
	}
	n.secret = true
	for _, item := range n.items {
		w.hide(item)
	}
	for _, m := range n.members {
		w.hide(m.value)
	}
}

func (w *walk) byKind(n *node, rv reflect.Value, at spot) {
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.IsNil() {
			rv.Set(reflect.New(rv.Type().Elem()))
		}
		w.value(n, rv.Elem(), at)
	case reflect.Struct:
		w.object(n, rv, at)
	case reflect.Map:
		w.userObject(n, rv, at)
	case reflect.Slice, reflect.Array:
		w.list(n, rv, at)
	case reflect.String:
		w.text(n, rv, at)
	case reflect.Bool:
		w.boolean(n, rv, at)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		w.number(n, rv, at)
	default:
		w.mistake(n.at, at.path, fmt.Errorf("nothing of a file can fill a %v", rv.Type()))
	}
}

// takesNull reports whether null is a value like others there: in what is passed on as it is.
func takesNull(t reflect.Type) bool {
	how := readsHow(bare(t))
	return how == asAny || how == asRaw
}

// null is "not written" in old files, but never where that would open a door.
func (w *walk) null(n *node, t reflect.Type, at spot) {
	if w.version >= 4 || at.tight || at.item || at.namespace {
		w.mistake(n.at, at.path, fmt.Errorf("got null, want %s", wanted(t)))
		return
	}
	w.unwritten(n, at)
}

// nothing reports a value that KrakenD takes for none, in an old file, and where it opens no door.
func (w *walk) nothing(n *node, t reflect.Type, at spot) bool {
	if w.version >= 4 || at.tight || at.item || at.of == nil {
		return false
	}
	if n.kind == String && n.text == "" {
		return readsHow(bare(t)) == asDuration || at.of.enum != nil && bare(t).Kind() == reflect.String
	}
	return at.of.zero && (n.kind == Number && n.text == "0" || n.kind == String && zeroDuration(n.text))
}

func zeroDuration(text string) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d == 0
}

// shownAs is such a value as it was written.
func shownAs(n *node) string {
	if n.kind == String {
		return strconv.Quote(n.text)
	}
	if n.kind == Null {
		return "null"
	}
	return n.text
}

// unwritten passes a value over.
func (w *walk) unwritten(n *node, at spot) {
	w.warn(n.at, at.path, fmt.Errorf("got %s, read as not written", shownAs(n)))
	if m := w.doc.root.holding(n); m != nil {
		w.modernKey(m, "@"+m.key, at.path, "%s is nothing: kept as a remark, %q", shownAs(n), "@"+m.key)
	}
}

// wrongKind says what stands there and what belongs there.
func (w *walk) wrongKind(n *node, want string, at spot) {
	if n.outside {
		w.mistake(n.at, at.path, fmt.Errorf("got %s, want %s", quoted(n.text), want))
		return
	}
	w.mistake(n.at, at.path, fmt.Errorf("got %v, want %s%s", n.kind, want, w.tooEarly(n)))
}

// tooEarly says why ${…} stayed what it is in an old file.
func (w *walk) tooEarly(n *node) string {
	if w.version >= 4 || n.kind != String || !strings.Contains(n.text, "${") {
		return ""
	}
	return " (${…} is filled in from version 4 on)"
}

// lenient reports whether the version of the file lets values of a wrong type pass where their meaning is plain, and
// leaves the warning.
func (w *walk) lenient(n *node, want string, at spot) bool {
	if n.outside {
		return true
	}
	if w.version >= 4 {
		return false
	}
	w.warn(n.at, at.path, fmt.Errorf("got %v, read as %s", n.kind, want))
	text := n.text
	if strings.HasPrefix(want, "a list") {
		text = "[" + string(w.doc.data[n.at:n.end]) + "]"
		if n.kind == String {
			text = "[" + string(jsonString(literal(n.text))) + "]"
		}
	}
	w.modernize(n.at, n.end, text, at.path, "%s instead of %v", want, n.kind)
	return true
}

package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// expanded is the value of a string after ${…}, which only version 4 knows. It is false where a mistake was found in it.
func (w *walk) expanded(n *node, at spot) (expansion, bool) {
	if w.version < 4 || n.outside || !strings.Contains(n.text, "${") {
		return expansion{text: n.text}, true
	}
	if n.expansion == nil {
		e, err := w.expander.expand(n.text)
		if err != nil {
			e.failed = true
			for _, one := range Flatten(err) {
				w.mistake(n.at, at.path, one)
			}
		}
		n.expansion = &e
	}
	return *n.expansion, !n.expansion.failed
}

func (w *walk) text(n *node, rv reflect.Value, at spot) {
	if n.kind != String {
		w.wrongKind(n, String.String(), at)
		return
	}
	e, ok := w.expanded(n, at)
	if ok && e.text == "" && at.of != nil && at.of.filled {
		w.mistake(n.at, at.path, errors.New("is empty; say what is wanted, or take the key away"))
		return
	}
	if ok && w.inEnum(n, e.text, at) {
		rv.SetString(e.text)
	}
}

// inEnum checks a string against the list that its field allows.
func (w *walk) inEnum(n *node, text string, at spot) bool {
	if at.of == nil || at.of.enum == nil || slices.Contains(at.of.enum, text) {
		return true
	}
	var list []string
	for _, one := range at.of.enum {
		list = append(list, strconv.Quote(one))
	}
	meant, _ := nearest(text, at.of.enum)
	w.mistake(n.at, at.path, fmt.Errorf("got %s, want %s%s", quoted(n.shown()), orList(list), didYouMean(meant)))
	return false
}

// orList writes "a, b or c".
func orList(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

func (w *walk) boolean(n *node, rv reflect.Value, at spot) {
	want := Bool.String()
	text := n.text
	if n.kind == String {
		var ok bool
		if text, ok = w.standsFor(n, want, func(s string) bool { return s == "true" || s == "false" }, at); !ok {
			return
		}
	} else if n.kind != Bool {
		w.wrongKind(n, want, at)
		return
	}
	rv.SetBool(text == "true")
}

// digits are those of a number, as written.
func (w *walk) digits(n *node, at spot) (string, bool) {
	switch n.kind {
	case Number:
		return n.text, true
	case String:
		return w.standsFor(n, Number.String(), isNumber, at)
	}
	w.wrongKind(n, Number.String(), at)
	return "", false
}

// standsFor takes a string for another scalar: "${PORT}" in version 4, and "8080" in older ones, with a warning.
func (w *walk) standsFor(n *node, want string, fits func(string) bool, at spot) (string, bool) {
	e, ok := w.expanded(n, at)
	switch {
	case !ok:
		return "", false
	case e.whole:
		text := strings.TrimSpace(e.text)
		if !fits(text) {
			w.mistake(n.at, at.path, fmt.Errorf("what %s brings in is not %s", n.shown(), want))
			return "", false
		}
		return text, true
	case fits(n.text) && w.lenient(n, want, at):
		return n.text, true
	}
	w.wrongKind(n, want, at)
	return "", false
}

// isNumber reports whether a text is a JSON number and nothing else.
func isNumber(text string) bool {
	if text == "" || text[0] != '-' && !isDigit(text[0]) {
		return false
	}
	p := &parser{data: []byte(text)}
	n, err := p.number()
	return err == nil && n.end == len(text)
}

func (w *walk) number(n *node, rv reflect.Value, at spot) {
	text, ok := w.digits(n, at)
	if !ok {
		return
	}
	if err := setNumber(rv, text, func() string { return w.numberShown(n, text) }); err != nil {
		w.mistake(n.at, at.path, err)
	}
}

// numberShown is a number in a message: as written, also where ${…} brought it in.
func (w *walk) numberShown(n *node, text string) string {
	if n.kind == String {
		return n.shown()
	}
	if n.secret {
		return hidden
	}
	return text
}

// setNumber puts digits into a field of a numeric kind.
func setNumber(rv reflect.Value, text string, shown func() string) error {
	bits := rv.Type().Bits()
	switch {
	case rv.CanFloat():
		f, err := strconv.ParseFloat(text, bits)
		if err != nil {
			return fmt.Errorf("got %s, want a number of at most %v", shown(), largest(bits))
		}
		rv.SetFloat(f)
		return nil
	case rv.CanUint():
		if u, err := strconv.ParseUint(text, 10, bits); err == nil {
			rv.SetUint(u)
			return nil
		}
	}
	whole, isWhole := wholeNumber(text)
	switch {
	case !isWhole && hasFraction(text):
		return fmt.Errorf("got %s, want a whole number", shown())
	case rv.CanUint() && (!isWhole || whole < 0 || rv.OverflowUint(uint64(whole))):
		return fmt.Errorf("got %s, want a whole number from 0 to %d", shown(), uint64(math.MaxUint64)>>(64-bits))
	case rv.CanUint():
		rv.SetUint(uint64(whole))
	case !isWhole || rv.OverflowInt(whole):
		return fmt.Errorf("got %s, want a whole number from %d to %d", shown(), int64(math.MinInt64)>>(64-bits), int64(math.MaxInt64)>>(64-bits))
	default:
		rv.SetInt(whole)
	}
	return nil
}

func largest(bits int) float64 {
	if bits == 32 {
		return math.MaxFloat32
	}
	return math.MaxFloat64
}

// wholeNumber reads an int64. 3.0 and 3e0 are 3.
func wholeNumber(text string) (int64, bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, true
	}
	const exact = 1 << 53 // up to here a float64 holds every whole number
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.ContainsAny(text, ".eE") || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

func hasFraction(text string) bool {
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && f != math.Trunc(f)
}

func (w *walk) duration(n *node, rv reflect.Value, at spot) {
	switch n.kind {
	case Number:
		w.mistake(n.at, at.path, fmt.Errorf("got %s, %s", w.numberShown(n, n.text), wantDuration))
		return
	case String:
	default:
		w.wrongKind(n, wantDuration[len("want "):], at)
		return
	}
	e, ok := w.expanded(n, at)
	if !ok {
		return
	}
	var span Duration
	if err := span.UnmarshalText([]byte(e.text)); err != nil {
		err = fmt.Errorf("%w%s", err, w.tooEarly(n))
		if n.shown() != e.text {
			err = fmt.Errorf("what %s brings in is not a duration, %s", n.shown(), wantDuration)
		}
		w.mistake(n.at, at.path, err)
		return
	}
	rv.SetInt(int64(span))
}

// any is the value as maps, lists, strings, booleans and json.Numbers, which keep their digits.
func (w *walk) any(n *node, at spot) any {
	switch n.kind {
	case Object:
		out := make(map[string]any, len(n.members))
		for _, m := range n.members {
			if !m.doubled {
				out[m.key] = w.any(m.value, at.under(m.key))
			}
		}
		return out
	case Array:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = w.any(item, at.under(i))
		}
		return out
	case String:
		e, _ := w.expanded(n, at)
		return e.text
	case Number:
		return json.Number(n.text)
	case Bool:
		return n.text == "true"
	default:
		return nil
	}
}

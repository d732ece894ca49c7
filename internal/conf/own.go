package conf

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Reader is a type that chooses its shape by what stands there: a pair or an object, a string or a list. What it returns
// is reported at the value's place; parts may carry further paths (see [At]).
type Reader interface {
	ReadConf(n Node) error
}

// Node is a value of the document, for a [Reader].
type Node struct {
	walk *walk
	node *node
	at   spot
}

// Kind is what the value is.
func (n Node) Kind() Kind { return n.node.kind }

// Version is the version of the file: 2, 3 or 4.
func (n Node) Version() int { return n.walk.version }

// Decode fills into (a pointer) by all the rules of a document. It is false if mistakes were found; they are already
// reported, with their places.
func (n Node) Decode(into any) bool {
	rv := reflect.ValueOf(into)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		n.walk.mistake(n.node.at, n.at.path, fmt.Errorf("nothing of a file can fill a %T", into))
		return false
	}
	before := len(n.walk.mistakes)
	n.walk.value(n.node, rv.Elem(), n.at)
	return len(n.walk.mistakes) == before
}

// own lets a type read itself.
func (w *walk) own(how reads, n *node, rv reflect.Value, at spot) {
	var err error
	switch self := rv.Addr().Interface(); how {
	case byReader:
		if reader, ok := self.(Reader); ok {
			err = reader.ReadConf(Node{walk: w, node: n, at: at})
		}
	case byJSON:
		if reader, ok := self.(json.Unmarshaler); ok {
			err = w.ownJSON(reader, n, at)
		}
	case byText:
		if reader, ok := self.(encoding.TextUnmarshaler); ok {
			err = w.ownText(reader, n, at)
		}
	}
	for _, m := range Flatten(err) {
		m := *m
		m.Path = append(at.path[:len(at.path):len(at.path)], m.Path...)
		if len(m.Path) == len(at.path) {
			w.mistake(n.at, m.Path, w.hideOwn(n, m.Err))
			continue
		}
		w.mistakes = append(w.mistakes, &m) // of a part: Locate finds its place
	}
}

func (w *walk) ownText(reader encoding.TextUnmarshaler, n *node, at spot) error {
	if n.kind != String {
		return fmt.Errorf("got %v, want %v", n.kind, String)
	}
	e, ok := w.expanded(n, at)
	if !ok || !w.inEnum(n, e.text, at) {
		return nil
	}
	return reader.UnmarshalText([]byte(e.text))
}

func (w *walk) ownJSON(reader json.Unmarshaler, n *node, at spot) error {
	before := len(w.mistakes)
	raw := w.raw(n, at)
	if len(w.mistakes) > before {
		return nil
	}
	err := reader.UnmarshalJSON(raw)
	if e := n.expansion; err != nil && e != nil && e.whole && (isNumber(e.text) || e.text == "true" || e.text == "false") {
		if reader.UnmarshalJSON([]byte(e.text)) == nil { // "${PORT}" stood for a number
			return nil
		}
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("got %s, want %s", article(wrong.Value), wanted(wrong.Type))
	}
	return err
}

// article says a kind of encoding/json in our words.
func article(kind string) string {
	switch kind {
	case "bool":
		return Bool.String()
	case "number":
		return Number.String()
	case "string":
		return String.String()
	case "object":
		return Object.String()
	case "array":
		return Array.String()
	}
	return "the " + kind // a number that does not fit, with its digits
}

// hideOwn takes what came from outside out of a message that a type wrote about its own value, however short it is.
func (w *walk) hideOwn(n *node, err error) error {
	if n.expansion == nil || !n.expansion.from {
		return err
	}
	short := strconv.Quote(n.expansion.text)
	if text := err.Error(); strings.Contains(text, short) {
		return errors.New(strings.ReplaceAll(text, short, strconv.Quote(n.text)))
	}
	return err
}

// raw is the value as JSON: the file's own bytes, or new ones where ${…} changed something.
func (w *walk) raw(n *node, at spot) []byte {
	var out bytes.Buffer
	w.render(n, at, &out)
	return out.Bytes()
}

func (w *walk) render(n *node, at spot, out *bytes.Buffer) {
	written := w.doc.data[n.at:n.end]
	if w.version < 4 || !bytes.ContainsAny(written, "$\\") { // "$" may be written \u0024
		out.Write(written)
		return
	}
	switch n.kind {
	case Object:
		out.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				out.WriteByte(',')
			}
			out.Write(jsonString(m.key))
			out.WriteByte(':')
			w.render(m.value, at.under(m.key), out)
		}
		out.WriteByte('}')
	case Array:
		out.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				out.WriteByte(',')
			}
			w.render(item, at.under(i), out)
		}
		out.WriteByte(']')
	case String:
		e, _ := w.expanded(n, at)
		out.Write(jsonString(e.text))
	default:
		out.WriteString(n.text)
	}
}

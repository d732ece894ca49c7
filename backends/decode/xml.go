package decode

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/net/html/charset"

	"gatehouse/internal/rawjson"
)

// The bounds of an XML answer. Entities of its own are not expanded: a document that uses them is malformed.
const (
	maxXMLDepth = 250     // elements inside each other; each is at most two levels of JSON
	maxXMLNodes = 1 << 19 // elements and attributes
	maxXMLNames = 1 << 16 // different names of them
	maxXMLAttrs = 1 << 12 // of one element: encoding/xml keeps them all before anybody can count them
)

var errCrowded = fmt.Errorf("an element with more than %d attributes", maxXMLAttrs)

// xml makes an object of a document as mxj's maps have it: an element is its text, or an object with "-name" for each
// attribute, "#text" and a key for each name of child; children of one name are an array, at the place of the first.
// Unlike mxj it keeps the order of the document and all of an element's text, also where comments or children part it.
func (o Options) xml(v *rawjson.Value, a Answer, depth int) ([]byte, error) {
	t := xmlTrees.Get().(*xmlTree)
	defer t.free()
	if err := t.read(a.Text); err != nil {
		return a.Text, err
	}
	out := t.spare[:0]
	if len(a.Text) > 1<<20 {
		out = slices.Grow(out, len(a.Text))
	}
	if o.Collection {
		out = append(out, `{"collection":`...)
	}
	out = append(out, '{')
	out = rawjson.AppendString(out, t.names[t.nodes[0].name])
	out = t.value(append(out, ':'), 0)
	out = append(out, '}')
	if o.Collection {
		out = append(out, '}')
	}
	if o.Max > 0 && int64(len(out)) > o.Max {
		return a.Text, fmt.Errorf("over %d bytes as JSON", o.Max)
	}
	t.spare = a.Text // for the next one
	return out, v.ParseWithin(out, depth, o.size())
}

// read builds the tree of one document.
func (t *xmlTree) read(data []byte) error {
	if len(data) > 1<<30 {
		return errors.New("over 1 GiB")
	}
	if crowded(data) {
		return errCrowded
	}
	if len(data) > 1<<20 { // growing step by step would leave several times as much behind
		tags := min(bytes.Count(data, []byte{'<'}), maxXMLNodes+1)
		t.nodes, t.chunks = slices.Grow(t.nodes, tags), slices.Grow(t.chunks, tags)
		t.text = slices.Grow(t.text, len(data))
	}
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	d.CharsetReader = charset.NewReaderLabel
	var open []openElement
	for {
		token, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF) && len(open) == 0 && len(t.nodes) > 0:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
		if open, err = t.take(open, token); err != nil {
			return err
		}
	}
}

// crowded reports whether an element has too many attributes. Each tag ends before the next "<", which no value may have.
func crowded(data []byte) bool {
	const least = len(` a`)
	for len(data) > maxXMLAttrs*least {
		from := bytes.IndexByte(data, '<')
		if from < 0 {
			return false
		}
		data = data[from+1:]
		tag := data
		if end := bytes.IndexByte(data, '<'); end >= 0 {
			tag = data[:end]
		}
		if len(tag) > maxXMLAttrs*least && tag[0] != '!' && tag[0] != '?' && attributes(tag) > 2*maxXMLAttrs {
			return true
		}
	}
	return false
}

// attributes counts the marks of attributes in the tag that a text begins with: words, which need no value in a feed, and
// equals signs, which need no white space around them.
func attributes(tag []byte) (n int) {
	quote, before := byte(0), byte('<')
	for _, c := range tag {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"', c == '\'':
			quote = c
		case c == '=', before <= ' ' && c > ' ' && c != '>':
			n++
		case c == '>':
			return n
		}
		before = c
	}
	return n
}

// take adds a token; open are the elements that it is in.
func (t *xmlTree) take(open []openElement, token xml.Token) ([]openElement, error) {
	inner := openElement{}
	if len(open) > 0 {
		inner = open[len(open)-1]
	}
	switch token := token.(type) {
	case xml.StartElement:
		switch {
		case len(open) == 0 && len(t.nodes) > 0:
			return open, errors.New("a second root element, want one")
		case len(open) == maxXMLDepth:
			return open, fmt.Errorf("elements more than %d deep", maxXMLDepth)
		}
		node, err := t.start(inner.node, token)
		return append(open, openElement{token.Name, node}), err
	case xml.EndElement:
		if len(open) == 0 || inner.name != token.Name {
			return open, fmt.Errorf("</%s> closes nothing", token.Name.Local)
		}
		return open[:len(open)-1], nil
	case xml.CharData:
		switch {
		case len(bytes.Trim(token, xmlSpace)) == 0:
		case len(open) == 0:
			return open, errors.New("text outside of the root element")
		default:
			t.say(inner.node, token)
		}
	}
	return open, nil
}

// openElement is an element whose end is yet to come.
type openElement struct {
	name xml.Name
	node int32
}

const xmlSpace = "\t\r\b\n "

// start adds an element and its attributes and returns its number.
func (t *xmlTree) start(parent int32, e xml.StartElement) (int32, error) {
	if !ncName(e.Name.Local) {
		return 0, fmt.Errorf("<%s:%s> is no name", e.Name.Space, e.Name.Local)
	}
	at := t.add(parent, t.name(e.Name.Local), false)
	for _, a := range e.Attr {
		attr := t.add(at, t.name("-"+a.Name.Local), true)
		t.nodes[attr-1].text, t.nodes[attr-1].ending = 0, 0
		if a.Value != "" {
			t.say(attr, []byte(a.Value))
		}
	}
	if len(t.nodes) > maxXMLNodes || len(t.names) > maxXMLNames {
		return 0, fmt.Errorf("more than %d elements and attributes, or %d names of them", maxXMLNodes, maxXMLNames)
	}
	return at, nil
}

// ncName reports whether what follows a prefix may begin a name: "-" would be taken for an attribute.
func ncName(local string) bool {
	c := local[0]
	return c != '-' && c != '.' && (c < '0' || c > '9')
}

func (t *xmlTree) name(s string) int32 {
	n, ok := t.known[s]
	if !ok {
		n = int32(len(t.names))
		t.names = append(t.names, s)
		t.known[s] = n
	}
	return n
}

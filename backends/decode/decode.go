// Package decode makes JSON of what upstreams say, in whatever encoding they say it: JSON itself, XML, feeds, YAML and text.
package decode

import (
	"fmt"
	"math"
	"strings"

	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// Decoder makes a JSON value of an answer's text, indexed down to depth. What it cannot read is an error, never an empty
// object. The value points into kept, which is the text or takes its place; the text is the decoder's then.
// It is a value, so that it lies where its backend does.
type Decoder struct {
	o   Options
	way func(o Options, v *rawjson.Value, a Answer, depth int) (kept []byte, err error)
}

// Decode reads one answer.
func (d *Decoder) Decode(v *rawjson.Value, a Answer, depth int) (kept []byte, err error) {
	return d.way(d.o, v, a, depth)
}

// Answer is what is decoded.
type Answer struct {
	Text   []byte
	Header []outbound.Field
}

// Options are how one backend's answers are read.
type Options struct {
	Collection bool  // is_collection: the answer is an array
	Max        int64 // bytes of JSON that an answer of another format may become; 0: no bound but the decoder's own

	// Of auto alone, where fields are to be hidden: what has none cannot be searched for them.
	NoText bool // text, or a bare value
	NoList bool // an array

	anyKind bool // an array may come where an object is wanted: the plan wraps it
}

// New is the table of encodings (krakend.md 2.5). no-op has none: its answer is a stream.
func New(encoding string, o Options) (Decoder, error) {
	switch encoding {
	case "json", "fast-json":
		return Decoder{o, Options.json}, nil
	case "safejson":
		o.NoText, o.NoList = false, false // as KrakenD
		return Decoder{o, Options.anything}, nil
	case "string":
		return Decoder{o, Options.content}, nil
	case "xml":
		return Decoder{o, Options.xml}, nil
	case "rss", "atom":
		return Decoder{o, Options.feed}, nil
	case "yaml":
		return Decoder{o, Options.yaml}, nil
	case "auto":
		o.anyKind = true
		return Decoder{o, Options.auto}, nil
	}
	return Decoder{}, fmt.Errorf("got %q, want json, safejson, string, xml, rss, atom, yaml, auto or no-op", encoding)
}

// size is how long an answer may be as JSON.
func (o Options) size() int64 {
	if o.Max > 0 {
		return o.Max
	}
	return math.MaxInt64
}

// json takes an object; an array where is_collection says so; null for what has nothing in it.
func (o Options) json(v *rawjson.Value, a Answer, depth int) ([]byte, error) {
	var err error
	if a.Text, err = o.parse(v, a.Text, depth); err != nil {
		return a.Text, err
	}
	k := v.Kind()
	switch {
	case !o.Collection && (k == '{' || k == 'n'), o.Collection && k == '[':
		return a.Text, nil
	case o.Collection && k == 'n':
		v.SetMembers([]rawjson.Member{{Key: []byte(`"collection"`), Value: []byte("null")}})
		return a.Text, nil
	case o.Collection:
		return a.Text, fmt.Errorf("got %s, want an array (is_collection is set)", rawjson.KindName(k))
	}
	return a.Text, fmt.Errorf("got %s, want an object (is_collection takes an array, encoding safejson anything)", rawjson.KindName(k))
}

// anything takes an object as it is, an array as {"collection": …} and anything else as {"content": …}.
func (o Options) anything(v *rawjson.Value, a Answer, depth int) ([]byte, error) {
	var err error
	if a.Text, err = o.parse(v, a.Text, depth); err != nil {
		return a.Text, err
	}
	switch k := v.Kind(); {
	case k == '[' && o.NoList, k != '[' && k != '{' && k != 'n' && o.NoText:
		return a.Text, fieldless(rawjson.KindName(k))
	case k == '{', k == '[':
		return a.Text, nil
	}
	value := v.Append(nil)
	v.SetMembers([]rawjson.Member{{Key: []byte(`"content"`), Value: value}})
	return a.Text, nil
}

// content takes any text, the empty one too, as {"content": "…"}.
func (o Options) content(v *rawjson.Value, a Answer, _ int) ([]byte, error) {
	v.SetMembers([]rawjson.Member{{Key: []byte(`"content"`), Value: rawjson.Quote(nil, a.Text)}})
	return a.Text, nil
}

// fieldless is an answer that may have what is to be hidden, and nobody can tell where.
func fieldless(got string) error {
	return fmt.Errorf("got %s, want an object: there are fields to hide", got)
}

// auto reads an answer as its Content-Type says; without one it is taken for JSON. JSON may be of any kind.
func (o Options) auto(v *rawjson.Value, a Answer, depth int) ([]byte, error) {
	written := outbound.Get(a.Header, "Content-Type")
	kind, _, _ := strings.Cut(written, ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); {
	case kind == "application/rss+xml", kind == "application/atom+xml", kind == "application/feed+json":
		return o.feed(v, a, depth)
	case kind == "", kind == "application/json", kind == "text/json", strings.HasSuffix(kind, "+json"):
		return o.anything(v, a, depth)
	case kind == "application/xml", kind == "text/xml", strings.HasSuffix(kind, "+xml"):
		return o.xml(v, a, depth)
	case kind == "application/yaml", kind == "application/x-yaml", kind == "text/yaml", kind == "text/x-yaml", strings.HasSuffix(kind, "+yaml"):
		return o.yaml(v, a, depth)
	case strings.HasPrefix(kind, "text/"):
		if o.NoText {
			return a.Text, fieldless(kind)
		}
		return o.content(v, a, depth)
	}
	return a.Text, fmt.Errorf("content type %q is none that encoding auto reads (JSON, XML, RSS, Atom, YAML, text)", written)
}

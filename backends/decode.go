package backends

import (
	"fmt"
	"strings"

	"gatehouse/internal/rawjson"
)

// decoder makes a JSON value of res.buf, in res.Body, indexed down to depth. What it cannot read is an error, never an
// empty object.
type decoder func(res *Response, depth int) error

// decoding is how one backend's answers are read.
type decoding struct {
	collection bool  // is_collection: the answer is an array
	anyKind    bool  // an array may come where an object is wanted: the plan wraps it
	max        int64 // bytes of JSON that an answer of another format may become
}

// decoders is the table of encodings (krakend.md 2.5). no-op has none: its answer is a stream.
func (d decoding) decoder(encoding string) (decoder, error) {
	switch encoding {
	case "json", "fast-json":
		return d.json, nil
	case "safejson":
		return decodeAny, nil
	case "string":
		return decodeString, nil
	case "xml":
		return d.xml, nil
	case "rss", "atom":
		return d.feed, nil
	case "yaml":
		return d.yaml, nil
	case "auto":
		d.anyKind = true
		return d.auto, nil
	}
	return nil, fmt.Errorf("got %q, want json, safejson, string, xml, rss, atom, yaml, auto or no-op", encoding)
}

// json takes an object; an array where is_collection says so; null for what has nothing in it.
func (d decoding) json(res *Response, depth int) error {
	if err := res.Body.Parse(res.buf, depth); err != nil {
		return err
	}
	k := res.Body.Kind()
	switch {
	case !d.collection && (k == '{' || k == 'n'), d.collection && k == '[':
		return nil
	case d.collection && k == 'n':
		res.Body.SetMembers([]rawjson.Member{{Key: []byte(`"collection"`), Value: []byte("null")}})
		return nil
	case d.collection:
		return fmt.Errorf("got %s, want an array (is_collection is set)", kindName(k))
	}
	return fmt.Errorf("got %s, want an object (is_collection takes an array, encoding safejson anything)", kindName(k))
}

// decodeAny takes an object as it is, an array as {"collection": …} and anything else as {"content": …}.
func decodeAny(res *Response, depth int) error {
	if err := res.Body.Parse(res.buf, depth); err != nil {
		return err
	}
	switch res.Body.Kind() {
	case '{', '[':
		return nil
	}
	value := res.Body.Append(nil)
	res.Body.SetMembers([]rawjson.Member{{Key: []byte(`"content"`), Value: value}})
	return nil
}

// decodeString takes any text, the empty one too, as {"content": "…"}.
func decodeString(res *Response, _ int) error {
	value := make([]byte, 0, len(res.buf)+2)
	res.Body.SetMembers([]rawjson.Member{{Key: []byte(`"content"`), Value: rawjson.AppendString(value, string(res.buf))}})
	return nil
}

// auto reads an answer as its Content-Type says; without one it is taken for JSON. JSON may be of any kind.
func (d decoding) auto(res *Response, depth int) error {
	written := field(res.Header, "Content-Type")
	kind, _, _ := strings.Cut(written, ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); {
	case kind == "application/rss+xml", kind == "application/atom+xml", kind == "application/feed+json":
		return d.feed(res, depth)
	case kind == "", kind == "application/json", kind == "text/json", strings.HasSuffix(kind, "+json"):
		return decodeAny(res, depth)
	case kind == "application/xml", kind == "text/xml", strings.HasSuffix(kind, "+xml"):
		return d.xml(res, depth)
	case kind == "application/yaml", kind == "application/x-yaml", kind == "text/yaml", kind == "text/x-yaml", strings.HasSuffix(kind, "+yaml"):
		return d.yaml(res, depth)
	case strings.HasPrefix(kind, "text/"):
		return decodeString(res, depth)
	}
	return fmt.Errorf("content type %q is none that encoding auto reads (JSON, XML, RSS, Atom, YAML, text)", written)
}

// take makes what a decoder has written the answer. The text that it came from is given back for the next one.
func (r *Response) take(json []byte, depth int) error {
	r.buf = json
	return r.Body.Parse(json, depth)
}

func kindName(k byte) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "nothing"
}

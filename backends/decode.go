package backends

import (
	"errors"
	"fmt"

	"gatehouse/internal/rawjson"
)

// decoder makes a JSON value of res.buf, in res.Body, indexed down to depth.
type decoder func(res *Response, depth int) error

// decoderOf is the table of encodings (krakend.md 2.5). no-op has none: its answer is a stream.
func decoderOf(encoding string, collection bool) (decoder, error) {
	switch encoding {
	case "json":
		if collection {
			return decodeCollection, nil
		}
		return decodeObject, nil
	case "safejson":
		return decodeAny, nil
	case "string":
		return decodeString, nil
	}
	return nil, fmt.Errorf("got %q, want json, safejson, string or no-op", encoding)
}

func decodeObject(res *Response, depth int) error {
	if err := res.Body.Parse(res.buf, depth); err != nil {
		return err
	}
	if k := res.Body.Kind(); k != '{' {
		return fmt.Errorf("got %s, want a JSON object (is_collection for an array, encoding safejson for anything)", kindName(k))
	}
	return nil
}

func decodeCollection(res *Response, depth int) error {
	if err := res.Body.Parse(res.buf, depth); err != nil {
		return err
	}
	if k := res.Body.Kind(); k != '[' {
		return fmt.Errorf("got %s, want a JSON array (is_collection is set)", kindName(k))
	}
	return nil
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
	value := append([]byte(nil), res.Body.Append(nil)...)
	res.Body.SetMembers([]rawjson.Member{{Key: []byte(`"content"`), Value: value}})
	return nil
}

func decodeString(res *Response, _ int) error {
	if res.buf == nil {
		return errors.New("no body")
	}
	res.Body.SetMembers([]rawjson.Member{{Key: []byte(`"content"`), Value: rawjson.AppendString(nil, string(res.buf))}})
	return nil
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

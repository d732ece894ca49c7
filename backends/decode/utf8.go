package decode

import (
	"fmt"
	"unicode/utf8"

	"gatehouse/internal/rawjson"
)

// parse indexes the JSON of an answer. Each byte of it that is no UTF-8 becomes U+FFFD, as in KrakenD: most readers of JSON
// refuse a text for one such byte (RFC 8259 8.1), and that of a merge would take the other parts along.
func (o Options) parse(v *rawjson.Value, text []byte, depth int) ([]byte, error) {
	text, err := o.utf8(text)
	if err != nil {
		return text, err
	}
	return text, v.ParseWithin(text, depth, o.size())
}

func (o Options) utf8(text []byte) ([]byte, error) {
	if utf8.Valid(text) {
		return text, nil
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if out = utf8.AppendRune(out, r); int64(len(out)) > o.size() {
			return text, fmt.Errorf("over %d bytes as UTF-8", o.size())
		}
		rest = rest[n:]
	}
	return out, nil
}

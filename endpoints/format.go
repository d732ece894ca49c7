package endpoints

import (
	"fmt"
	"net/http"
	"strings"

	"gatehouse/internal/rawjson"
)

// format is one way to write an answer down. An error means that it cannot be written so.
type format struct {
	contentType string
	append      func(dst []byte, v *rawjson.Value) ([]byte, error)
}

// chooser picks the format of an answer; h is the request's header.
type chooser func(h http.Header) *format

// Types of what we write. Older KrakenDs have another one for YAML.
const (
	typeJSON     = "application/json; charset=utf-8"
	typeText     = "text/plain; charset=utf-8"
	typeXML      = "application/xml"
	typeYAML     = "application/yaml; charset=utf-8"
	typeOlderYML = "application/x-yaml; charset=utf-8"
)

// chooserOf is the table of output encodings (krakend.md 2.5). no-op has none: its answer is a stream.
func chooserOf(encoding string, olderYAML bool) (chooser, error) {
	switch encoding {
	case "json", "fast-json":
		return func(http.Header) *format { return &asJSON }, nil
	case "json-collection":
		return func(http.Header) *format { return &asCollection }, nil
	case "string":
		return func(http.Header) *format { return &asText }, nil
	case "xml":
		return func(http.Header) *format { return &asXML }, nil
	case "yaml":
		if olderYAML {
			return func(http.Header) *format { return &asOlderYAML }, nil
		}
		return func(http.Header) *format { return &asYAML }, nil
	case "negotiate":
		if olderYAML {
			return negotiate(&asJSON, &asXML, &asOlderYAML), nil
		}
		return negotiate(&asJSON, &asXML, &asYAML), nil
	}
	return nil, fmt.Errorf("got %q, want json, json-collection, string, xml, yaml, negotiate or no-op", encoding)
}

// The formats; nothing ever changes them.
var (
	asJSON       = format{typeJSON, appendJSON}
	asCollection = format{typeJSON, appendCollection}
	asText       = format{typeText, appendText}
	asXML        = format{typeXML, appendXML}
	asYAML       = format{typeYAML, appendYAML}
	asOlderYAML  = format{typeOlderYML, appendYAML}
)

// offer is a format under one of the names of its type.
type offer struct {
	media string
	*format
}

// negotiate goes by Accept (RFC 9110 12.5.1): the type that the client likes best, the first of ours among equals. JSON
// is for those who ask for nothing that we have. Plain text is YAML, as in KrakenD.
func negotiate(json, xml, yaml *format) chooser {
	offers := [...]offer{
		{"application/json", json}, {"application/xml", xml}, {"text/xml", xml}, {"application/yaml", yaml},
		{"application/x-yaml", yaml}, {"text/yaml", yaml}, {"text/x-yaml", yaml}, {"text/plain", yaml},
	}
	return func(h http.Header) *format {
		var quality, specific [len(offers)]int
		for _, line := range h["Accept"] {
			for rest := line; rest != ""; {
				var item string
				item, rest, _ = strings.Cut(rest, ",")
				name, q := weighed(item)
				for i := range offers {
					if level := fits(name, offers[i].media); level > specific[i] {
						quality[i], specific[i] = q, level
					}
				}
			}
		}
		best, liked := json, 0
		for i := range offers {
			if quality[i] > liked {
				best, liked = offers[i].format, quality[i]
			}
		}
		return best
	}
}

// fits says how exactly a media range means a type: 3 by its name, 2 by its family, 1 as anything, 0 not at all.
func fits(written, media string) int {
	if written == "*/*" || written == "*" {
		return 1
	}
	if len(written) == len(media) && strings.EqualFold(written, media) {
		return 3
	}
	family, ok := strings.CutSuffix(written, "/*")
	if ok && len(media) > len(family) && media[len(family)] == '/' && strings.EqualFold(family, media[:len(family)]) {
		return 2
	}
	return 0
}

// weighed splits an item of Accept or Accept-Encoding into its name and its weight in thousandths (RFC 9110 12.4.2). A
// weight that is none counts as 0: it was not said that the client wants it.
func weighed(item string) (name string, q int) {
	name, params, _ := strings.Cut(item, ";")
	name = strings.Trim(name, " \t")
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		key, value, ok := strings.Cut(strings.Trim(param, " \t"), "=")
		if ok && (key == "q" || key == "Q") {
			return name, thousandths(value)
		}
	}
	return name, 1000
}

// thousandths reads 0 to 1 with up to three decimals.
func thousandths(s string) int {
	whole, decimals, dotted := strings.Cut(s, ".")
	if len(whole) != 1 || whole[0] != '0' && whole[0] != '1' || len(decimals) > 3 {
		return 0
	}
	n := int(whole[0]-'0') * 1000
	unit := 100
	for i := 0; dotted && i < len(decimals); i++ {
		if decimals[i] < '0' || decimals[i] > '9' {
			return 0
		}
		n += int(decimals[i]-'0') * unit
		unit /= 10
	}
	return min(n, 1000)
}

func appendJSON(dst []byte, v *rawjson.Value) ([]byte, error) {
	if v.Kind() == 0 {
		return append(dst, "{}"...), nil
	}
	return v.Append(dst), nil
}

func appendCollection(dst []byte, v *rawjson.Value) ([]byte, error) {
	raw, ok := v.Get("collection")
	if !ok || raw[0] != '[' {
		return append(dst, "[]"...), nil
	}
	return append(dst, raw...), nil
}

func appendText(dst []byte, v *rawjson.Value) ([]byte, error) {
	raw, ok := v.Get("content")
	if !ok {
		return dst, nil
	}
	if raw[0] != '"' {
		return append(dst, raw...), nil
	}
	s, err := rawjson.Unquote(raw)
	return append(dst, s...), err
}

package conf

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// shortSecret is the length from which a text is taken for a secret wherever it shows up. Shorter ones (a port, "on")
// would blot out half of every message.
const shortSecret = 4

// Redact writes what ${…} brought in as the file has it, "${API_KEY}", and what was tagged as a secret as "(hidden)".
// Everything that shows parts of a configuration to people passes through it; located messages have done so.
func (d *Document) Redact(text string) string {
	if d.redactor == nil {
		return text
	}
	return d.redactor.Replace(text)
}

// keepSecrets remembers what came from outside, the longest first: one may be a part of another.
func (d *Document) keepSecrets(found []secret) {
	for _, s := range found {
		if len(s.text) >= shortSecret && s.text != "true" && s.text != "false" && !slices.Contains(d.secrets, s) {
			d.secrets = append(d.secrets, s)
		}
	}
	slices.SortStableFunc(d.secrets, func(a, b secret) int { return cmp.Compare(len(b.text), len(a.text)) })
	if len(d.secrets) > 0 {
		d.redactor = redactor(d.secrets)
	}
}

// redactor finds secrets as they are, between quotes, and in URLs.
func redactor(secrets []secret) *strings.Replacer {
	var pairs []string // of two that begin in one place, the first is taken
	for _, s := range secrets {
		inGo, inJSON := strconv.Quote(s.text), string(jsonString(s.text))
		forms := []string{s.text, inGo[1 : len(inGo)-1], inJSON[1 : len(inJSON)-1], url.QueryEscape(s.text), url.PathEscape(s.text)}
		for _, form := range forms {
			pairs = append(pairs, form, s.written)
		}
	}
	return strings.NewReplacer(pairs...)
}

// hidden stands for a value that was written in plain and is nobody's business.
const hidden = "(hidden)"

// Redacted prints the document as Decode understood it: today's names for old ones, no comments, nothing that was passed
// over. What came from outside is shown as the file has it ("${API_KEY}"), and fields tagged conf:"secret" as "(hidden)".
func (d *Document) Redacted() []byte {
	var compact, out bytes.Buffer
	d.root.print(&compact)
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return compact.Bytes()
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func (n *node) print(out *bytes.Buffer) {
	switch n.kind {
	case Object:
		out.WriteByte('{')
		comma := ""
		for _, m := range n.members {
			if m.doubled || m.ignored {
				continue
			}
			out.WriteString(comma)
			comma = ","
			out.Write(jsonString(cmp.Or(m.name, m.key)))
			out.WriteByte(':')
			m.value.print(out)
		}
		out.WriteByte('}')
	case Array:
		out.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				out.WriteByte(',')
			}
			item.print(out)
		}
		out.WriteByte(']')
	case String:
		out.Write(jsonString(n.shown()))
	default:
		if n.secret {
			out.Write(jsonString(hidden))
			return
		}
		out.WriteString(n.text)
	}
}

// shown is a string as people may see it.
func (n *node) shown() string {
	outside := n.expansion != nil && n.expansion.from
	if n.secret && !outside {
		return hidden
	}
	return n.text
}

// jsonString writes a string as JSON, without the escapes that only HTML needs.
func jsonString(text string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil { // a string always encodes
		return []byte(`""`)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

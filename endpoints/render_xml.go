package endpoints

import (
	"slices"
	"unicode/utf8"

	"gatehouse/internal/rawjson"
)

// appendXML prints JSON as XML, the way mxj does: the only key of an object is the root, several are inside <doc>; a
// "-name" with a scalar is an attribute, "#text" the text of its element, an array its elements one after another. Unlike
// mxj it keeps the order of keys, and what it prints is well-formed whatever the JSON: an array is no root, and what a
// name must not have in it is written as _xHHHH_.
func appendXML(dst []byte, v *rawjson.Value) ([]byte, error) {
	root, err := v.Root()
	if err != nil || root.Kind == 0 {
		return append(dst, "<doc/>"...), err
	}
	p := printers.Get().(*printer)
	defer p.free()
	p.begin(v, root)
	if only, ok := p.only(root); ok {
		dst = p.element(dst, p.name(only.Key), only)
	} else if root.Kind == '[' {
		dst = append(p.element(append(dst, "<doc>"...), []byte("item"), root), "</doc>"...)
	} else {
		dst = p.element(dst, []byte("doc"), root)
	}
	return dst, p.err
}

// only is the member of an object that has no other one, if that can be the root of a document.
func (p *printer) only(root rawjson.Node) (rawjson.Node, bool) {
	members := p.v.Inside(root)
	defer members.Done()
	if members.Len() != 1 {
		return rawjson.Node{}, false
	}
	n := members.At(0)
	return n, n.Kind != '[' && !isAttribute(n) && string(n.Key) != `"#text"`
}

func isAttribute(n rawjson.Node) bool {
	return len(n.Key) > 3 && n.Key[1] == '-' && n.Kind != '{' && n.Kind != '[' && n.Kind != 'n'
}

func isText(n rawjson.Node) bool {
	return string(n.Key) == `"#text"` && n.Kind != '{' && n.Kind != '['
}

// element prints one value under a name; an array is one element for each of its own.
func (p *printer) element(dst, name []byte, n rawjson.Node) []byte {
	if dst = p.room(dst, int(n.At), 2*len(name)+len("<></>")); p.err != nil {
		return dst
	}
	switch n.Kind {
	case '[':
		if c, ok := p.v.Next(n, n); ok {
			for ; ok && p.err == nil; c, ok = p.v.Next(n, c) {
				dst = p.element(dst, name, c)
			}
			return dst
		}
	case '{':
		return p.object(dst, name, n)
	}
	mark := len(dst)
	dst = append(append(append(dst, '<'), name...), '>')
	empty := len(dst)
	if dst = p.scalar(dst, n, false); len(dst) == empty {
		return append(append(append(dst[:mark], '<'), name...), "/>"...)
	}
	return append(append(append(dst, "</"...), name...), '>')
}

func (p *printer) object(dst, name []byte, n rawjson.Node) []byte {
	members := p.v.Inside(n)
	defer members.Done()
	dst = append(append(dst, '<'), name...)
	others, text := 0, false
	for i := range members.Len() {
		c := members.At(i)
		if !isAttribute(c) {
			others++
			text = text || isText(c)
			continue
		}
		attribute := nameOf(p.say(p.key(c.Key))[1:])
		if dst = p.room(dst, int(c.At), len(attribute)+len(` =""`)); p.err != nil {
			return dst
		}
		dst = append(append(append(dst, ' '), attribute...), `="`...)
		dst = append(p.scalar(dst, c, true), '"')
	}
	if others == 0 {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	for i := 0; text && i < members.Len(); i++ {
		if c := members.At(i); isText(c) {
			dst = p.scalar(dst, c, false)
		}
	}
	for i := range members.Len() {
		if c := members.At(i); !isAttribute(c) && !isText(c) {
			dst = p.element(dst, p.name(c.Key), c)
		}
	}
	dst = p.room(dst, int(n.At)+len(n.Raw), len(name))
	return append(append(append(dst, "</"...), name...), '>')
}

// scalar prints a string, number or boolean as text; null and what is empty print nothing.
func (p *printer) scalar(dst []byte, n rawjson.Node, attribute bool) []byte {
	switch n.Kind {
	case '"':
		said, ended := p.say(n.Raw), int(n.At)+len(n.Raw)
		for len(said) > 0 && p.err == nil {
			piece := pieceOf(said)
			dst = appendXMLText(p.room(dst, ended-len(said), 6*len(piece)), piece, attribute)
			said = said[len(piece):]
		}
	case '0', 't', 'f':
		return append(p.room(dst, int(n.At), len(n.Raw)), n.Raw...)
	}
	return dst
}

// appendXMLText escapes what means something in XML, and what a parser would not hand on as it is. Characters that XML
// cannot have become U+FFFD.
func appendXMLText(dst, s []byte, attribute bool) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == 0xfffe || r == 0xffff {
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '"' && attribute:
			dst = append(dst, "&quot;"...)
		case c == '\r':
			dst = append(dst, "&#xD;"...)
		case c == '\n' && attribute:
			dst = append(dst, "&#xA;"...)
		case c == '\t' && attribute:
			dst = append(dst, "&#x9;"...)
		case c < ' ' && c != '\n' && c != '\t':
			dst = append(dst, "\ufffd"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// name makes an XML name of a key, which stays as long as the value. Most keys are one already; a colon may stand between
// two names.
func (p *printer) name(key []byte) []byte {
	key = p.key(key)
	if inner := key[1 : len(key)-1]; plainName(inner) {
		return inner
	}
	return appendXMLName(nil, p.say(key))
}

// nameOf is a name for what a key says; it may be the very same bytes.
func nameOf(said []byte) []byte {
	if plainName(said) {
		return said
	}
	return appendXMLName(nil, said)
}

func plainName(s []byte) bool {
	for i, c := range s {
		letter := c == '_' && !(i+1 < len(s) && s[i+1] == 'x') || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(s) > 0
}

func appendXMLName(dst, s []byte) []byte {
	if len(s) == 0 {
		return append(dst, "_x_"...)
	}
	colon := singleColon(s)
	start := true
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 {
			r = 0xdc00 + rune(s[i]) // two keys stay two
		}
		switch {
		case i == colon:
			dst, start = append(dst, ':'), true
			i += n
			continue
		case r == '_' && i+1 < len(s) && s[i+1] == 'x':
			dst = appendXMLCode(dst, r)
		case nameStart(r), !start && nameInside(r):
			dst = utf8.AppendRune(dst, r)
		default:
			dst = appendXMLCode(dst, r)
		}
		start = false
		i += n
	}
	return dst
}

// singleColon is where the one colon of a qualified name stands, -1 if there is no such thing.
func singleColon(s []byte) int {
	at := slices.Index(s, ':')
	if at <= 0 || at == len(s)-1 || slices.Index(s[at+1:], ':') >= 0 {
		return -1
	}
	return at
}

func appendXMLCode(dst []byte, r rune) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, "_x"...)
	if r > 0xffff {
		dst = append(dst, hex[r>>20&15], hex[r>>16&15])
	}
	return append(dst, hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15], '_')
}

// nameStart and nameInside are the characters of names (XML 1.0, fifth edition, 2.3), without the colon; beyond ASCII
// only those that encoding/xml and other parsers of the fourth edition know, too.
func nameStart(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' || 0xc0 <= r && r <= 0xff && r != 0xd7 && r != 0xf7 ||
		0x391 <= r && r <= 0x3a1 || 0x3a3 <= r && r <= 0x3ce || 0x410 <= r && r <= 0x44f || 0x4e00 <= r && r <= 0x9fa5
}

func nameInside(r rune) bool { return r == '-' || r == '.' || '0' <= r && r <= '9' }

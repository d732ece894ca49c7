package endpoints

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"gatehouse/internal/rawjson"
)

// printer walks a value and prints it in another form. Printers are pooled.
//
// Another form may be many times as long: an array in XML has the name of its key around each element, one in YAML is
// indented as deep as it is nested. A printer stops where that becomes too much.
type printer struct {
	v    *rawjson.Value
	size int // of the value
	most int // bytes that may be printed
	text []byte
	err  error // why it has stopped
}

// Bounds of what is printed.
const (
	mostPrinted = 40 << 20 // unless four times what came is more
	longestName = 64 << 10 // in XML
	pieceSize   = 4 << 10  // of a string that is printed
	punctuation = 2 << 10  // more room than was asked for: brackets close at any depth
)

var errLongName = fmt.Errorf("a key of more than %d bytes cannot be a name in XML", longestName)

var errLongForm = errors.New("far longer in the format of this endpoint than as JSON")

var printers = sync.Pool{New: func() any { return new(printer) }}

func (p *printer) begin(v *rawjson.Value, root rawjson.Node) {
	p.v, p.size, p.most = v, len(root.Raw), max(mostPrinted, 4*len(root.Raw))
}

func (p *printer) free() {
	if cap(p.text) <= keepBuffer {
		*p = printer{text: p.text[:0]}
		printers.Put(p)
	}
}

// say is what a JSON string says; it is valid until the next call.
func (p *printer) say(raw []byte) []byte {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	s, err := rawjson.Unquote(raw)
	if err != nil {
		return nil
	}
	p.text = append(p.text[:0], s...)
	return p.text
}

// key is a key that is going to be a name.
func (p *printer) key(raw []byte) []byte {
	if len(raw) <= longestName {
		return raw
	}
	if p.err == nil {
		p.err = errLongName
	}
	return []byte(`"_x_"`)
}

// room makes room for n bytes of what stands at a place of the value. A long text gets the room that all of it will need
// if it goes on as so far: one that grows step by step is a multiple of itself in the end.
func (p *printer) room(dst []byte, at, n int) []byte {
	if p.err == nil && len(dst)+n <= keepBuffer {
		return dst
	}
	return p.more(dst, at, n)
}

func (p *printer) more(dst []byte, at, n int) []byte {
	if p.err != nil {
		return dst[:0] // nobody is going to read it
	}
	if n += punctuation; cap(dst)-len(dst) >= n {
		return dst
	}
	if len(dst)+n > p.most {
		p.err = errLongForm
		return dst[:0]
	}
	want := int(float64(len(dst)) / float64(at+1) * float64(p.size) * 1.1)
	want = min(max(want, 3*len(dst)), p.most)
	return append(make([]byte, 0, max(want, len(dst)+n)), dst...)
}

// pieceOf is the beginning of a text, cut between characters.
func pieceOf(s []byte) []byte {
	if len(s) <= pieceSize {
		return s
	}
	n := pieceSize
	for n > pieceSize-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

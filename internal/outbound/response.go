package outbound

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// Response is an answer whose head has been read.
type Response struct {
	Status  int
	Header  []Field // end-to-end fields in the order they came, hop-by-hop ones removed (of a 101, Upgrade stays)
	Length  int64   // of Body; -1: unknown until its end
	Body    io.ReadCloser
	Trailer []Field            // filled once Body has returned io.EOF
	Trails  bool               // fields may follow though Length is known (HTTP/2)
	Conn    io.ReadWriteCloser // status 101 only: the connection after the upgrade, from then on the caller's alone (a net.Conn)

	pool   *Pool
	body   body
	fields [16]Field // what Header begins as

	// What the last head was, and what it meant: most answers of an origin begin with the same bytes.
	text  string
	head  head
	known [16]Field
}

// Get is the first value of a field, names compared without case; "" if there is none.
func (r *Response) Get(name string) string { return Get(r.Header, name) }

// Get is the first value of a field, names compared without case; "" if there is none.
func Get(header []Field, name string) string {
	for i := range header {
		if f := &header[i]; len(f.Name) == len(name) && strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Replace puts another body in place of what has come or is to come: what was said of the old one is no longer true.
func (r *Response) Replace(body string) {
	r.Body.Close()
	r.Body, r.Length = io.NopCloser(strings.NewReader(body)), int64(len(body))
	kept := r.Header[:0]
	for _, f := range r.Header {
		switch http.CanonicalHeaderKey(f.Name) {
		case "Content-Encoding", "Content-Length", "Content-Md5", "Digest", "Content-Digest", "Etag":
		default:
			kept = append(kept, f)
		}
	}
	r.Header = kept
}

// Here reports whether all of the body has come: reading it takes no time and cannot fail.
func (r *Response) Here() bool {
	return r.Body == &r.body && r.body.c == nil && (r.body.err == nil || errors.Is(r.body.err, io.EOF))
}

// Begun reports whether something of the body, or its end, has come with the head. Over HTTP/2 nobody can tell: false.
func (r *Response) Begun() bool {
	b := &r.body
	return b.err != nil || b.rest != nil || b.c != nil && b.c.w > b.c.r
}

// Release closes the body and gives the memory of the answer back: neither r nor its Header may be used afterwards (the
// strings in it may). Calling it is a favour to the garbage collector, never a duty.
func (r *Response) Release() {
	if r.Body != nil {
		r.Body.Close()
	}
	p := r.pool
	if p == nil || r.Conn != nil || r.body.up != nil {
		return
	}
	r.Header, r.Body, r.Trailer, r.Trails, r.pool, r.body = nil, nil, nil, false, nil, body{}
	p.responses.Put(r)
}

// maxKnown is how long a head may be to be remembered.
const maxKnown = 2 << 10

// learn parses a head, unless it is the one that was seen last.
func (r *Response) learn(text string) error {
	if text == r.text {
		return nil
	}
	r.text = ""
	if err := r.head.parse(text, r.known[:0]); err != nil {
		return err
	}
	if len(text) <= maxKnown && len(r.head.fields) <= len(r.known) {
		r.text = text
	}
	return nil
}

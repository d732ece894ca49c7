package gateway

import (
	"bytes"
	"errors"
	"strings"
)

// framing follows the bytes that a client sends on an HTTP/1 connection and finds where one request ends and the next
// begins. It refuses what net/http lets pass and another server might read differently (security.md 27): a length beside
// a transfer coding, a transfer coding in HTTP/1.0, lines that end in a bare LF or go on in the next one, and chunk sizes
// with anything but digits. All else that is malformed is net/http's to refuse; it closes the connection then.
type framing struct {
	state   part
	left    uint64 // bytes of the body or the chunk that are still to come
	digits  int    // of the chunk's size
	part    []byte // the beginning of a line that comes in pieces
	preface bool   // HTTP/2 may be spoken instead, from the first byte on
	begun   bool   // the head has its request line
	old     bool   // HTTP/1.0
	codings int    // Transfer-Encoding lines
	chunked bool   // one of them says chunked
	lengths int    // Content-Length lines
}

// part is where in a request the next byte belongs.
type part uint8

const (
	inHead part = iota
	inBody
	inSize // of a chunk
	inExtension
	inSizeEnd
	inChunk
	inChunkCR
	inChunkLF
	inTrailer
	inOther // not HTTP/1: nothing is looked at any more
)

var (
	errBothLengths = errors.New("a request has both Content-Length and Transfer-Encoding")
	errOldCoding   = errors.New("a request of HTTP/1.0 has a Transfer-Encoding")
	errBareLF      = errors.New("a line ends in a bare LF")
	errFolded      = errors.New("a header line goes on in the next one")
	errChunkSize   = errors.New("the size of a chunk is not made of hexadecimal digits alone")
	errChunkEnd    = errors.New("a chunk does not end in CRLF")
)

// body reports whether a request has begun whose body is not all here.
func (f *framing) body() bool { return f.state != inHead && f.state != inOther }

// feed takes the next bytes. It returns how many of them are in order; an error if those behind are not.
func (f *framing) feed(p []byte) (int, error) {
	for i := 0; i < len(p); {
		var n int
		var err error
		switch rest := p[i:]; f.state {
		case inHead, inTrailer:
			n, err = f.lines(rest)
		case inBody, inChunk:
			n = f.skip(rest)
		case inExtension:
			n, err = f.extension(rest)
		case inOther:
			n = len(rest)
		default:
			n, err = 1, f.chunkByte(rest[0])
		}
		if err != nil {
			return i, err
		}
		i += n
	}
	return len(p), nil
}

// skip passes over content.
func (f *framing) skip(p []byte) int {
	if uint64(len(p)) < f.left {
		f.left -= uint64(len(p))
		return len(p)
	}
	n := int(f.left)
	f.left = 0
	if f.state == inChunk {
		f.state = inChunkCR
	} else {
		f.state = inHead
	}
	return n
}

// lines takes lines of a head or of trailers, to its end.
func (f *framing) lines(p []byte) (int, error) {
	for i := 0; i < len(p); {
		end := bytes.IndexByte(p[i:], '\n')
		if end < 0 {
			f.part = append(f.part, p[i:]...)
			return len(p), nil
		}
		line := p[i : i+end+1]
		if len(f.part) > 0 {
			line = append(f.part, line...)
			f.part = nil
		}
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return i, errBareLF
		}
		done, err := f.line(line[:len(line)-2])
		if err != nil {
			return i, err
		}
		if i += end + 1; done {
			return i, nil
		}
	}
	return len(p), nil
}

// line takes one line without its CRLF; done: it was the last of its kind.
func (f *framing) line(line []byte) (done bool, err error) {
	switch {
	case len(line) == 0 && f.state == inTrailer:
		f.state = inHead
		return true, nil
	case len(line) == 0 && f.begun:
		return true, f.headEnd()
	case len(line) == 0:
		return false, nil
	case !f.begun && f.state == inHead:
		return f.requestLine(line), nil
	}
	switch line[0] {
	case ' ', '\t':
		return false, errFolded
	case 'T', 't':
		if value, ok := field(line, "transfer-encoding:"); ok && f.state == inHead {
			f.codings++
			f.chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	case 'C', 'c':
		if value, ok := field(line, "content-length:"); ok && f.state == inHead {
			f.lengths++
			f.left = number(value)
		}
	}
	return false, nil
}

// requestLine notes the version. The preface of HTTP/2 is the end of our business.
func (f *framing) requestLine(line []byte) bool {
	if f.preface && bytes.Equal(line, []byte("PRI * HTTP/2.0")) {
		f.state = inOther
		return true
	}
	f.preface = false
	f.begun, f.old = true, bytes.HasSuffix(line, []byte(" HTTP/1.0"))
	return false
}

// headEnd decides what follows the head (RFC 9112 6.3).
func (f *framing) headEnd() error {
	switch {
	case f.codings > 0 && f.lengths > 0:
		return errBothLengths
	case f.codings > 0 && f.old:
		return errOldCoding
	case f.codings == 1 && f.chunked:
		f.state, f.left = inSize, 0
	case f.codings == 0 && f.left > 0:
		f.state = inBody
	}
	f.begun, f.old, f.chunked, f.codings, f.lengths = false, false, false, 0, 0
	return nil
}

func field(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || line[len(name)-1] != ':' || !strings.EqualFold(string(line[:len(name)]), name) {
		return nil, false
	}
	return bytes.Trim(line[len(name):], " \t"), true
}

// number reads digits; whatever else stands there, net/http refuses.
func number(s []byte) (n uint64) {
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<59 {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// chunkByte takes one byte of what frames a chunk.
func (f *framing) chunkByte(c byte) error {
	switch f.state {
	case inSize:
		return f.sizeByte(c)
	case inSizeEnd:
		if c != '\n' {
			return errChunkSize
		}
		f.sizeEnd()
	case inChunkCR:
		if c != '\r' {
			return errChunkEnd
		}
		f.state = inChunkLF
	case inChunkLF:
		if c != '\n' {
			return errChunkEnd
		}
		f.state = inSize
	}
	return nil
}

func (f *framing) sizeByte(c byte) error {
	switch d := unhex(c); {
	case d < 16 && f.digits < 16:
		f.left = f.left<<4 | uint64(d)
		f.digits++
	case c == ';' && f.digits > 0:
		f.state = inExtension
	case c == '\r' && f.digits > 0:
		f.state = inSizeEnd
	default:
		return errChunkSize
	}
	return nil
}

func unhex(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// extension passes over what follows a chunk's size, to the end of its line.
func (f *framing) extension(p []byte) (int, error) {
	for i, c := range p {
		switch c {
		case '\r':
			f.state = inSizeEnd
			return i + 1, nil
		case '\n':
			return i, errBareLF
		}
	}
	return len(p), nil
}

// sizeEnd begins the chunk, or, after the last one, the trailers.
func (f *framing) sizeEnd() {
	f.digits = 0
	if f.state = inChunk; f.left == 0 {
		f.state = inTrailer
	}
}

package inbound

import (
	"bytes"
	"net/http"
)

// nextChunk reads the end of one chunk and the size of the next (RFC 9112 7.1, without tolerances); after the last one, the
// trailers.
func (b *body) nextChunk() error {
	if b.inside {
		if _, err := b.line(0); err != nil {
			return err
		}
		b.inside = false
	}
	line, err := b.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, wrong := chunkSize(line)
	if wrong != nil {
		return wrong
	}
	if b.excess = max(0, b.excess+len(line)+2-16-2*int(min(size, maxChunkExcess))); b.excess > maxChunkExcess {
		return bad("the chunks are mostly framing")
	}
	if size == 0 {
		return b.trailers()
	}
	b.left, b.inside = size, true
	return nil
}

// chunkSize reads hexadecimal digits, and nothing else before the end or an extension.
func chunkSize(line []byte) (int64, *fault) {
	digits := line
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		digits = line[:i]
		if !clean(line[i:]) {
			return 0, bad("a control character stands in the extension of a chunk")
		}
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, bad("the size of a chunk is not made of one to 15 hexadecimal digits")
	}
	var n int64
	for _, c := range digits {
		switch {
		case digit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, bad("the size of a chunk is not made of hexadecimal digits alone")
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

// trailers reads what follows the last chunk.
func (b *body) trailers() error {
	for left := maxTrailer; ; {
		line, err := b.line(left)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.end()
			return nil
		}
		left -= len(line) + 2
		f, wrong := parseField(line, span{0, len(line)})
		if wrong != nil {
			return wrong
		}
		name := string(f.name.of(line))
		if !trailing(name) {
			continue
		}
		if b.req.Trailer == nil {
			b.req.Trailer = http.Header{}
		}
		b.req.Trailer[name] = append(b.req.Trailer[name], string(f.value.of(line)))
	}
}

// line reads one line of at most so many bytes, without its CRLF; it is good until more is read.
func (b *body) line(most int) ([]byte, error) {
	c := b.c
	for {
		unread := c.unread()
		if i := bytes.IndexByte(unread, '\n'); i >= 0 {
			if i == 0 || unread[i-1] != '\r' {
				return nil, bad("a line of a chunked body ends in a bare LF, want CRLF")
			}
			if i-1 > most {
				return nil, longLine(most)
			}
			c.r += i + 1
			return unread[:i-1], nil
		}
		if len(unread) > most+1 {
			return nil, longLine(most)
		}
		c.room(2 * maxTrailer)
		b.pace()
		was := c.w
		if err := c.fill(); err != nil {
			return nil, err
		}
		b.since += c.w - was
	}
}

func longLine(most int) *fault {
	if most == 0 {
		return bad("a chunk does not end in CRLF")
	}
	return bad("a line of a chunked body is too long")
}

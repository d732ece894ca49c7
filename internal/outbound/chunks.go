package outbound

import (
	"bytes"
	"io"
)

// chunkState is where in a chunked body the reader stands.
type chunkState struct {
	inside bool // within or right behind the bytes of a chunk, whose CRLF is still to come
	excess int  // bytes of framing that carried no data, beyond what is usual
}

// Limits of chunked framing: a size line with its extensions, what all of them may add, and the trailers.
const (
	maxChunkLine   = 4 << 10
	maxChunkExcess = 16 << 10
	maxTrailer     = 16 << 10
)

// readChunks decodes RFC 9112 7.1 strictly: a size is hexadecimal digits and nothing else before CRLF or ";". It fills p
// from what is here and waits only while it has nothing to give. 0: look at b.err.
func (b *body) readChunks(p []byte) int {
	n := 0
	for b.c != nil {
		if b.left > 0 {
			if n == len(p) || n > 0 && b.c.r == b.c.w {
				break
			}
			m, err := b.some(p[n:min(int64(len(p)), int64(n)+b.left)])
			if err != nil {
				b.spoil(b.c.fail(err, "reading a chunk"))
				break
			}
			n += m
			b.left -= int64(m)
			continue
		}
		// Between chunks: look ahead, so that the last one sets the connection free at once.
		if n > 0 && !b.c.hasLine() {
			break
		}
		if err := b.nextChunk(); err != nil {
			b.spoil(err)
		}
	}
	return n
}

// hasLine tells whether a whole line is in the buffer, and what a chunk's end needs before it.
func (c *conn) hasLine() bool {
	unread := c.buf.b[c.r:c.w]
	if bytes.HasPrefix(unread, []byte("\r\n")) {
		unread = unread[2:]
	}
	return bytes.IndexByte(unread, '\n') >= 0
}

// nextChunk reads the end of one chunk and the size of the next; after the last, the trailers.
func (b *body) nextChunk() error {
	if b.chunk.inside {
		line, err := b.c.line(maxChunkLine)
		if err != nil {
			return err
		}
		if len(line) > 0 {
			return badReply("got %.20q after a chunk, want CRLF", line)
		}
		b.chunk.inside = false
		return nil
	}
	line, err := b.c.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, err := chunkSize(line)
	if err != nil {
		return err
	}
	if b.chunk.excess = max(0, b.chunk.excess+len(line)+2-16-2*int(min(size, maxChunkExcess))); b.chunk.excess > maxChunkExcess {
		return badReply("more chunk framing than data")
	}
	if size > 0 {
		b.left, b.chunk.inside = size, true
		return nil
	}
	return b.trailers()
}

// chunkSize reads "1a" or "1a;extension".
func chunkSize(line []byte) (int64, error) {
	var n int64
	i := 0
	for ; i < len(line) && line[i] != ';'; i++ {
		d := hexDigit(line[i])
		if d > 15 || i == 15 {
			return 0, badReply("got chunk size %.40q, want up to 15 hexadecimal digits", line)
		}
		n = n<<4 | int64(d)
	}
	if i == 0 || i < len(line) && !isValue(string(line[i:])) {
		return 0, badReply("got chunk size %.40q, want hexadecimal digits", line)
	}
	return n, nil
}

func hexDigit(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// trailers reads the fields behind the last chunk; those that would frame or route are dropped.
func (b *body) trailers() error {
	var fields []Field
	for size := 0; ; {
		line, err := b.c.line(maxTrailer)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if size += len(line); size > maxTrailer {
			return badReply("more than %d bytes of trailers", maxTrailer)
		}
		name, value, err := parseField(string(line))
		if err != nil {
			return err
		}
		if !isOurs(name) {
			fields = append(fields, Field{name, value})
		}
	}
	b.res.Trailer = fields
	b.err = io.EOF
	b.end()
	return nil
}

// line reads up to CRLF, of at most limit bytes, and takes it off the buffer. It holds until the next read.
func (c *conn) line(limit int) ([]byte, error) {
	seen := 0
	for {
		unread := c.buf.b[c.r:c.w]
		if i := bytes.IndexByte(unread[seen:], '\n'); i >= 0 {
			i += seen
			if i == 0 || unread[i-1] != '\r' {
				return nil, badReply("a line of chunked framing ends in a bare LF")
			}
			c.r += i + 1
			return unread[:i-1], nil
		}
		if seen = len(unread); seen > limit {
			return nil, badReply("a line of chunked framing is over %d bytes", limit)
		}
		c.makeRoom()
		if err := c.fill(); err != nil {
			return nil, c.fail(err, "reading the answer's body")
		}
	}
}

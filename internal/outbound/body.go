package outbound

import (
	"errors"
	"io"
	"time"

	"gatehouse/internal/splice"
)

// body reads what follows a head. The connection goes back to its pool as soon as the last byte is here, be it read by
// the caller or not.
type body struct {
	res      *Response
	c        *conn // nil once the exchange has ended
	up       *upload
	kind     framing
	reusable bool
	left     int64 // of the body, or of the chunk
	chunk    chunkState
	err      error // what the next Read says when there is nothing left

	rest *buffer // what was read from the connection before it was given back
	r, w int
}

var errBodyClosed = errors.New("read of a closed body")

// start begins the body of res on c.
func (b *body) start(res *Response, c *conn, kind framing, length int64, reusable bool) {
	*b = body{res: res, c: c, kind: kind, left: length, reusable: reusable}
	res.Length, res.Body = length, b
	if c == nil {
		b.err = io.EOF
		return
	}
	b.up = c.up
	switch kind {
	case noBody:
		b.err = io.EOF
		b.end()
	case byLength:
		if n := int64(c.w - c.r); n >= length {
			b.rest, b.r, b.w = c.buf, c.r, c.r+int(length)
			c.r += int(length)
			c.buf = nil
			b.end()
		}
	case byChunks:
		b.left = 0
	}
}

// end ends the exchange: all of the answer is here.
func (b *body) end() {
	c := b.c
	b.c = nil
	ok := b.reusable
	if up := c.up; up != nil {
		c.up = nil
		if !up.finish() {
			up.halt()
			c.nc.Close()
			up.settle()
			ok = false
		}
	}
	c.end(ok)
}

// Read follows io.Reader. An answer that ends early is a BadReply or Reset that wraps io.ErrUnexpectedEOF.
func (b *body) Read(p []byte) (int, error) {
	for {
		if b.rest != nil && b.r < b.w {
			n := copy(p, b.rest.b[b.r:b.w])
			if b.r += n; b.r == b.w {
				b.dropRest(io.EOF)
			}
			return n, nil
		}
		if b.err != nil {
			return 0, b.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		var n int
		switch b.kind {
		case byLength:
			n = b.readLength(p)
		case byChunks:
			n = b.readChunks(p)
		default:
			n = b.readUntilClose(p)
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (b *body) dropRest(err error) {
	if b.rest != nil {
		b.res.pool.buffers.put(b.rest)
		b.rest, b.r, b.w = nil, 0, 0
	}
	b.err = err
}

func (b *body) readLength(p []byte) int {
	n, err := b.some(p[:min(int64(len(p)), b.left)])
	if err != nil {
		b.spoil(b.c.fail(err, "reading the answer's body"))
		return 0
	}
	if b.left -= int64(n); b.left == 0 {
		b.err = io.EOF
		b.end()
	}
	return n
}

// Spill follows splice.Source: of a body whose length is known and that comes from a bare socket.
func (b *body) Spill(into *splice.Pipe) (int, error) {
	c := b.c
	if c == nil || b.kind != byLength || c.r < c.w || !c.direct {
		return 0, splice.ErrCopy
	}
	c.expect()
	n, err := into.Fill(c.raw, b.left)
	if err == splice.ErrCopy { //nolint:errorlint // it is itself
		return 0, err
	}
	if err != nil {
		b.spoil(c.fail(err, "reading the answer's body"))
		return 0, b.err
	}
	if b.left -= int64(n); b.left == 0 {
		b.err = io.EOF
		b.end()
	}
	return n, nil
}

func (b *body) readUntilClose(p []byte) int {
	n, err := b.some(p)
	switch {
	case err == io.EOF: //nolint:errorlint // the end of a connection is io.EOF itself
		b.err = io.EOF
		b.end()
	case err != nil:
		b.spoil(b.c.fail(err, "reading the answer's body"))
	}
	return n
}

// some reads from the buffer, or else from the connection.
func (b *body) some(p []byte) (int, error) {
	c := b.c
	if c.r < c.w {
		n := copy(p, c.buf.b[c.r:c.w])
		c.r += n
		return n, nil
	}
	return c.read(p)
}

// spoil ends the exchange by an error that every further Read repeats.
func (b *body) spoil(err error) {
	b.err = err
	b.reusable = false
	b.end()
}

// little is how much of an unread body is worth reading in order to keep a connection, and drainTime how long it may take.
const (
	little    = 8 << 10
	drainTime = 5 * time.Millisecond
)

// Close ends the exchange. The connection is kept if what remains of the body is small and already here, or nearly.
// It must not run beside a Read: to interrupt one, cancel the context.
func (b *body) Close() error {
	if b.c != nil {
		b.drain()
	}
	if b.c != nil {
		b.spoil(errBodyClosed)
	}
	b.dropRest(errBodyClosed)
	return nil
}

func (b *body) drain() {
	c := b.c
	if !b.reusable || b.kind == untilClose || b.kind == byLength && b.left > little || c.up != nil && !c.up.complete() {
		return
	}
	c.idle = 0
	c.setDeadline(time.Now().Add(drainTime), true)
	var sink [512]byte
	for n := 0; n < little && b.c != nil && b.err == nil; {
		m, err := b.Read(sink[:])
		if err != nil {
			return
		}
		n += m
	}
}

package inbound

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// body is that of a request. Reading it tells the client to send it, if it waits for that (RFC 9110 10.1.1).
type body struct {
	c       *conn
	life    *life         // told when the client breaks off
	req     *http.Request // gets the trailers
	mu      sync.Mutex    // held while something is read
	left    int64         // of the body, or of the chunk
	chunked bool
	inside  bool // a chunk has begun, whose CRLF is still to come
	expects bool // the client waits for a 100 (Continue)
	paced   bool // a deadline stands for the piece that is being waited for
	since   int  // bytes since it was set
	excess  int  // bytes of framing beyond what is usual
	err     error
}

// Limits of chunked framing: a size line with its extensions, what all of them may add, and the trailers.
const (
	maxChunkLine   = 4 << 10
	maxChunkExcess = 16 << 10
	maxTrailer     = 16 << 10
)

// stallPiece is what a client must send of a body within one stall timeout.
const stallPiece = 4 << 10

// Read follows io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read(p)
}

func (b *body) read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.expects {
		b.expects = false
		b.c.sayContinue()
	}
	for n == 0 && len(p) > 0 && b.err == nil {
		if b.chunked && b.left <= 0 {
			b.fail(b.nextChunk())
			continue
		}
		n, err = b.some(p[:min(int64(len(p)), b.left)])
		b.left -= int64(n)
		b.fail(err)
		if b.left == 0 && !b.chunked && b.err == nil {
			b.end()
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, b.err
}

// some reads what is here, or waits for more.
func (b *body) some(p []byte) (int, error) {
	if early := b.c.unread(); len(early) > 0 {
		n := copy(p, early)
		if b.c.r += n; b.left == int64(n) && !b.chunked {
			b.c.spare()
		}
		return n, nil
	}
	b.c.spare()
	b.pace()
	n, err := b.c.read(p)
	b.since += n
	return n, err
}

// pace gives the client its time for the next piece.
func (b *body) pace() {
	if b.paced && b.since < stallPiece {
		return
	}
	b.paced, b.since = true, 0
	c := b.c
	c.by = c.readBy
	if stall := c.server.Limits.Stall; stall > 0 {
		c.by = earlier(c.readBy, time.Now().Add(stall))
	}
}

// fail keeps the first error. A client that is gone, or broke off, is told of to whoever waits.
func (b *body) fail(err error) {
	if err == nil || b.err != nil {
		return
	}
	switch wrong := (*fault)(nil); {
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	case errors.As(err, &wrong):
		b.err = err
		return
	case errors.Is(err, errAborted):
		b.err = http.ErrBodyReadAfterClose
		return
	case isTimeout(err):
		b.err = err
		return
	}
	b.err = err
	b.life.end()
}

// end notes that the body is whole.
func (b *body) end() {
	b.err = io.EOF
	b.c.by = time.Time{}
	b.c.bodyIsWhole()
}

// Close follows io.Closer; what is left is read, or cut off, after the answer.
func (b *body) Close() error { return nil }

// settle reads what the handler has left; false: too much of it, or it cannot be read. Afterwards nobody reads.
func (b *body) settle() bool {
	if b == nil {
		return true
	}
	if !b.mu.TryLock() {
		b.c.abort()
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err == io.EOF { //nolint:errorlint // ours, as it is
		if b.c.aborting.Load() {
			b.c.resume()
		}
		return true
	}
	if b.err == nil && !b.expects && !b.c.aborting.Load() && (b.chunked || b.left <= lingerBytes) {
		b.discard()
	}
	whole := b.err == io.EOF //nolint:errorlint // ours, as it is
	if !whole {
		b.err = http.ErrBodyReadAfterClose
	}
	return whole
}

// discard reads the rest, of which there is not much and which comes soon.
func (b *body) discard() {
	scratch := take(&b.c.server.outs, pieceOfOut)
	defer give(&b.c.server.outs, scratch)
	b.paced, b.since = true, -lingerBytes
	b.c.by = time.Now().Add(lingerTime)
	for n := 0; n <= lingerBytes; {
		m, err := b.read(scratch.b)
		if n += m; err != nil {
			return
		}
	}
}

package inbound

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/splice"
)

// response writes an answer: an [http.ResponseWriter] that [http.ResponseController] can ask for everything.
//
// The head is written down when the status is known, and ended when it is known how the body is framed: by its length, if
// the handler says it or if the whole body is here, or in chunks. Head and body leave together where they can.
type response struct {
	c         *conn
	r         *http.Request
	status    int
	wrote     bool    // the head is written down, but for how the body is framed
	committed bool    // and that, too
	out       *buffer // holds what is to be sent next; its length is what is in it
	pending   *buffer // the beginning of a body whose framing is not known
	length    int64   // of the body, as the handler says; -1: it does not
	written   int64   // of the body
	bodiless  bool    // the answer has none, whatever the handler writes
	chunked   bool
	tail      bool // the CRLF of a chunk is still to be sent
	sniff     bool // nobody has said what the body is
	close     bool // the connection ends after this
	failed    error

	mu      sync.Mutex // held for what a reader of the body may say meanwhile
	started bool       // bytes of the answer have left, or are about to
}

// pendingBody is how much of a body of unknown length is kept before it is sent in chunks.
const pendingBody = 2 << 10

func (w *response) begin(c *conn, x *exchange, r *http.Request) {
	w.c, w.r, w.length = c, r, -1
	c.current, c.life = w, &x.life
	switch limit := c.server.Limits.WriteTimeout; {
	case limit > 0:
		c.writeBy(time.Now().Add(limit))
	case !c.until.IsZero(): // the handler of the request before this one has set it
		c.writeBy(time.Time{})
	}
}

// free gives back what the answer held.
func (w *response) free() {
	for _, b := range []**buffer{&w.out, &w.pending} {
		if *b != nil {
			give(&w.c.server.outs, *b)
			*b = nil
		}
	}
}

// Header follows http.ResponseWriter.
func (w *response) Header() http.Header { return w.c.header }

// WriteHeader follows http.ResponseWriter. Informational answers leave at once (RFC 9110 15.2).
func (w *response) WriteHeader(status int) {
	switch {
	case w.wrote || w.c.state.Load() == taken:
		return
	case status >= 100 && status < 200 && status != http.StatusSwitchingProtocols:
		w.inform(status)
		return
	}
	w.status, w.wrote = status, true
	w.bodiless = w.r.Method == http.MethodHead || !bodyAllowed(status)
	w.out = take(&w.c.server.outs, pieceOfOut)
	w.out.b = w.headText(w.out.b[:0])
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// inform sends an informational answer.
func (w *response) inform(status int) {
	if w.r.ProtoMinor == 0 || w.failed != nil {
		return
	}
	b := take(&w.c.server.outs, pieceOfOut)
	b.b = append(w.fields(statusLine(b.b[:0], 1, status), false), "\r\n"...)
	w.mu.Lock()
	w.failed = w.c.send(b.b, nil)
	w.mu.Unlock()
	give(&w.c.server.outs, b)
}

// sayContinue tells the client to send its body, unless the answer has begun.
func (c *conn) sayContinue() {
	w := c.current
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started {
		_ = c.send([]byte("HTTP/1.1 100 Continue\r\n\r\n"), nil) // a client that is gone is found when it is read from
	}
}

// Write follows http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	switch {
	case w.c.state.Load() == taken:
		return 0, http.ErrHijacked
	case !w.wrote:
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.failed != nil:
		return 0, w.failed
	case len(p) == 0:
		return 0, nil
	case !bodyAllowed(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	}
	w.written += int64(len(p))
	if w.bodiless {
		if w.sniff && w.pending == nil {
			w.keep(p[:min(len(p), pendingBody)])
		}
		return len(p), nil
	}
	if !w.committed && w.length < 0 && w.written <= pendingBody {
		w.keep(p)
		return len(p), nil
	}
	w.commit(false, p)
	w.put(p)
	if w.failed != nil {
		return 0, w.failed
	}
	return len(p), nil
}

// Pours follows splice.Sink: a body of known length, over a bare socket.
func (w *response) Pours() bool {
	return w.c.raw != nil && w.committed && w.length >= 0 && !w.bodiless && w.failed == nil && w.c.state.Load() != taken
}

// Pour follows splice.Sink.
func (w *response) Pour(from *splice.Pipe) error {
	if w.written += int64(from.Held()); w.written > w.length {
		return http.ErrContentLength
	}
	w.send(nil)
	for w.failed == nil && from.Held() > 0 {
		w.c.roll()
		if _, w.failed = from.Drain(w.c.raw); w.failed != nil {
			w.c.life.end()
		}
	}
	return w.failed
}

// keep takes the beginning of a body: it may turn out to be all of it, or tell what it is.
func (w *response) keep(p []byte) {
	if w.pending == nil {
		w.pending = take(&w.c.server.outs, pieceOfOut)
		w.pending.b = w.pending.b[:0]
	}
	w.pending.b = append(w.pending.b, p...)
}

// commit ends the head; whole: what is pending is the whole body. next is what comes behind that.
func (w *response) commit(whole bool, next []byte) {
	if w.committed {
		return
	}
	w.committed = true
	var pending []byte
	if w.pending != nil {
		pending = w.pending.b
	}
	w.out.b = w.frame(w.out.b, whole, pending, next)
	if len(pending) > 0 && !w.bodiless {
		w.put(pending)
	}
}

// put sends a piece of the body, or keeps it for the next sending.
func (w *response) put(p []byte) {
	if w.chunked {
		w.out.b = appendChunk(w.out.b, len(p), w.tail)
		w.tail = true
	}
	if len(w.out.b)+len(p) <= cap(w.out.b) {
		w.out.b = append(w.out.b, p...)
		return
	}
	w.send(p)
}

// send sends what is kept, and p behind it.
func (w *response) send(p []byte) {
	if w.failed != nil || len(w.out.b)+len(p) == 0 {
		return
	}
	w.mu.Lock()
	w.started = true
	w.mu.Unlock()
	if w.failed = w.c.send(w.out.b, p); w.failed != nil {
		w.c.life.end() // nobody is there to read it
	}
	w.out.b = w.out.b[:0]
}

// FlushError sends what was written so far.
func (w *response) FlushError() error {
	if w.c.state.Load() == taken {
		return http.ErrHijacked
	}
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	w.commit(false, nil)
	if w.tail {
		w.out.b, w.tail = append(w.out.b, "\r\n"...), false
	}
	w.send(nil)
	return w.failed
}

// Flush follows http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// finish sends what is left; false: the answer broke off, and the connection is of no use.
func (w *response) finish() bool {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	w.commit(true, nil)
	if w.chunked {
		w.out.b = w.lastChunk(w.out.b)
	}
	w.send(nil)
	short := !w.bodiless && w.length >= 0 && w.written < w.length
	return w.failed == nil && !short
}

// SetReadDeadline follows http.ResponseController: for the body.
func (w *response) SetReadDeadline(t time.Time) error {
	w.c.readBy = t
	return nil
}

// SetWriteDeadline follows http.ResponseController.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.c.writeBy(t)
	return nil
}

// EnableFullDuplex follows http.ResponseController: it is always so.
func (w *response) EnableFullDuplex() error { return nil }

// Hijack follows http.Hijacker. What the client has sent already is in the reader.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := w.c
	if w.wrote || !c.state.CompareAndSwap(active, taken) {
		return nil, nil, http.ErrHijacked
	}
	c.unwatch()
	c.writeBy(time.Time{})
	_ = c.nc.SetDeadline(time.Time{})
	early := string(c.unread())
	c.r = c.w
	c.spare()
	rest := bufio.NewReader(strings.NewReader(early))
	if len(early) > 0 {
		_, _ = rest.Peek(len(early))
	}
	return c.nc, bufio.NewReadWriter(rest, bufio.NewWriter(c.nc)), nil
}

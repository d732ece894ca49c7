package endpoints

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatehouse/backends"
	"gatehouse/internal/outbound"
	"gatehouse/internal/splice"
)

// renderStream hands an answer through as it comes: status, headers, body, trailers. The one panic of this house is here:
// once the head is out, a body that breaks off must not look whole.
func renderStream(e *Endpoint, x *Exchange, w http.ResponseWriter, r *http.Request, res *backends.Response) error {
	out := res.Stream
	if out.Conn != nil {
		return e.tunnel(x, w, out)
	}
	h := w.Header()
	e.voice.output.stream(h, out.Header)
	trails := out.Trails && r.ProtoMajor == 1 && r.ProtoMinor > 0 // where a length leaves no room for them
	switch {
	case trails:
		delete(h, "Content-Length")
	case r.Method == http.MethodHead, out.Status == http.StatusNotModified: // the backend says how long what does not come is, or nothing
	case out.Length >= 0:
		h["Content-Length"] = []string{strconv.FormatInt(out.Length, 10)}
	}
	e.voice.marks(h, !e.voice.KrakenD)
	x.Status = out.Status
	w.WriteHeader(out.Status)
	if r.Method == http.MethodHead || bodyForbidden(out.Status) {
		return nil
	}
	flow := flow{x: x, w: w, left: out.Length}
	if trails || strings.HasPrefix(out.Get("Content-Type"), "text/event-stream") {
		flow.left = -1
	}
	if err := flow.copy(out.Body, out.Begun()); err != nil {
		x.failed("stream_cut", err)
		panic(http.ErrAbortHandler)
	}
	e.voice.output.trailers(h, out)
	return nil
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// flow is a body on its way to the client. Every piece goes out as it comes; the last one of a known length goes out when the
// answer ends, and what is too large to be kept back does so anyway.
type flow struct {
	x    *Exchange
	w    http.ResponseWriter
	left int64 // of the body; -1: nobody knows
}

// keptBack is what servers keep of an answer until it is flushed.
const keptBack = 4 << 10

// copy moves a body to the client. begun: something of it is here, so that the head need not go out alone.
func (f *flow) copy(body io.Reader, begun bool) error {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	if f.left < 0 || !begun {
		if err := f.flush(); err != nil {
			return err
		}
	}
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			if err := f.out((*buf)[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n >= largePiece && f.left >= largeRest {
			if err := f.pour(body); err != nil {
				return err
			}
		}
	}
}

// A pipe is worth its calls for what is long and comes in large pieces: see BenchmarkMove of internal/splice.
const (
	largeRest  = 32 << 10
	largePiece = 8 << 10
)

// pour moves a body past the process, from socket to socket, for as long as it comes in large pieces and a rest of it is
// known to come.
func (f *flow) pour(body io.Reader) error {
	source, from := body.(splice.Source)
	sink, to := f.w.(splice.Sink)
	if !from || !to || !sink.Pours() {
		return nil
	}
	pipe := splice.Take()
	if pipe == nil {
		return nil
	}
	defer pipe.Give()
	for n := largePiece; n >= largePiece && f.left > 0; {
		var err error
		if n, err = source.Spill(pipe); err == splice.ErrCopy { //nolint:errorlint // it is itself
			return nil
		} else if err != nil {
			return err
		}
		err = sink.Pour(pipe)
		sent := int64(n - pipe.Held())
		f.x.Bytes += sent
		f.left -= sent
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *flow) out(p []byte) error {
	n, err := f.x.send(f.w, p)
	f.x.Bytes += int64(n)
	if err != nil {
		return err
	}
	if f.left >= 0 {
		if f.left -= int64(n); f.left <= 0 || n > keptBack {
			return nil
		}
	}
	return f.flush()
}

func (f *flow) flush() error {
	if err := http.NewResponseController(f.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// send writes a piece. A client over HTTP/2 has x.Stall to take it; over HTTP/1 the connection itself sees to that.
func (x *Exchange) send(w http.ResponseWriter, p []byte) (n int, err error) {
	if x.Stall <= 0 {
		return w.Write(p)
	}
	control := http.NewResponseController(w)
	for len(p) > 0 && err == nil {
		var m int
		_ = control.SetWriteDeadline(time.Now().Add(x.Stall)) // a writer without deadlines has no slow reader either
		m, err = w.Write(p[:min(len(p), stalledPiece)])
		n, p = n+m, p[m:]
	}
	return n, err
}

// stalledPiece is what a client must take within one stall timeout.
const stalledPiece = 64 << 10

// hints hands on informational answers (103 Early Hints) while the final one is waited for.
func (e *Endpoint) hints(w http.ResponseWriter, r *http.Request) func(int, []outbound.Field) {
	if !r.ProtoAtLeast(1, 1) {
		return nil
	}
	return func(status int, header []outbound.Field) {
		h := w.Header()
		ours := maps.Clone(h)
		clear(h)
		e.voice.output.stream(h, header)
		w.WriteHeader(status)
		clear(h)
		maps.Copy(h, ours)
	}
}

package endpoints

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"gatehouse/backends"
)

// renderStream hands an answer through as it comes: status, headers, body, trailers. The one panic of this house is here:
// once the head is out, a body that breaks off must not look whole.
func renderStream(e *Endpoint, x *Exchange, w http.ResponseWriter, r *http.Request, res *backends.Response) error {
	out := res.Stream
	h := w.Header()
	e.voice.output.stream(h, out.Header)
	if out.Length >= 0 {
		h.Set("Content-Length", strconv.FormatInt(out.Length, 10))
	}
	e.voice.marks(h, !e.voice.KrakenD)
	x.Status = out.Status
	w.WriteHeader(out.Status)
	if r.Method == http.MethodHead || bodyForbidden(out.Status) {
		return nil
	}
	n, err := x.copy(w, out.Body, out.Length < 0 || strings.HasPrefix(out.Get("Content-Type"), "text/event-stream"))
	x.Bytes += n
	if err != nil {
		x.failed("stream_cut", err)
		panic(http.ErrAbortHandler)
	}
	for _, f := range out.Trailer {
		h.Add(http.TrailerPrefix+f.Name, f.Value)
	}
	return nil
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// copy moves a body to the client; with flush, every piece goes out as it comes.
func (x *Exchange) copy(w http.ResponseWriter, body io.Reader, flush bool) (written int64, err error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	control := http.NewResponseController(w)
	for {
		n, readErr := body.Read(*buf)
		if n > 0 {
			m, err := w.Write((*buf)[:n])
			written += int64(m)
			if err != nil {
				return written, err
			}
			if flush {
				if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
					return written, err
				}
			}
		}
		if readErr == io.EOF {
			return written, nil
		}
		if readErr != nil {
			return written, readErr
		}
	}
}

package gateway

import (
	"io"
	"net/http"
	"time"

	"gatehouse/endpoints"
)

// pace bounds what a client over HTTP/2 may take for the next piece of its body or of our answer; the connection carries
// other requests too, so each has deadlines of its own.
func pace(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, stall time.Duration) {
	x.Stall = stall
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), stall: stall}
	}
}

// pacedBody is a body that must go on coming.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	rolling bool
	since   int // bytes since the deadline was moved on
}

// Read follows io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if !b.rolling || b.since >= bodyPiece {
		b.rolling, b.since = true, 0
		_ = b.control.SetReadDeadline(time.Now().Add(b.stall)) // a reader without deadlines has no slow client either
	}
	n, err := b.ReadCloser.Read(p)
	b.since += n
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// bodyPiece is what a client must send of a body within one stall timeout.
const bodyPiece = 4 << 10

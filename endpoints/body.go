package endpoints

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"

	"gatehouse/backends"
)

// body reads what is small, keeps what several backends need, and hands on the rest as it comes.
func (p *projection) body(q *request, r *http.Request) error {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limit := int64(smallBody)
	if p.fanOut {
		limit = p.keep
	}
	if r.ContentLength > limit && !p.fanOut {
		q.stream(r.Body, r.ContentLength)
		q.Body.Trailer = p.trailer(r)
		return nil
	}
	read, err := readUpTo(q.buf[:0], r.Body, r.ContentLength, limit)
	q.buf = read
	switch {
	case err == nil:
		q.Body = backends.Body{Bytes: read, Length: int64(len(read)), Trailer: p.trailerRead(r)}
		return nil
	case !errors.Is(err, errMore):
		return badBody(err)
	case p.fanOut:
		return tooLarge(limit)
	}
	q.stream(io.MultiReader(bytes.NewReader(read), r.Body), r.ContentLength)
	q.Body.Trailer = p.trailer(r)
	return nil
}

// stream hands on a body as it comes; why it broke off, if it does, is kept for the answer.
func (q *request) stream(body io.Reader, length int64) {
	q.upload = &upload{Reader: body}
	q.Body = backends.Body{Stream: q.upload, Length: length}
}

// upload is a client's body that somebody else reads.
type upload struct {
	io.Reader
	mu     sync.Mutex // held while something is read
	failed error
}

func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF && u.failed == nil {
		u.failed = err
	}
	return n, err
}

// broken is why the body broke off, nil if it did not. If gone, the connection has failed: the reading that is under way
// is about to say why.
func (q *request) broken(gone bool) error {
	u := q.upload
	switch {
	case u == nil:
		return nil
	case gone:
		u.mu.Lock()
	case !u.mu.TryLock():
		return nil
	}
	defer u.mu.Unlock()
	if u.failed == nil {
		return nil
	}
	return badBody(u.failed)
}

var errMore = errors.New("there is more")

// readUpTo reads a body of the given length (-1: unknown) into buf; errMore if it is longer than limit.
func readUpTo(buf []byte, body io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return buf, errMore
	}
	if length > 0 {
		buf = slices.Grow(buf, int(length))
	}
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, 4096)
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit: // also where the end came along
			return buf, errMore
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

// badBody is what the client is told of a body that broke off.
func badBody(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(over.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Denied{Status: http.StatusRequestTimeout, Reason: "body_timeout", Detail: "the body did not come in time", Err: err}
	}
	return &Denied{Status: http.StatusBadRequest, Reason: "bad_body", Detail: "the body is badly framed or broke off", Err: err}
}

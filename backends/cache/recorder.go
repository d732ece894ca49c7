package cache

import (
	"io"
	"time"

	"gatehouse/internal/outbound"
)

// streamPatience is how long others wait for a stream of unknown length once it has begun: a slow one, or one whose reader is
// slow, is not worth more.
const streamPatience = 500 * time.Millisecond

// recorder keeps a stream of unknown length as it passes, if it passes whole. Whoever waits for the same may have it from
// the store then.
type recorder struct {
	io.ReadCloser
	res     *outbound.Response
	kept    *stored // nil: it will not be kept
	store   *Store
	waiting *flight // nil: nobody can wait
	timer   *time.Timer
}

func (s *Store) record(res *outbound.Response, kept *stored, waiting *flight) io.ReadCloser {
	r := &recorder{ReadCloser: res.Body, res: res, kept: kept, store: s, waiting: waiting}
	if waiting != nil {
		waiting.streams = true
		r.timer = time.AfterFunc(streamPatience, func() {
			s.pass(kept.place)
			s.land(kept.place, waiting, false)
		})
	}
	return r
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.kept == nil {
		return n, err
	}
	switch {
	case int64(len(r.kept.body)+n) > r.store.Item, len(r.res.Trailer) > 0:
		r.store.pass(r.kept.place)
		r.end(false)
		return n, err
	case err != nil && err != io.EOF:
		r.end(false)
		return n, err
	}
	r.kept.body = append(r.kept.body, p[:n]...)
	if err == io.EOF {
		r.store.put(r.kept)
		r.end(false)
	}
	return n, err
}

// Close before the end is that of a client that has left: somebody else is to ask.
func (r *recorder) Close() error {
	if r.kept != nil {
		r.end(true)
	}
	return r.ReadCloser.Close()
}

// end lets go who waits.
func (r *recorder) end(gone bool) {
	place := r.kept.place
	r.kept = nil
	if r.waiting != nil {
		r.timer.Stop()
		r.store.land(place, r.waiting, gone)
	}
}

package validator

import (
	"context"
	"sync"
	"time"

	"gatehouse/internal/jose"
)

// shelf holds the documents that several key sets may come to by different ways: one has the address in the file, another
// found it by discovery. Each is fetched by one at a time, and whoever wants one that another has just fetched takes that.
type shelf struct {
	mu   sync.Mutex
	docs map[ringID]*document
}

// document is what one address brought last.
type document struct {
	id    ringID
	users int           // guarded by the shelf
	turn  chan struct{} // holds one; the rest is his who put it in
	edition
}

// edition is one fetch of a document.
type edition struct {
	began time.Time
	set   *jose.Set // nil: none came
	says  time.Duration
	err   error
}

// take is the document of a source, with one more user.
func (s *shelf) take(src *Source) (*document, error) {
	id, err := src.id()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.docs[id]
	if d == nil {
		d = &document{id: id, turn: make(chan struct{}, 1)}
		if s.docs == nil {
			s.docs = map[ringID]*document{}
		}
		s.docs[id] = d
	}
	d.users++
	return d, nil
}

// leave gives a document back.
func (s *shelf) leave(d *document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.users--; d.users == 0 {
		delete(s.docs, d.id)
	}
}

// newer is an edition that began after the one that the caller has, and at most so long ago. Where there is none it is
// fetched, by one caller at a time.
func (d *document) newer(ctx context.Context, than time.Time, window time.Duration, fetch func(context.Context) edition) edition {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return edition{began: time.Now(), err: ctx.Err()}
	}
	if d.began.After(than) && time.Since(d.began) < window {
		return d.edition
	}
	began := time.Now()
	d.edition = fetch(ctx)
	d.began = began
	return d.edition
}

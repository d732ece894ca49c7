package cache

import (
	"container/list"
	"context"
	"crypto/sha256"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"gatehouse/internal/outbound"
)

const (
	overhead    = 1024 // what a kept answer costs besides its bytes
	maxVariants = 32   // answers that are kept for one place, by what their Vary names
)

// Store keeps answers, within a number of bytes; the one whose last use is longest ago goes first.
type Store struct {
	Bounds

	mu     sync.Mutex
	size   int64
	pages  map[string]page // by URL
	recent *list.List      // of *stored
	fetch  map[place]*flight
	seed   maphash.Seed
	not    map[uint64]time.Time // the hash of a place that could not be kept: until when nobody waits for another's answer to it

	ctx  context.Context // of renewals in the background
	end  context.CancelFunc
	wait sync.WaitGroup
}

// page is all that is kept for a URL: for each identity its variants, as elements of Store.recent.
type page map[[sha256.Size]byte][]*list.Element

// flight is a question to the origin that others wait for.
type flight struct {
	done chan struct{}
	gone bool // it ended because whoever asked has left; set before done is closed

	streams bool // it ends with the stream that came, not with the call
}

const (
	passTime = time.Minute // for which we remember that something could not be kept
	maxPass  = 10000       // of them
)

// NewStore is an empty one.
func NewStore(b Bounds) *Store {
	s := &Store{Bounds: b, pages: map[string]page{}, recent: list.New(), fetch: map[place]*flight{},
		seed: maphash.MakeSeed(), not: map[uint64]time.Time{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// find is the answer for a place that fits a request, nil if there is none. Of several the youngest counts.
func (s *Store) find(at place, header []outbound.Field) *stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *list.Element
	for _, e := range s.pages[at.url][at.identity] {
		v := e.Value.(*stored)
		if v.fits(header) && (best == nil || v.came.After(best.Value.(*stored).came)) {
			best = e
		}
	}
	if best == nil {
		return nil
	}
	s.recent.MoveToFront(best)
	return best.Value.(*stored)
}

// put keeps an answer in place of what it replaces, and makes room for it.
func (s *Store) put(v *stored) {
	v.size = int64(len(v.body)+len(v.url)) + overhead
	for _, list := range [][]outbound.Field{v.header, v.vary} {
		for i := range list {
			v.size += int64(len(list[i].Name) + len(list[i].Value) + 32)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(v.place, func(old *stored) bool { return slices.Equal(old.vary, v.vary) })
	if v.size > s.Size {
		return
	}
	delete(s.not, s.hash(v.place))
	if variants := s.pages[v.url][v.identity]; len(variants) >= maxVariants {
		s.remove(variants[0])
	}
	s.add(v)
	s.size += v.size
	for s.size > s.Size {
		s.remove(s.recent.Back())
	}
}

// forget drops the answers to a URL, whoever they are for.
func (s *Store) forget(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for identity := range s.pages[url] {
		s.drop(place{url, identity}, func(*stored) bool { return true })
	}
}

// replace drops one answer that is no longer true.
func (s *Store) replace(v *stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(v.place, func(old *stored) bool { return old == v })
}

func (s *Store) drop(at place, which func(*stored) bool) {
	for _, e := range slices.Clone(s.pages[at.url][at.identity]) {
		if which(e.Value.(*stored)) {
			s.remove(e)
		}
	}
}

func (s *Store) add(v *stored) {
	p := s.pages[v.url]
	if p == nil {
		p = page{}
		s.pages[v.url] = p
	}
	p[v.identity] = append(p[v.identity], s.recent.PushFront(v))
}

func (s *Store) remove(e *list.Element) {
	v := s.recent.Remove(e).(*stored)
	s.size -= v.size
	p := s.pages[v.url]
	if rest := slices.DeleteFunc(p[v.identity], func(other *list.Element) bool { return other == e }); len(rest) > 0 {
		p[v.identity] = rest
		return
	}
	if delete(p, v.identity); len(p) == 0 {
		delete(s.pages, v.url)
	}
}

// hash is what we remember of a place that could not be kept: URLs are as long as clients like.
func (s *Store) hash(at place) uint64 { return maphash.Comparable(s.seed, at) }

// join is the flight to a place: the caller's own to finish if it leads, else one to wait for.
func (s *Store) join(at place) (f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fetch[at]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	s.fetch[at] = f
	return f, true
}

// land ends a flight; more than once is fine.
func (s *Store) land(at place, f *flight, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetch[at] == f {
		delete(s.fetch, at)
		f.gone = gone
		close(f.done)
	}
}

// pass takes down that what is at a place cannot be kept: waiting for another's answer would be for nothing.
func (s *Store) pass(at place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.not) >= maxPass {
		clear(s.not)
	}
	s.not[s.hash(at)] = time.Now().Add(passTime)
}

func (s *Store) passes(at place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.not) == 0 {
		return false
	}
	key := s.hash(at)
	until, ok := s.not[key]
	if ok && !time.Now().Before(until) {
		delete(s.not, key)
		return false
	}
	return ok
}

// background runs f until it ends or the store closes; false: it is closed.
func (s *Store) background(f func(context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.wait.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, renewTime)
		defer cancel()
		f(ctx)
	})
	return true
}

// Close ends what runs in the background and forgets everything.
func (s *Store) Close() {
	s.mu.Lock()
	s.end()
	s.pages, s.size = map[string]page{}, 0
	s.recent.Init()
	s.mu.Unlock()
	s.wait.Wait()
}

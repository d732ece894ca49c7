package backends

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"gatehouse/internal/outbound"
)

// overhead is what a kept answer costs besides its bytes.
const overhead = 512

// store keeps answers, within a number of bytes; the one whose last use is longest ago goes first.
type store struct {
	max     int64
	maxItem int64

	mu     sync.Mutex
	size   int64
	byURL  map[string][]*list.Element // of *stored
	recent *list.List
	fetch  map[place]*flight
	not    map[place]time.Time // what could not be kept, until when nobody waits for another's answer to it

	ctx  context.Context // of renewals in the background
	end  context.CancelFunc
	wait sync.WaitGroup
}

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

func newStore(max, maxItem int64) *store {
	s := &store{max: max, maxItem: maxItem, byURL: map[string][]*list.Element{}, recent: list.New(), fetch: map[place]*flight{}, not: map[place]time.Time{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// find is the answer for a place that fits a request, nil if there is none. Of several the youngest counts.
func (s *store) find(at place, header []outbound.Field) *stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *list.Element
	for _, e := range s.byURL[at.url] {
		v := e.Value.(*stored)
		if v.identity == at.identity && v.fits(header) && (best == nil || v.came.After(best.Value.(*stored).came)) {
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
func (s *store) put(v *stored) {
	v.size = int64(len(v.body)+len(v.url)) + overhead
	for _, list := range [][]outbound.Field{v.header, v.vary} {
		for i := range list {
			v.size += int64(len(list[i].Name) + len(list[i].Value) + 32)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(v.url, func(old *stored) bool { return old.identity == v.identity && slices.Equal(old.vary, v.vary) })
	if v.size > s.max {
		return
	}
	delete(s.not, v.place)
	s.byURL[v.url] = append(s.byURL[v.url], s.recent.PushFront(v))
	s.size += v.size
	for s.size > s.max {
		s.remove(s.recent.Back())
	}
}

// forget drops the answers to a URL, whoever they are for.
func (s *store) forget(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(url, func(*stored) bool { return true })
}

// replace drops one answer that is no longer true.
func (s *store) replace(v *stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(v.url, func(old *stored) bool { return old == v })
}

func (s *store) drop(url string, which func(*stored) bool) {
	for _, e := range slices.Clone(s.byURL[url]) {
		if which(e.Value.(*stored)) {
			s.remove(e)
		}
	}
}

func (s *store) remove(e *list.Element) {
	v := s.recent.Remove(e).(*stored)
	s.size -= v.size
	rest := slices.DeleteFunc(s.byURL[v.url], func(other *list.Element) bool { return other == e })
	if len(rest) == 0 {
		delete(s.byURL, v.url)
		return
	}
	s.byURL[v.url] = rest
}

// join is the flight to a place: the caller's own to finish if it leads, else one to wait for.
func (s *store) join(at place) (f *flight, leads bool) {
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
func (s *store) land(at place, f *flight, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetch[at] == f {
		delete(s.fetch, at)
		f.gone = gone
		close(f.done)
	}
}

// pass takes down that what is at a place cannot be kept: waiting for another's answer would be for nothing.
func (s *store) pass(at place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.not) >= maxPass {
		clear(s.not)
	}
	s.not[at] = time.Now().Add(passTime)
}

func (s *store) passes(at place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.not[at]
	if ok && !time.Now().Before(until) {
		delete(s.not, at)
		return false
	}
	return ok
}

// background runs f until it ends or the store closes; false: it is closed.
func (s *store) background(f func(context.Context)) bool {
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

// close ends what runs in the background and forgets everything.
func (s *store) close() {
	s.mu.Lock()
	s.end()
	s.byURL, s.size = map[string][]*list.Element{}, 0
	s.recent.Init()
	s.mu.Unlock()
	s.wait.Wait()
}

package backends

import "sync"

// Life is what one configuration holds of the things that outlive it (connections, breakers, tokens): they are given back
// when it ends. Whoever compiles a configuration makes one, hands it to every backend, starts it once the configuration
// serves, and closes it when its last request has ended, or when it does not compile. A nil Life holds things until their
// owners close.
type Life struct {
	mu     sync.Mutex
	starts []func() (stop func())
	closes []func()
	done   bool
}

// Start begins what a configuration does of its own accord: health checks.
func (l *Life) Start() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return
	}
	for _, start := range l.starts {
		l.closes = append(l.closes, start())
	}
	l.starts = nil
}

// Close gives everything back; more than once is fine.
func (l *Life) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	closes := l.closes
	l.starts, l.closes, l.done = nil, nil, true
	l.mu.Unlock()
	for i := len(closes) - 1; i >= 0; i-- {
		closes[i]()
	}
}

func (l *Life) onStart(start func() (stop func())) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts = append(l.starts, start)
}

func (l *Life) onClose(f func()) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closes = append(l.closes, f)
}

// shelf shares what outlives a configuration: the same key, the same thing, for as long as some [Life] holds it.
type shelf[K comparable, V any] struct {
	end func(V) // ends a thing; may be nil

	mu     sync.Mutex
	things map[K]*kept[V]
}

type kept[V any] struct {
	thing   V
	holders int
}

func newShelf[K comparable, V any](end func(V)) *shelf[K, V] {
	return &shelf[K, V]{end: end, things: map[K]*kept[V]{}}
}

// hold is the thing of a key, made if there is none, and held until life closes.
func (s *shelf[K, V]) hold(key K, life *Life, make func() (V, error)) (V, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.things[key]
	if k == nil {
		thing, err := make()
		if err != nil {
			return thing, err
		}
		k = &kept[V]{thing: thing}
		s.things[key] = k
	}
	k.holders++
	life.onClose(func() { s.release(key, k) })
	return k.thing, nil
}

func (s *shelf[K, V]) release(key K, k *kept[V]) {
	s.mu.Lock()
	k.holders--
	last := k.holders == 0 && s.things[key] == k
	if last {
		delete(s.things, key)
	}
	s.mu.Unlock()
	if last && s.end != nil {
		s.end(k.thing)
	}
}

// close ends everything, held or not.
func (s *shelf[K, V]) close() {
	s.mu.Lock()
	things := s.things
	s.things = map[K]*kept[V]{}
	s.mu.Unlock()
	for _, k := range things {
		if s.end != nil {
			s.end(k.thing)
		}
	}
}

// each calls f for everything that is kept.
func (s *shelf[K, V]) each(f func(K, V)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.things {
		f(key, k.thing)
	}
}

package keep

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
)

// Shelf shares what outlives a configuration: the same key, the same thing, for as long as some [Life] holds it.
type Shelf[K comparable, V any] struct {
	end func(V) // ends a thing; may be nil

	mu     sync.Mutex
	things map[K]*kept[V]
}

type kept[V any] struct {
	thing   V
	holders int
}

// NewShelf is an empty one; end ends a thing that nobody holds any more, and may be nil.
func NewShelf[K comparable, V any](end func(V)) *Shelf[K, V] {
	return &Shelf[K, V]{end: end, things: map[K]*kept[V]{}}
}

// Hold is the thing of a key, made if there is none, and held until life closes.
func (s *Shelf[K, V]) Hold(key K, life *Life, make func() (V, error)) (V, error) {
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
	life.OnClose(func() { s.release(key, k) })
	return k.thing, nil
}

func (s *Shelf[K, V]) release(key K, k *kept[V]) {
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

// Close ends everything, held or not.
func (s *Shelf[K, V]) Close() {
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

// Each calls f for everything that is kept.
func (s *Shelf[K, V]) Each(f func(K, V)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.things {
		f(key, k.thing)
	}
}

// Key tells one set of settings from another: a digest, since thousands of backends keep one.
func Key(settings ...any) string {
	b, err := json.Marshal(settings)
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(b)
	return string(sum[:])
}

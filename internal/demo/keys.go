package demo

import (
	"fmt"
	"sync"
	"time"

	"gatehouse/internal/jose"
)

// keyring holds the provider's keys: one of each algorithm to sign with, and those of earlier rotations until their time.
type keyring struct {
	grace time.Duration

	mu    sync.Mutex
	keys  []ringKey // the current ones first
	round int
}

type ringKey struct {
	*jose.PrivateKey
	until time.Time // zero: current
}

func newKeyring(grace time.Duration) (*keyring, error) {
	r := &keyring{grace: grace}
	return r, r.rotate(time.Now())
}

// rotate makes new keys; the old ones are published for the grace that is left to them.
func (r *keyring) rotate(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.round++
	var fresh []ringKey
	for _, alg := range []jose.Alg{jose.RS256, jose.ES256} {
		key, err := jose.GenerateKey(alg)
		if err != nil {
			return err
		}
		fresh = append(fresh, ringKey{PrivateKey: key.WithID(fmt.Sprintf("demo-%s-%d", alg, r.round))})
	}
	for _, old := range r.keys {
		if old.until.IsZero() {
			old.until = now.Add(r.grace)
		}
		fresh = append(fresh, old)
	}
	r.keys = fresh
	return nil
}

// signer is the current key of an algorithm.
func (r *keyring) signer(alg jose.Alg) (*jose.PrivateKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		if k.Alg() == alg && k.until.IsZero() {
			return k.PrivateKey, nil
		}
	}
	return nil, fmt.Errorf("alg %q: this provider signs with RS256 and ES256", alg)
}

// published is the key set: current keys and old ones in their grace. Keys whose grace is over are forgotten.
func (r *keyring) published(now time.Time) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var alive []ringKey
	var bare []*jose.PrivateKey
	for _, k := range r.keys {
		if k.until.IsZero() || now.Before(k.until) {
			alive, bare = append(alive, k), append(bare, k.PrivateKey)
		}
	}
	r.keys = alive
	return jose.PublicSet(bare...)
}

package validator

import (
	"sync/atomic"
	"time"

	"gatehouse/internal/jose"
)

// maxTries is how many keys are tried for a token that does not name one (security.md 8).
const maxTries = 8

// verifier is one key of a set, for as long as its set has it. Cached verdicts point at it and die when it is gone.
type verifier struct {
	*jose.Key
	gone atomic.Bool
}

// keySet is what one fetch or one file has brought. It never changes.
type keySet struct {
	keys    []*verifier
	fetched time.Time     // with its monotonic clock
	losses  *atomic.Int64 // see Keys
}

// newKeySet makes a set that shares its verifiers with the one before, so that verdicts of a key outlive a refresh.
func newKeySet(keys []*jose.Key, before *keySet, now time.Time, losses *atomic.Int64) *keySet {
	set := &keySet{fetched: now, losses: losses}
	for _, key := range keys {
		set.keys = append(set.keys, before.verifier(key))
	}
	return set
}

func (s *keySet) verifier(key *jose.Key) *verifier {
	if s != nil {
		for _, old := range s.keys {
			if old.Print() == key.Print() && !old.gone.Load() {
				return old
			}
		}
	}
	return &verifier{Key: key}
}

// retire marks the keys of a set that the next one does not have. A nil next retires all of them.
func (s *keySet) retire(next *keySet) {
	if s == nil {
		return
	}
	for _, key := range s.keys {
		if !next.has(key) {
			key.gone.Store(true)
		}
	}
	s.losses.Add(1)
}

func (s *keySet) has(key *verifier) bool {
	if s == nil {
		return false
	}
	for _, k := range s.keys {
		if k == key {
			return true
		}
	}
	return false
}

// strategy says which member of a token's header names its key (KrakenD's key_identify_strategy).
type strategy string

// named reports whether the token names a key, and how to tell whether it is this one. Without an x5t in the token its kid
// is asked, as KrakenD does.
func (st strategy) named(h *jwsHeader) (bool, func(*verifier) bool) {
	switch {
	case st == "x5t" && h.x5t != "":
		return true, func(k *verifier) bool { return k.X5T == h.x5t }
	case st == "x5t#S256" && h.x5tS256 != "":
		return true, func(k *verifier) bool { return k.X5TS256 == h.x5tS256 }
	case st == "kid_x5t" && h.x5t != "":
		return true, func(k *verifier) bool { return k.ID == h.kid && k.X5T == h.x5t }
	}
	return h.hasKid, func(k *verifier) bool { return k.HasID && k.ID == h.kid }
}

// find appends the keys that a token may have been signed with: those that it names, or all that fit where it names none.
func (s *keySet) find(dst []*verifier, h *jwsHeader, alg jose.Alg, st strategy) []*verifier {
	named, is := st.named(h)
	for _, key := range s.keys {
		if !key.Fits(alg) || named && !is(key) {
			continue
		}
		if dst = append(dst, key); len(dst) == maxTries {
			break
		}
	}
	return dst
}

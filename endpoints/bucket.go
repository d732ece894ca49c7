package endpoints

import (
	"hash/maphash"
	"math"
	"strconv"
	"sync"
	"time"
)

// rate is a token bucket as an interval and a capacity. What a bucket has left is told by one number, the time at which it
// will be full again (the generic cell rate algorithm): a full bucket need not be remembered.
type rate struct {
	interval time.Duration // one token comes back in this time
	capacity int64
}

// verdict on one request.
type grant struct {
	ok        bool
	remaining int64
	wait      time.Duration // until there is a token again; 0 if ok
	full      time.Duration // until the bucket is full
}

// take takes a token at the time now from a bucket that is full again at full, and tells when it will be full then.
func (r rate) take(full, now time.Duration) (time.Duration, grant) {
	full = max(full, now)
	depth := time.Duration(r.capacity) * r.interval
	next := full + r.interval
	if missing := next - now - depth; missing > 0 {
		return full, grant{wait: missing, full: full - now}
	}
	return next, grant{ok: true, remaining: int64((depth - (next - now)) / r.interval), full: next - now}
}

// newRate is tokens per window, with a bucket of this capacity; 0: as many as the rate gives in a window, one at least.
func newRate(tokens float64, window time.Duration, capacity int64) rate {
	if capacity <= 0 {
		capacity = max(1, int64(math.Ceil(tokens)))
	}
	interval := time.Duration(min(max(1, float64(window)/tokens), math.MaxInt64/16))
	return rate{interval: interval, capacity: min(capacity, int64(math.MaxInt64/4/interval))}
}

// bucket is one bucket for everybody.
type bucket struct {
	rate
	mu   sync.Mutex
	full time.Duration
}

func (b *bucket) take(now time.Duration) (g grant) {
	b.mu.Lock()
	b.full, g = b.rate.take(b.full, now)
	b.mu.Unlock()
	return g
}

// Bounds of buckets: how many parts the table has, and how many buckets are remembered in each of them (two numbers each).
const (
	shardCount = 64
	shardSize  = 2048
)

// buckets is a bucket for each key. Memory is bounded: full buckets are forgotten, and where too many are in use at once,
// the one that will soonest be full, of those at hand, makes room.
type buckets struct {
	rate
	seed   maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu   sync.Mutex
	full map[uint64]time.Duration
}

func newBuckets(r rate) *buckets { return &buckets{rate: r, seed: maphash.MakeSeed()} }

// take takes a token of the key's bucket. Keys are told apart by a hash with a secret of this process.
func (b *buckets) take(key string, now time.Duration) (g grant) {
	h := maphash.String(b.seed, key)
	s := &b.shards[h%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	full, known := s.full[h]
	if !known {
		s.makeRoom(now)
	}
	s.full[h], g = b.rate.take(full, now)
	return g
}

// makeRoom forgets buckets that are full again, a few at each new key, and one that is not if it must.
func (s *shard) makeRoom(now time.Duration) {
	if s.full == nil {
		s.full = make(map[uint64]time.Duration)
		return
	}
	const atHand = 8
	seen, soonest, least := 0, uint64(0), time.Duration(math.MaxInt64)
	for key, full := range s.full {
		switch {
		case full <= now:
			delete(s.full, key)
		case full < least:
			soonest, least = key, full
		}
		if seen++; seen == atHand {
			break
		}
	}
	if len(s.full) >= shardSize {
		delete(s.full, soonest)
	}
}

// size is how many buckets are remembered.
func (b *buckets) size() (n int) {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		n += len(s.full)
		s.mu.Unlock()
	}
	return n
}

func appendSeconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendInt(dst, int64((d+time.Second-1)/time.Second), 10)
}

package backends

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/outbound"
)

const (
	maxStrikes = 3                // answers in a row that a host may owe before it rests
	firstRest  = time.Second      // of a host that could not be reached
	longRest   = 30 * time.Second // what the doubling rests grow to
	patience   = 10 * time.Second // after a rest, during which only requests that can be repeated try the host
)

// health is what we know of a host from how it answers. A host that cannot be reached, or owes several answers in a row,
// rests; when its rest ends one request tries it, and the others wait for what becomes of that (security.md 41).
type health struct {
	rest   atomic.Pointer[time.Time] // when its rest ends or has ended; nil: it is fine
	trying atomic.Bool               // a request tries it after its rest
	down   atomic.Int32              // so many health checks say that it is

	strikes atomic.Int32
	mu      sync.Mutex
	rests   int // in a row
}

// fit says whether a host may be asked now, and whether that is a try.
func (h *health) fit(now time.Time, repeatable bool) (ok, try bool) {
	if h.down.Load() > 0 {
		return false, false
	}
	rest := h.rest.Load()
	switch {
	case rest == nil:
		return true, false
	case now.Before(*rest), h.trying.Load(), !repeatable && now.Before(rest.Add(patience)):
		return false, false
	}
	return true, true
}

// learn takes down how an exchange began: err is that of the round trip, nil once the head of an answer is here.
func (h *health) learn(ctx context.Context, err error) {
	switch blame(ctx, err) {
	case blameNobody:
		h.trying.Store(false)
	case blameNone:
		if h.rest.Load() != nil || h.strikes.Load() > 0 {
			h.recover()
		}
	case blameStrike:
		h.strike(1)
	case blameGone:
		h.strike(maxStrikes)
	}
}

type blamed int

const (
	blameNone   blamed = iota // it answered
	blameNobody               // it had no say in it
	blameStrike               // it owes an answer
	blameGone                 // it is not there
)

// blame says what an error tells of a host.
func blame(ctx context.Context, err error) blamed {
	if err == nil {
		return blameNone
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return blameNobody
	}
	switch outbound.ReasonOf(err) {
	case outbound.Refused, outbound.DNS, outbound.TLS:
		return blameGone
	case outbound.Reset, outbound.Timeout, outbound.BadReply:
		return blameStrike
	}
	return blameNobody
}

func (h *health) recover() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.strikes.Store(0)
	h.rests = 0
	h.rest.Store(nil)
	h.trying.Store(false)
}

func (h *health) strike(n int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	rest := h.rest.Load()
	if rest != nil && now.Before(*rest) {
		return // it rests already; this one had begun before
	}
	if h.strikes.Add(n) < maxStrikes && rest == nil {
		return
	}
	pause := min(firstRest<<min(h.rests, 8), longRest)
	until := now.Add(pause*9/10 + rand.N(pause/5))
	h.rests++
	h.rest.Store(&until)
	h.trying.Store(false)
}

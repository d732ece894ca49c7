package validator

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxWait     = 1800 * time.Millisecond // how long a request waits for keys: it is answered within 2 s
	forcedPause = 30 * time.Second        // between fetches that tokens of unknown keys ask for
	firstPause  = time.Second             // between attempts while no keys ever came
	maxPause    = 30 * time.Second        // between attempts while old keys still work
)

// remote is a key set that is fetched (security.md 16 to 19). Requests read it without a lock; one goroutine refreshes it
// ahead of its expiry; a token that it does not know asks for a fetch, at most every 30 s.
type remote struct {
	from   *fetcher
	log    *slog.Logger
	losses *atomic.Int64 // see Keys
	set    atomic.Pointer[keySet]

	mu       sync.Mutex
	wish     wish          // of all users
	flying   *flight       // the fetch in the air
	tried    time.Time     // when the last one began
	had      time.Time     // when the fetch began that brought what the last one got: our own, or somebody else's
	forced   time.Time     // when a request last asked for one
	says     time.Duration // how long its server calls the set fresh; 0: it does not say
	due      time.Time     // when the set should be fetched again
	failures int           // since the last success
	err      error         // of the last attempt
	warned   string        // the odd keys that have been told of
	running  bool
	stopped  bool

	ctx    context.Context
	cancel context.CancelFunc
	nudge  chan struct{}
	tasks  sync.WaitGroup
}

// flight is one fetch in the air.
type flight struct {
	began time.Time
	done  chan struct{}
}

func newRemote(from *fetcher, log *slog.Logger, losses *atomic.Int64) *remote {
	r := &remote{from: from, losses: losses, log: log.With("keys", from.name()), nudge: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

func (r *remote) current() *keySet { return r.set.Load() }

func (r *remote) tune(w wish) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if set := r.set.Load(); set != nil && w.fresh != r.wish.fresh {
		r.due = set.fetched.Add(jitter(r.span(w)))
	}
	r.wish = w
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// span is how long the set that is here may be called fresh.
func (r *remote) span(w wish) time.Duration {
	if r.says == 0 {
		return w.fresh
	}
	return min(w.fresh, r.says)
}

// jitter is when to refresh what is fresh for so long: between 80 and 90 percent of it, so that many gateways do not ask
// at once.
func jitter(fresh time.Duration) time.Duration {
	return fresh*8/10 + rand.N(fresh/10+1)
}

func (r *remote) start() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running || r.stopped {
		return nil
	}
	r.running = true
	f := r.launch(r.window())
	r.tasks.Go(r.refresh)
	return f.done
}

func (r *remote) stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.cancel()
	r.tasks.Wait()
	r.from.close()
	r.set.Swap(nil).retire(nil)
}

// refresh keeps the set fresh until the end.
func (r *remote) refresh() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.nudge:
		case <-timer.C:
		}
		timer.Reset(r.step())
	}
}

// step does what is due and says when to look again.
func (r *remote) step() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.forget(now)
	if f := r.flying; f != nil {
		return time.Until(f.began.Add(fetchTimeout + time.Second)) // its end nudges
	}
	if wait := r.next().Sub(now); wait > 0 {
		return min(wait, maxPause)
	}
	r.launch(r.window())
	return fetchTimeout
}

// window is how long ago somebody else may have fetched what is due now.
func (r *remote) window() time.Duration {
	if r.set.Load() == nil || r.failures > 0 {
		return firstPause
	}
	return r.span(r.wish) / 5
}

// next is when to try again.
func (r *remote) next() time.Time {
	switch {
	case r.tried.IsZero():
		return time.Time{}
	case r.set.Load() == nil:
		return r.tried.Add(firstPause)
	case r.failures > 0:
		pause := min(firstPause<<min(r.failures-1, 5), maxPause)
		return r.tried.Add(pause*8/10 + rand.N(pause/5))
	}
	return r.due
}

// forget drops a set that is too old to be believed.
func (r *remote) forget(now time.Time) {
	if set := r.set.Load(); set != nil && now.Sub(set.fetched) > r.wish.stale && r.failures > 0 {
		r.set.Store(nil)
		set.retire(nil)
		r.log.Error("keys dropped: their provider has not answered for too long", "age", now.Sub(set.fetched).Round(time.Second))
	}
}

// launch begins a fetch. The lock is held and none is in the air.
func (r *remote) launch(window time.Duration) *flight {
	after := r.had
	f := &flight{began: time.Now(), done: make(chan struct{})}
	r.flying, r.tried = f, f.began
	r.tasks.Go(func() { r.fly(f, after, window) })
	return f
}

// fly fetches once and takes what came, if it is any good. Nothing that is no good replaces anything.
func (r *remote) fly(f *flight, after time.Time, window time.Duration) {
	got := r.from.fetch(r.ctx, after, window)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying, r.had = nil, got.began
	defer close(f.done)
	select {
	case r.nudge <- struct{}{}:
	default:
	}
	if r.stopped {
		return
	}
	if got.set != nil {
		r.tell(got.set.Skipped)
	}
	if got.err != nil {
		r.fail(got.err)
		return
	}
	old := r.set.Load()
	set := newKeySet(got.set.Keys, old, got.began, r.losses)
	r.says = got.says
	r.due = got.began.Add(jitter(r.span(r.wish)))
	r.set.Store(set)
	old.retire(set)
	if old == nil || r.failures > 0 {
		r.log.Info("keys fetched", "usable", len(set.keys), "attempts", r.failures+1)
	}
	r.failures, r.err = 0, nil
}

// fail notes a failure; it is told once, not with every attempt.
func (r *remote) fail(err error) {
	if r.failures == 0 {
		r.log.Warn("keys cannot be fetched", "why", err, "old_keys", r.set.Load() != nil)
	} else {
		r.log.Debug("keys still cannot be fetched", "why", err)
	}
	r.failures++
	r.err = err
}

// tell warns of the odd keys of a set, once.
func (r *remote) tell(skipped []error) {
	text := errors.Join(skipped...)
	if text == nil {
		r.warned = ""
		return
	}
	if text.Error() != r.warned {
		r.warned = text.Error()
		r.log.Warn("keys that cannot be used", "why", strings.Split(r.warned, "\n"))
	}
}

// renew waits for a newer set, and asks for one where that is allowed.
func (r *remote) renew(ctx context.Context, seen *keySet, came time.Time) (*keySet, error) {
	r.start()
	r.mu.Lock()
	set, f := r.set.Load(), r.flying
	switch {
	case set != seen, set != nil && set.fetched.After(came):
		r.mu.Unlock()
		return set, nil
	case f != nil:
	case set == nil || r.stopped, !r.forced.IsZero() && time.Since(r.forced) < forcedPause:
		r.mu.Unlock()
		return set, nil
	default:
		r.forced = time.Now()
		f = r.launch(forcedPause)
	}
	r.mu.Unlock()
	timer := time.NewTimer(maxWait - time.Since(came))
	defer timer.Stop()
	select {
	case <-f.done:
		return r.set.Load(), nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return seen, errWaited()
}

func (r *remote) status() KeyStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := KeyStatus{From: r.from.name()}
	if r.err != nil {
		s.Error = r.err.Error()
	}
	r.set.Load().describe(&s)
	return s
}

func (s *keySet) describe(into *KeyStatus) {
	if s == nil {
		return
	}
	into.Since = s.fetched
	for _, key := range s.keys {
		into.Kids = append(into.Kids, key.ID)
	}
}

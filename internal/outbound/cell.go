package outbound

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Life is how long a fetched value may be used.
type Life struct {
	Span    time.Duration // from now on; 0: CellOptions.Span
	Refresh time.Duration // when to fetch ahead, from now on; 0: at 70 to 80 % of Span
}

// CellOptions are the rules of a [Cell].
type CellOptions[T any] struct {
	// Fetch gets a new value. Its context ends after Timeout and with the cell; it need not be obeyed.
	Fetch func(ctx context.Context) (T, Life, error)

	Timeout     time.Duration // of one fetch; 0: 5 s
	Span        time.Duration // the life of a value that does not say; 0: 5 min
	MaxStale    time.Duration // how much longer it is used while renewal fails; 0: not at all
	MinInterval time.Duration // between forced refreshes, those beside one that hangs too; 0: 30 s
	RetryMin    time.Duration // between attempts while failing, at least; 0: 1 s
	RetryMax    time.Duration // what the doubling pauses between attempts in the background grow to; 0: 30 s
	OnlyIfUsed  bool          // renew ahead only what was asked for since it was fetched

	// Failed is told of each failed attempt, for the log; may be nil. It must not call the cell.
	Failed func(err error)
}

// Cell holds one value that is fetched from outside: by one caller at a time, ahead of its expiry in the background.
// Nobody waits while a usable value lives. Attempts that fail are repeated at most once every RetryMin. A slow attempt has
// the source for itself for as long as everybody waits for it; once somebody who waited has left without a value, or an
// attempt has run out of its time, it may be one that hangs for ever: the next one starts beside it, RetryMin after it at the
// earliest. Then the first of them is left to end by itself, since a slow source is one too, and each later one takes the
// place of the one before: two run at most. Nothing is fetched before the first call.
type Cell[T any] struct {
	opt   CellOptions[T]
	held  atomic.Pointer[held[T]]
	used  atomic.Bool // since the last fetch; kept only for OnlyIfUsed
	sleep atomic.Bool // the background stopped because nobody asked

	mu       sync.Mutex
	refs     int
	ctx      context.Context
	cancel   context.CancelFunc
	removed  func()        // tells the owner of the last Close
	changed  chan struct{} // closed, and made anew, when an attempt has ended
	newest   *attempt      // that runs; nil: none
	patient  *attempt      // an earlier one that runs, left to end by itself; nil: none
	lost     bool          // what runs may hang: somebody's time was up meanwhile
	timer    *time.Timer   // the next attempt in the background
	next     time.Time     // when it is due
	count    int           // attempts
	began    time.Time     // the last one
	failed   int           // the number of the last one that failed
	err      error         // its error; nil once one succeeded
	failures int           // in a row
	forced   time.Time     // the last forced refresh
}

type held[T any] struct {
	value   T
	attempt int // whose value it is
	fetched time.Time
	expires time.Time
	dead    time.Time // expires + MaxStale
}

// NotReady says that there is no usable value, why, and when the next attempt may be made.
type NotReady struct {
	RetryIn time.Duration
	Err     error
}

func (e *NotReady) Error() string { return e.Err.Error() }
func (e *NotReady) Unwrap() error { return e.Err }

// ErrTooSoon is what Refresh says within MinInterval of the last one.
var ErrTooSoon = errors.New("refreshed only a moment ago")

// NewCell makes a cell with one reference.
func NewCell[T any](opt CellOptions[T]) *Cell[T] {
	opt.Timeout = orDefault(opt.Timeout, 5*time.Second)
	opt.Span = orDefault(opt.Span, 5*time.Minute)
	opt.MinInterval = orDefault(opt.MinInterval, 30*time.Second)
	opt.RetryMin = orDefault(opt.RetryMin, time.Second)
	opt.RetryMax = max(orDefault(opt.RetryMax, 30*time.Second), opt.RetryMin)
	c := &Cell[T]{opt: opt, refs: 1, changed: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background()) //nolint:gosec // Close calls it
	return c
}

// Get is the value. It waits only while there is no usable one; then it ends with ctx, or with a [*NotReady] when the
// attempt that it waited for failed, or one failed less than RetryMin ago.
func (c *Cell[T]) Get(ctx context.Context) (T, error) {
	if h := c.live(); h != nil {
		c.touch()
		return h.value, nil
	}
	return c.wait(ctx)
}

// Peek is the value if a usable one is here; it never waits and starts nothing.
func (c *Cell[T]) Peek() (T, bool) {
	if h := c.live(); h != nil {
		return h.value, true
	}
	var none T
	return none, false
}

// Warm starts the first fetch without waiting for it.
func (c *Cell[T]) Warm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refs > 0 && c.newest == nil && c.began.IsZero() {
		c.start()
	}
}

func (c *Cell[T]) live() *held[T] {
	if h := c.held.Load(); h != nil && time.Now().Before(h.dead) {
		return h
	}
	return nil
}

// touch notes that the value is in use, and wakes a background that had gone to sleep.
func (c *Cell[T]) touch() {
	if !c.opt.OnlyIfUsed || c.used.Load() {
		return
	}
	c.used.Store(true)
	if !c.sleep.Swap(false) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refs > 0 && c.newest == nil {
		c.start()
	}
}

// wait is Get without a usable value.
func (c *Cell[T]) wait(ctx context.Context) (T, error) {
	var none T
	c.used.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	arrived := c.count
	for {
		if h := c.live(); h != nil {
			return h.value, nil
		}
		if c.refs == 0 {
			return none, &Error{Reason: Canceled, Err: ErrClosed}
		}
		since := time.Since(c.began)
		if c.newest == nil {
			if c.err != nil && (since < c.opt.RetryMin || c.failed > arrived) {
				return none, &NotReady{RetryIn: max(0, c.opt.RetryMin-since), Err: c.err}
			}
			c.start()
		}
		if err := c.awaitAttempt(ctx, true); err != nil {
			return none, err
		}
	}
}

// awaitAttempt waits for the attempt that runs, and for one beside it where that may be.
func (c *Cell[T]) awaitAttempt(ctx context.Context, beside bool) error {
	patience := c.opt.Timeout
	if c.lost && beside {
		if time.Since(c.began) >= c.opt.RetryMin {
			c.start() // beside the one that hangs
		}
		patience = c.opt.RetryMin - time.Since(c.began)
	}
	err := c.await(ctx, patience)
	if err != nil && beside && ReasonOf(err) == Timeout && c.newest != nil && !c.lost {
		c.lost = true
		c.wake()
	}
	return err
}

// wake has everybody who waits look again; the lock is held.
func (c *Cell[T]) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// await gives the lock up until an attempt has ended, ctx has, or patience is over.
func (c *Cell[T]) await(ctx context.Context, patience time.Duration) error {
	changed := c.changed
	c.mu.Unlock()
	defer c.mu.Lock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return failContext(ctx, "waiting for a value")
	}
	return nil
}

// Refresh fetches although a usable value lives, for a caller that has reason to think it outdated. Enough tells whether
// a value is what the caller needs (nil: only one fetched from now on); a fetch that runs already is waited for. It
// returns the best value there is, with ErrTooSoon if a refresh was forced less than MinInterval ago, or the error of the
// attempt. Meanwhile Get goes on with the value that lives.
func (c *Cell[T]) Refresh(ctx context.Context, enough func(T) bool) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	arrived := c.count
	for {
		h := c.live()
		switch {
		case h == nil:
			c.mu.Unlock()
			v, err := c.wait(ctx)
			c.mu.Lock()
			return v, err
		case h.attempt > arrived, enough != nil && enough(h.value):
			return h.value, nil
		case c.refs == 0:
			return h.value, &Error{Reason: Canceled, Err: ErrClosed}
		case c.newest != nil:
		case c.err != nil && c.failed > arrived:
			return h.value, c.err
		case !c.forced.IsZero() && time.Since(c.forced) < c.opt.MinInterval:
			return h.value, ErrTooSoon
		default:
			c.forced = time.Now()
			c.start()
		}
		if err := c.awaitAttempt(ctx, c.opt.MinInterval <= c.opt.RetryMin); err != nil {
			return h.value, err
		}
	}
}

// CellState is what a cell looks like from outside.
type CellState struct {
	Usable   bool
	Age      time.Duration // since the value was fetched
	Left     time.Duration // until it expires; negative: it is stale
	Failures int           // in a row
	Err      error         // the last failure; nil once an attempt succeeded
}

// State is a snapshot for logs, metrics and health checks.
func (c *Cell[T]) State() CellState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := CellState{Failures: c.failures, Err: c.err}
	if h := c.held.Load(); h != nil {
		s.Usable = time.Now().Before(h.dead)
		s.Age, s.Left = time.Since(h.fetched), time.Until(h.expires)
	}
	return s
}

package outbound

import (
	"context"
	"sync"
	"time"
)

// Limit is a context with a deadline that costs nothing until somebody waits for it: the timer, the channel and the place
// among the parent's children are made by the first Done. Exchanges of this package that end soon never ask for it, so
// that a request which needs a deadline pays an allocation and not a microsecond. To everybody else it is an ordinary
// context.
type Limit struct {
	parent   context.Context
	deadline time.Time

	mu    sync.Mutex
	full  context.Context // made by the first Done
	end   context.CancelFunc
	ended bool
}

// NewLimit makes a context that ends with its parent, after d, or by End, which is called in any case.
func NewLimit(parent context.Context, d time.Duration) *Limit {
	l := &Limit{parent: parent, deadline: time.Now().Add(d)}
	if sooner, ok := parent.Deadline(); ok && sooner.Before(l.deadline) {
		l.deadline = sooner
	}
	return l
}

// Deadline follows context.Context.
func (l *Limit) Deadline() (time.Time, bool) { return l.deadline, true }

// Done follows context.Context.
func (l *Limit) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full == nil {
		l.full, l.end = context.WithDeadline(l.parent, l.deadline)
		if l.ended {
			l.end()
		}
	}
	return l.full.Done()
}

// Err follows context.Context.
func (l *Limit) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil {
		return l.full.Err()
	}
	if err := l.parent.Err(); err != nil {
		return err
	}
	if l.ended {
		return context.Canceled
	}
	if !time.Now().Before(l.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value follows context.Context.
func (l *Limit) Value(key any) any {
	l.mu.Lock()
	from := l.full
	l.mu.Unlock()
	if from == nil {
		from = l.parent
	}
	return from.Value(key)
}

// End gives back what the context holds; it is a cancel to those who still wait.
func (l *Limit) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.end != nil {
		l.end()
	}
}

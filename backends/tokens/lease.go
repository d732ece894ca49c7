package tokens

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/outbound"
)

const (
	pace      = time.Second     // between two attempts to get a token while they fail, at least
	maxLife   = 24 * time.Hour  // after which any token is renewed, whatever its issuer says
	minLife   = time.Second     // for which any token is used
	lifeAsked = 5 * time.Minute // of a token whose issuer says nothing
)

// Token is one access token. It never changes.
type Token struct {
	Value string // of the header: "Bearer …"
	born  time.Time
	life  time.Duration
}

func newToken(value string, life time.Duration) *Token {
	return &Token{Value: value, born: time.Now(), life: min(max(life, minLife), maxLife)}
}

// Age is how long we have had it.
func (t *Token) Age() time.Duration { return time.Since(t.born) }

// span is when it is renewed, at 80 % of its life and not everybody at once, and when it ends.
func (t *Token) span() outbound.Life {
	ahead := 0.78 + 0.04*rand.Float64()
	return outbound.Life{Span: t.life, Refresh: time.Duration(ahead * float64(t.life))}
}

// Lease is a token that is kept fresh: fetched by one caller at a time with everybody else waiting until their own
// deadline, renewed ahead of its end while it is used, served on while its renewal fails (security.md 34).
type Lease struct {
	cell *outbound.Cell[*Token]
	name string

	mu      sync.Mutex
	refused time.Time // when a refusal was last acted upon
	spare   float64   // refusals that may still be acted upon at once
}

// maxSpare is how many refusals are acted upon at once; after that it is one a second.
const maxSpare = 5

// newLease makes a lease of a token that ask asks for once.
func newLease(name string, timeout time.Duration, log *slog.Logger, ask func(context.Context) (*Token, error)) *Lease {
	var failing atomic.Bool
	return &Lease{name: name, cell: outbound.NewCell(outbound.CellOptions[*Token]{
		Fetch: func(ctx context.Context) (*Token, outbound.Life, error) {
			t, err := ask(ctx)
			if err != nil {
				return nil, outbound.Life{}, err
			}
			if failing.CompareAndSwap(true, false) {
				log.Info("token endpoint answers again", "credential", name)
			}
			return t, t.span(), nil
		},
		Timeout:     timeout,
		MinInterval: 1, // see Lease.Replace
		RetryMin:    pace,
		OnlyIfUsed:  true,
		Failed: func(err error) {
			if failing.CompareAndSwap(false, true) {
				log.Warn("no token", "credential", name, "error", err.Error())
			}
		},
	})}
}

// Get is a token that lives, the same for every caller.
func (l *Lease) Get(ctx context.Context, _ string) (*Token, error) {
	t, err := l.cell.Get(ctx)
	if err != nil {
		return nil, l.failure(ctx, err)
	}
	return t, nil
}

// Replace is a token other than the one that a backend has refused; nil if none may be asked for again so soon. Others go
// on with the refused one meanwhile: it may be good enough for them.
func (l *Lease) Replace(ctx context.Context, _ string, refused *Token) (*Token, error) {
	if t, ok := l.cell.Peek(); ok && t == refused && !l.act() {
		return nil, nil
	}
	t, err := l.cell.Refresh(ctx, func(t *Token) bool { return t != refused })
	if err != nil {
		return nil, l.failure(ctx, err)
	}
	if t.Value == refused.Value {
		return nil, nil
	}
	return t, nil
}

// act reports whether a refusal may be acted upon now.
func (l *Lease) act() bool {
	if l.cell.State().Err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.spare = min(maxSpare, l.spare+now.Sub(l.refused).Seconds())
	if l.spare < 1 {
		return false
	}
	l.spare--
	l.refused = now
	return true
}

// Failure is why there is no token.
type Failure struct {
	Refused    bool          // the caller's own token is not taken for an exchange; false: the endpoint has none for us
	RetryAfter time.Duration // 0: not known
	Err        error
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// failure says why there is no token. A caller whose time is up learns that it was the token that it waited for.
func (l *Lease) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return ctx.Err()
	}
	wait := pace
	var not *outbound.NotReady
	if errors.As(err, &not) {
		wait = max(wait, not.RetryIn)
	}
	return &Failure{RetryAfter: wait, Err: fmt.Errorf("no token of %s: %w", l.name, err)}
}

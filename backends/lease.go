package backends

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

// token is one access token. It never changes.
type token struct {
	value string // of the header: "Bearer …"
	born  time.Time
	life  time.Duration
}

func newToken(value string, life time.Duration) *token {
	return &token{value: value, born: time.Now(), life: min(max(life, minLife), maxLife)}
}

// span is when it is renewed, at 80 % of its life and not everybody at once, and when it ends.
func (t *token) span() outbound.Life {
	ahead := 0.78 + 0.04*rand.Float64()
	return outbound.Life{Span: t.life, Refresh: time.Duration(ahead * float64(t.life))}
}

// lease is a token that is kept fresh: fetched by one caller at a time with everybody else waiting until their own
// deadline, renewed ahead of its end while it is used, served on while its renewal fails (security.md 34).
type lease struct {
	*outbound.Cell[*token]
	name string

	mu      sync.Mutex
	refused time.Time // when a refusal was last acted upon
	spare   float64   // refusals that may still be acted upon at once
}

// maxSpare is how many refusals are acted upon at once; after that it is one a second.
const maxSpare = 5

// newLease makes a lease of a token that ask asks for once.
func newLease(name string, timeout time.Duration, log *slog.Logger, ask func(context.Context) (*token, error)) *lease {
	var failing atomic.Bool
	return &lease{name: name, Cell: outbound.NewCell(outbound.CellOptions[*token]{
		Fetch: func(ctx context.Context) (*token, outbound.Life, error) {
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
		MinInterval: 1, // see lease.replace
		RetryMin:    pace,
		OnlyIfUsed:  true,
		Failed: func(err error) {
			if failing.CompareAndSwap(false, true) {
				log.Warn("no token", "credential", name, "error", err.Error())
			}
		},
	})}
}

// get is a token that lives.
func (l *lease) get(ctx context.Context) (*token, error) {
	t, err := l.Get(ctx)
	if err != nil {
		return nil, l.failure(ctx, err)
	}
	return t, nil
}

// replace is a token other than the one that a backend has refused; nil if none may be asked for again so soon. Others go
// on with the refused one meanwhile: it may be good enough for them.
func (l *lease) replace(ctx context.Context, refused *token) (*token, error) {
	if t, ok := l.Peek(); ok && t == refused && !l.act() {
		return nil, nil
	}
	t, err := l.Refresh(ctx, func(t *token) bool { return t != refused })
	if err != nil {
		return nil, l.failure(ctx, err)
	}
	if t.value == refused.value {
		return nil, nil
	}
	return t, nil
}

// act reports whether a refusal may be acted upon now.
func (l *lease) act() bool {
	if l.State().Err != nil {
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

// failure says why there is no token. A caller whose time is up learns that it was the token that it waited for.
func (l *lease) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return ctx.Err()
	}
	wait := pace
	var not *outbound.NotReady
	if errors.As(err, &not) {
		wait = max(wait, not.RetryIn)
	}
	return &Failure{Reason: ReasonToken, RetryAfter: wait, Err: fmt.Errorf("no token of %s: %w", l.name, err)}
}

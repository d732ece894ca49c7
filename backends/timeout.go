package backends

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// Clock is the time that a fetch has. That of a stream runs until the head of its answer comes, and begins anew as long as
// the client's body moves.
type Clock struct {
	span  time.Duration
	timer *time.Timer // of a stream; nil: the context has a deadline
	stop  context.CancelCauseFunc
	end   context.CancelFunc
	moved atomic.Int64 // when it began anew, in Unix nanoseconds
}

// Within bounds a fetch by d. Call [Clock.HeadCame] for a stream: what is left of it ends with its parent or with
// [Clock.End], which is called in any case.
func Within(parent context.Context, d time.Duration, stream bool) (context.Context, *Clock) {
	if !stream {
		ctx, end := context.WithTimeout(parent, d)
		return ctx, &Clock{end: end}
	}
	ctx, stop := context.WithCancelCause(parent)
	return ctx, &Clock{span: d, stop: stop, timer: time.AfterFunc(d, func() { stop(context.DeadlineExceeded) })}
}

// HeadCame takes the limit off a stream.
func (c *Clock) HeadCame() {
	if c.timer != nil {
		c.timer.Stop()
	}
}

// End gives back what the clock holds.
func (c *Clock) End() {
	if c.timer == nil {
		c.end()
		return
	}
	c.timer.Stop()
	c.stop(nil)
}

// Follow makes the body of a stream wind the clock while it moves: a long upload is no silence.
func (c *Clock) Follow(b *Body) {
	if c.timer != nil && b.Stream != nil {
		b.Stream = &winder{b.Stream, c}
	}
}

// winder winds a clock whenever something is read.
type winder struct {
	io.Reader
	clock *Clock
}

// windings are how often a clock is wound in its span, at most.
const windings = 8

func (w *winder) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n == 0 {
		return n, err
	}
	c := w.clock
	now := time.Now().UnixNano()
	if last := c.moved.Load(); now-last > int64(c.span)/windings && c.moved.CompareAndSwap(last, now) && c.timer.Stop() {
		c.timer.Reset(c.span)
	}
	return n, err
}

// withTimeout gives a backend its own time, within that of its endpoint.
func withTimeout(d time.Duration, stream bool, next Fetch) Fetch {
	return func(ctx context.Context, req *Request) (*Response, error) {
		limited, clock := Within(ctx, d, stream)
		if stream && req.Body.Stream != nil {
			own := *req
			clock.Follow(&own.Body)
			req = &own
		}
		res, err := next(limited, req)
		clock.HeadCame()
		if err != nil {
			var f *Failure
			if ctx.Err() == nil && limited.Err() != nil && errors.As(err, &f) {
				f.Reason = ReasonTimeout
			}
			clock.End()
			return nil, err
		}
		res.OnClose(clock.End)
		return res, nil
	}
}

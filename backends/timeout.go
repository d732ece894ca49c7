package backends

import (
	"context"
	"errors"
	"time"
)

// Within bounds a fetch by d. Of a stream only the time until its head comes is bounded: call headCame then, and what
// is left ends with its parent or with cancel.
func Within(parent context.Context, d time.Duration, stream bool) (ctx context.Context, headCame func(), cancel context.CancelFunc) {
	if !stream {
		ctx, cancel = context.WithTimeout(parent, d)
		return ctx, func() {}, cancel
	}
	ctx, stop := context.WithCancelCause(parent)
	timer := time.AfterFunc(d, func() { stop(context.DeadlineExceeded) })
	return ctx, func() { timer.Stop() }, func() { timer.Stop(); stop(nil) }
}

// withTimeout gives a backend its own time, within that of its endpoint.
func withTimeout(d time.Duration, stream bool, next Fetch) Fetch {
	return func(ctx context.Context, req *Request) (*Response, error) {
		limited, headCame, cancel := Within(ctx, d, stream)
		res, err := next(limited, req)
		headCame()
		if err != nil {
			var f *Failure
			if ctx.Err() == nil && limited.Err() != nil && errors.As(err, &f) {
				f.Reason = ReasonTimeout
			}
			cancel()
			return nil, err
		}
		res.OnClose(cancel)
		return res, nil
	}
}

package backends

import (
	"context"
	"errors"
	"io"
	"time"
)

// Follow makes the body of a stream wind the clock while it moves: a long upload is no silence.
func (c *Clock) Follow(b *Body) {
	if c.stream && b.Stream != nil {
		b.Stream = &winder{b.Stream, c}
	}
}

// winder winds a clock whenever something is read.
type winder struct {
	io.Reader
	clock *Clock
}

func (w *winder) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.clock.wind()
	}
	return n, err
}

// withTimeout gives a backend its own time, within that of its endpoint.
func withTimeout(d time.Duration, stream bool, next Fetcher) Fetcher {
	return FetchFunc(func(ctx context.Context, req *Request) (*Response, error) {
		clock := Within(ctx, d, stream)
		if stream && req.Body.Stream != nil {
			own := *req
			clock.Follow(&own.Body)
			req = &own
		}
		res, err := next.Fetch(clock, req)
		clock.HeadCame()
		if err != nil {
			var f *Failure
			if ctx.Err() == nil && clock.Err() != nil && errors.As(err, &f) {
				f.Reason = ReasonTimeout
			}
			clock.End()
			return nil, err
		}
		res.OnClose(clock.End)
		return res, nil
	})
}

package outbound

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"
)

// watch gives an exchange of net/http the clocks of a [Request]: HeadBy until the head, then IdleTimeout for each read.
type watch struct {
	outer  context.Context
	ctx    context.Context // what net/http sees
	cancel context.CancelCauseFunc
	stop   func() bool
	idle   time.Duration
	timer  *time.Timer // of the head, then of each read; nil: none
	head   atomic.Bool // has been read
	upload atomic.Pointer[error]
}

func newWatch(ctx context.Context, req *Request) *watch {
	w := &watch{outer: ctx, idle: req.IdleTimeout}
	if w.idle <= 0 {
		w.ctx, w.cancel = context.WithCancelCause(ctx)
	} else {
		// The deadline of ctx is to end with the head, its cancel is not.
		w.ctx, w.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		w.stop = context.AfterFunc(ctx, func() {
			if !w.head.Load() || ctx.Err() != context.DeadlineExceeded {
				w.cancel(context.Cause(ctx))
			}
		})
	}
	if !req.HeadBy.IsZero() {
		w.timer = time.AfterFunc(time.Until(req.HeadBy), w.expire)
	}
	return w
}

func (w *watch) expire() { w.cancel(context.DeadlineExceeded) }

// traced adds the callback for informational answers.
func (w *watch) traced(req *Request) context.Context {
	if req.Informational == nil {
		return w.ctx
	}
	return httptrace.WithClientTrace(w.ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code != 100 && code != 101 {
			req.Informational(code, fieldsOf(map[string][]string(h)))
		}
		return nil
	}})
}

func (w *watch) headRead() {
	w.head.Store(true)
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// end lets go of everything.
func (w *watch) end() {
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.stop != nil {
		w.stop()
	}
	w.cancel(nil)
}

// fail puts an error of net/http in our terms.
func (w *watch) fail(err error, during string) *Error {
	var own *Error
	var name interface{ Timeout() bool }
	switch {
	case w.ctx.Err() != nil:
		e := failContext(w.ctx, during)
		e.Sent = true
		return e
	case w.outer.Err() != nil && w.idle <= 0:
		e := failContext(w.outer, during)
		e.Sent = true
		return e
	case w.upload.Load() != nil:
		return &Error{Reason: Upload, Sent: true, Err: *w.upload.Load()}
	case errors.As(err, &own):
		return own
	case errors.As(err, &name) && name.Timeout():
		return &Error{Reason: Timeout, Sent: true, Err: err}
	}
	return cutShort(err, during)
}

// watched is a body of net/http under a watch.
type watched struct {
	body io.ReadCloser
	w    *watch
	err  error
	done func() // at its end
}

func (b *watched) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.w.idle > 0 {
		if b.w.timer == nil {
			b.w.timer = time.AfterFunc(b.w.idle, b.w.expire)
		} else {
			b.w.timer.Reset(b.w.idle)
		}
	}
	n, err := b.body.Read(p)
	if b.w.timer != nil {
		b.w.timer.Stop()
	}
	if err == io.EOF {
		b.done()
		b.err = io.EOF
		b.w.end()
	} else if err != nil {
		b.err = b.w.fail(err, "reading the answer's body")
		b.w.end()
	}
	if n > 0 {
		return n, nil
	}
	return n, b.err
}

func (b *watched) Close() error {
	if b.err == nil {
		b.err = errBodyClosed
	}
	b.w.end()
	return b.body.Close()
}

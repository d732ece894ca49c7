package backends

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	type world struct {
		parent context.Context
		leave  context.CancelFunc
		*Clock
	}
	// Each row is played twice: by somebody who has waited from the beginning, and by somebody who only asks at the end.
	for _, row := range []struct {
		name   string
		stream bool
		play   func(w world)
		err    error // at the end
		cause  error
	}{
		{"there is time left", false, func(world) { time.Sleep(time.Second - 1) }, nil, nil},
		{"the time is over", false, func(world) { time.Sleep(time.Second) }, context.DeadlineExceeded, context.DeadlineExceeded},
		{"the head of an answer does not end the time of a whole one", false, func(w world) { w.HeadCame(); time.Sleep(time.Second) }, context.DeadlineExceeded, context.DeadlineExceeded},
		{"the client leaves", false, func(w world) { w.leave() }, context.Canceled, context.Canceled},
		{"it was ended", false, func(w world) { w.End() }, context.Canceled, context.Canceled},
		{"a stream without a head", true, func(world) { time.Sleep(time.Second) }, context.Canceled, context.DeadlineExceeded},
		{"a stream whose head came in time", true, func(w world) { time.Sleep(time.Second - 1); w.HeadCame(); time.Sleep(time.Hour) }, nil, nil},
		{"a stream whose head came too late", true, func(w world) { time.Sleep(time.Second); _ = w.Err(); w.HeadCame() }, context.Canceled, context.DeadlineExceeded},
		{"a stream whose client leaves", true, func(w world) { w.HeadCame(); w.leave() }, context.Canceled, context.Canceled},
		{"a stream that was ended", true, func(w world) { w.HeadCame(); w.End() }, context.Canceled, context.Canceled},
		{"an upload that moves", true, func(w world) {
			b := Body{Stream: strings.NewReader(strings.Repeat("x", 100))}
			w.Follow(&b)
			for range 100 {
				time.Sleep(time.Second / 2)
				_, _ = b.Stream.Read(make([]byte, 1))
			}
		}, nil, nil},
		{"an upload that stopped", true, func(w world) {
			b := Body{Stream: strings.NewReader("x")}
			w.Follow(&b)
			time.Sleep(time.Second / 2)
			_, _ = b.Stream.Read(make([]byte, 1))
			time.Sleep(time.Second)
			_, _ = b.Stream.Read(make([]byte, 1)) // nothing came
		}, context.Canceled, context.DeadlineExceeded},
	} {
		for how, waits := range map[string]bool{"": false, ", and somebody waits": true} {
			t.Run(row.name+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, leave := context.WithCancel(t.Context())
					defer leave()
					w := world{parent, leave, Within(parent, time.Second, row.stream)}
					defer w.End()
					var child context.Context = w.Clock
					if waits {
						var cancel context.CancelFunc
						child, cancel = context.WithCancel(w.Clock)
						defer cancel()
					}
					row.play(w)
					synctest.Wait()
					if err := child.Err(); !errors.Is(err, row.err) {
						t.Errorf("got %v, want %v", err, row.err)
					}
					if cause := context.Cause(child); cause != row.cause {
						t.Errorf("got the cause %v, want %v", cause, row.cause)
					}
					select {
					case <-child.Done():
						if row.err == nil {
							t.Error("is done too early")
						}
					default:
						if row.err != nil {
							t.Error("is not done")
						}
					}
				})
			})
		}
	}
}

func TestClockIsBoundedByItsParent(t *testing.T) {
	parent, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	c := Within(parent, time.Minute, false)
	defer c.End()
	want, _ := parent.Deadline()
	if got, ok := c.Deadline(); !ok || !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// looker is a parent that knows of its end when it has looked.
type looker struct {
	context.Context
	waited, sees, gone bool
	err                error
}

func (l *looker) Err() error                { return l.err }
func (l *looker) Waited(time.Duration) bool { return l.waited }

func (l *looker) Look() bool {
	if l.sees && l.gone {
		l.err = context.Canceled
	}
	return l.sees
}

func TestAClockLooks(t *testing.T) {
	for _, c := range []struct {
		name   string
		parent *looker // nil: one that only tells who waits
		want   string
	}{
		{"a parent that only tells who waits", nil, "false <nil>"},
		{"the client is there", &looker{sees: true}, "true <nil>"},
		{"the client has gone", &looker{sees: true, gone: true}, "true context canceled"},
		{"the client cannot be seen", &looker{gone: true}, "false <nil>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parent := t.Context()
			if c.parent != nil {
				c.parent.Context, parent = parent, c.parent
			}
			endpoint := Within(parent, time.Minute, false)
			defer endpoint.End()
			backend := Within(endpoint, time.Minute, true)
			defer backend.End()
			if got := fmt.Sprint(backend.Look(), backend.Err()); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAClockKnowsWhoWaits(t *testing.T) {
	plain := func(ctx context.Context) *Clock { return Within(ctx, time.Minute, false) }
	for _, c := range []struct {
		name string
		made func(ctx context.Context) *Clock
		want bool
	}{
		{"nobody", func(ctx context.Context) *Clock { return plain(plain(ctx)) }, false},
		{"somebody for it", func(ctx context.Context) *Clock { c := plain(ctx); c.Done(); return c }, true},
		{"somebody for the one above", func(ctx context.Context) *Clock { c := plain(ctx); c.Done(); return plain(c) }, true},
		{"the client is watched", func(ctx context.Context) *Clock { return plain(plain(&looker{Context: ctx, waited: true})) }, true},
		{"the client is not", func(ctx context.Context) *Clock { return plain(plain(&looker{Context: ctx})) }, false},
		{"one that may be canceled between two", func(ctx context.Context) *Clock {
			between, cancel := context.WithCancel(plain(ctx))
			t.Cleanup(cancel)
			return plain(between)
		}, true},
		{"a stream with time", func(ctx context.Context) *Clock { return Within(ctx, time.Second, true) }, false},
		{"a stream without", func(ctx context.Context) *Clock { return Within(ctx, 20*time.Millisecond, true) }, true},
		{"a stream whose head has come", func(ctx context.Context) *Clock {
			c := Within(ctx, 20*time.Millisecond, true)
			c.HeadCame()
			return c
		}, false},
		{"above a stream there is one without time", func(ctx context.Context) *Clock {
			return Within(Within(ctx, 20*time.Millisecond, true), time.Second, true)
		}, true},
		{"an answer that is whole has a deadline", func(ctx context.Context) *Clock { return Within(ctx, 20*time.Millisecond, false) }, false},
	} {
		if got := c.made(t.Context()).Waited(30 * time.Millisecond); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkClock(b *testing.B) {
	parent, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		Within(parent, time.Second, false).End()
	}
}

package outbound

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A Limit behaves as context.WithTimeout does, whether or not somebody has asked for Done.
func TestLimit(t *testing.T) {
	errGone := errors.New("gone")
	rows := []struct {
		name  string
		limit time.Duration
		wait  time.Duration
		act   func(cancel context.CancelCauseFunc, l *Limit)
		err   error
		cause error
	}{
		{name: "alive", limit: time.Second, wait: time.Millisecond},
		{name: "its deadline has passed", limit: time.Second, wait: time.Second, err: context.DeadlineExceeded, cause: context.DeadlineExceeded},
		{name: "its parent's deadline has passed", limit: 20 * time.Second, wait: 10 * time.Second, err: context.DeadlineExceeded, cause: context.DeadlineExceeded},
		{name: "its parent was canceled", limit: time.Second, act: func(c context.CancelCauseFunc, _ *Limit) { c(errGone) }, err: context.Canceled, cause: errGone},
		{name: "it was ended", limit: time.Second, act: func(_ context.CancelCauseFunc, l *Limit) { l.End() }, err: context.Canceled, cause: context.Canceled},
	}
	type key struct{}
	for _, asked := range []bool{false, true} {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					top, stop := context.WithTimeout(context.WithValue(t.Context(), key{}, "v"), 10*time.Second)
					defer stop()
					parent, cancel := context.WithCancelCause(top)
					defer cancel(nil)
					l := NewLimit(parent, row.limit)
					defer l.End()
					if asked {
						l.Done()
					}
					child, cancelChild := context.WithCancel(l)
					defer cancelChild()
					if !asked {
						l = NewLimit(parent, row.limit) // one that nobody has asked yet
						defer l.End()
					}
					if row.act != nil {
						row.act(cancel, l)
					}
					time.Sleep(row.wait)
					synctest.Wait()
					if err := l.Err(); !errors.Is(err, row.err) {
						t.Errorf("got %v, want %v", err, row.err)
					}
					if cause := context.Cause(l); !errors.Is(cause, row.cause) {
						t.Errorf("got cause %v, want %v", cause, row.cause)
					}
					select {
					case <-l.Done():
						if row.err == nil {
							t.Error("done, want alive")
						}
					default:
						if row.err != nil {
							t.Errorf("not done, want %v", row.err)
						}
					}
					if asked && !errors.Is(child.Err(), row.err) {
						t.Errorf("got %v of a child, want %v", child.Err(), row.err)
					}
					if l.Value(key{}) != "v" {
						t.Error("lost a value of its parent")
					}
				})
			})
		}
	}
}

// Its deadline and the cancel of its parent reach exchanges, young and old.
func TestLimitOfAnExchange(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := newPool(t, Options{}, hanging)
			began := time.Now()
			l := NewLimit(t.Context(), after)
			_, err := p.RoundTrip(l, plainGet)
			l.End()
			if wantReason(t, err, Timeout); time.Since(began) != after {
				t.Errorf("took %v, want %v", time.Since(began), after)
			}
			parent, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			began = time.Now()
			l = NewLimit(parent, time.Hour)
			_, err = p.RoundTrip(l, plainGet)
			l.End()
			if wantReason(t, err, Canceled); time.Since(began) > after+round {
				t.Errorf("took %v, want %v", time.Since(began), after)
			}
		})
	}
}

func TestLimitIsSafeTogether(t *testing.T) {
	for range 100 {
		l := NewLimit(t.Context(), time.Minute)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { <-l.Done() })
			wg.Go(func() { l.Err(); l.Value("x") })
		}
		wg.Go(l.End)
		wg.Wait()
	}
}

func BenchmarkLimit(b *testing.B) {
	b.Run("limit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parent, cancel := context.WithCancel(context.Background())
			l := NewLimit(parent, time.Minute)
			l.Err()
			l.End()
			cancel()
		}
	})
	b.Run("with-timeout", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parent, cancel := context.WithCancel(context.Background())
			l, end := context.WithTimeout(parent, time.Minute)
			l.Err()
			end()
			cancel()
		}
	})
}

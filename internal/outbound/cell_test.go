package outbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("down")

// source is something to fetch from: it counts, and can be slow, down, hanging or deaf to its context.
type source struct {
	mu    sync.Mutex
	n     int
	took  time.Duration
	down  bool
	hangs bool
	life  Life
	times []time.Time
	now   atomic.Int64 // fetches running
	most  atomic.Int64
}

func (s *source) fetch(ctx context.Context) (int, Life, error) {
	s.now.Add(1)
	defer s.now.Add(-1)
	time.AfterFunc(1, func() { // by then one whose place this takes has ended
		if n := s.now.Load(); n > s.most.Load() {
			s.most.Store(n)
		}
	})
	s.mu.Lock()
	s.n++
	n, took, down, hangs, life := s.n, s.took, s.down, s.hangs, s.life
	s.times = append(s.times, time.Now())
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return 0, Life{}, ctx.Err()
	}
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return 0, Life{}, ctx.Err()
	}
	if down {
		return 0, Life{}, fmt.Errorf("attempt %d: %w", n, errDown)
	}
	return n, life, nil
}

func (s *source) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *source) fetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func (s *source) starts() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.times)
}

// bubble runs f with a cell under a fake clock.
func bubble(t *testing.T, opt CellOptions[int], f func(t *testing.T, c *Cell[int], s *source)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		opt.Fetch = s.fetch
		c := NewCell(opt)
		f(t, c, s)
		c.Close()
		synctest.Wait()
	})
}

func wantValue(t *testing.T, c *Cell[int], want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	got, err := c.Get(ctx)
	if err != nil || got != want || !time.Now().Equal(began) {
		t.Fatalf("got %d, %v after %v, want %d at once", got, err, time.Since(began), want)
	}
}

func TestCellFetchesOnceForEverybody(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.took = 500 * time.Millisecond
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if v, err := c.Get(t.Context()); v != 1 || err != nil {
					t.Errorf("got %d, %v, want 1", v, err)
				}
			})
		}
		wg.Wait()
		if s.fetches() != 1 {
			t.Errorf("got %d fetches, want 1", s.fetches())
		}
	})
}

func TestCellIsLazyAndCanBeWarmed(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		time.Sleep(time.Hour)
		if _, ok := c.Peek(); ok || s.fetches() != 0 {
			t.Fatal("fetched before the first call")
		}
		c.Warm()
		synctest.Wait()
		if v, ok := c.Peek(); !ok || v != 1 {
			t.Errorf("got %d, %v, want 1", v, ok)
		}
		c.Warm()
		synctest.Wait()
		if s.fetches() != 1 {
			t.Errorf("got %d fetches, want 1", s.fetches())
		}
	})
}

func TestCellRenewsAhead(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.life = Life{Span: 100 * time.Second}
		s.took = 900 * time.Millisecond
		if _, err := c.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 10000 { // not one caller waits in almost three hours
			time.Sleep(time.Second)
			if _, ok := c.Peek(); !ok {
				t.Fatal("no value")
			}
		}
		seen := map[time.Duration]bool{}
		times := s.starts()
		for i := 1; i < len(times); i++ {
			d := times[i].Sub(times[i-1]) - 900*time.Millisecond
			if seen[d] = true; d < 70*time.Second || d > 80*time.Second {
				t.Fatalf("renewed after %v, want 70 to 80 s", d)
			}
		}
		if len(seen) < 10 {
			t.Errorf("got %d different intervals of %d, want jitter", len(seen), len(times))
		}
	})
}

func TestCellObeysRefreshOfItsLife(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.life = Life{Span: time.Hour, Refresh: time.Minute}
		c.Get(t.Context())
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		wantValue(t, c, 2)
	})
}

func TestCellServesOnWhileRenewalFails(t *testing.T) {
	bubble(t, CellOptions[int]{MaxStale: time.Hour}, func(t *testing.T, c *Cell[int], s *source) {
		s.life = Life{Span: 10 * time.Minute}
		c.Get(t.Context())
		s.set(func() { s.down = true })
		for range 69 {
			time.Sleep(time.Minute)
			wantValue(t, c, 1)
		}
		if st := c.State(); !st.Usable || st.Left >= 0 || st.Failures == 0 || !errors.Is(st.Err, errDown) {
			t.Errorf("got %+v, want a stale, usable value", st)
		}
		time.Sleep(time.Minute)
		if _, ok := c.Peek(); ok {
			t.Error("still usable after MaxStale")
		}
		times := s.starts()
		for i := 2; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < time.Second || d > 30*time.Second {
				t.Fatalf("tried again after %v, want 1 to 30 s", d)
			}
		}
		if n := s.fetches(); n < 120 || n > 160 {
			t.Errorf("got %d attempts in an hour, want one in 30 s", n)
		}
		s.set(func() { s.down = false })
		time.Sleep(30 * time.Second)
		if _, ok := c.Peek(); !ok {
			t.Error("no value 30 s after the return")
		}
	})
}

func TestCellTriesHarderBeforeItsValueDies(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.life = Life{Span: time.Hour, Refresh: 45 * time.Minute}
		c.Get(t.Context())
		s.set(func() { s.down = true })
		time.Sleep(59*time.Minute + 50*time.Second)
		s.set(func() { s.down = false })
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if v, ok := c.Peek(); !ok || v == 1 {
			t.Errorf("got %d, %v, want a new value before the old one died", v, ok)
		}
	})
}

// Down from the start: one attempt a second, an answer at once in between, a value within a second of the return.
func TestCellDownAtStart(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.down = true
		for range 100 {
			began := time.Now()
			_, err := c.Get(t.Context())
			var not *NotReady
			if !errors.As(err, &not) || !errors.Is(err, errDown) || not.RetryIn > time.Second || !time.Now().Equal(began) {
				t.Fatalf("got %v after %v, want a NotReady at once", err, time.Since(began))
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := s.fetches(); n < 9 || n > 11 {
			t.Errorf("got %d attempts in 10 s, want one a second", n)
		}
		s.set(func() { s.down = false })
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := c.Get(t.Context()); err != nil {
			t.Errorf("got %v a second after the return", err)
		}
	})
}

// Hanging from the start: callers leave at their own deadline, at most one attempt a second is made, and one second after
// the return all is well although earlier attempts still hang.
func TestCellHangingAtStart(t *testing.T) {
	bubble(t, CellOptions[int]{Timeout: time.Minute}, func(t *testing.T, c *Cell[int], s *source) {
		s.hangs = true
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				patience := time.Duration(i+1) * 100 * time.Millisecond
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				began := time.Now()
				_, err := c.Get(ctx)
				wantReason(t, err, Timeout)
				if took := time.Since(began); took != patience {
					t.Errorf("left after %v, want %v", took, patience)
				}
			})
		}
		wg.Wait()
		if n := s.fetches(); n < 5 || n > 6 { // the sixth and the last deadline fall together
			t.Errorf("got %d attempts in 5 s, want one a second", n)
		}
		if s.now.Load() == 0 {
			t.Error("no attempt hangs any more: the test shows nothing")
		}
		s.set(func() { s.hangs = false })
		time.Sleep(time.Second)
		if _, err := c.Get(t.Context()); err != nil {
			t.Errorf("got %v a second after the return", err)
		}
		if n := s.most.Load(); n > 2 {
			t.Errorf("got %d attempts at a time, want two at most", n)
		}
		synctest.Wait()
		if n := s.now.Load(); n > 0 {
			t.Errorf("%d attempts hang on although there is a value", n)
		}
	})
}

// A slow source is asked once, as long as everybody waits.
func TestCellLeavesASlowSourceAlone(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.took = 4 * time.Second
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
				defer cancel()
				if v, err := c.Get(ctx); err != nil || v != 1 {
					t.Errorf("got %d, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := s.fetches(); n != 1 {
			t.Errorf("got %d attempts, want one", n)
		}
	})
}

// A source that is slower than anybody waits is heard all the same, and not asked by more and more.
func TestCellHearsASourceThatIsSlowerThanItsCallers(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.took = 4800 * time.Millisecond
		began := time.Now()
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			v, err := c.Get(ctx)
			cancel()
			if err == nil {
				if took := time.Since(began); v != 1 || took != s.took {
					t.Errorf("got %d after %v, want the value of the first attempt after %v", v, took, s.took)
				}
				break
			}
		}
		if n := s.most.Load(); n > 2 {
			t.Errorf("got %d attempts at a time, want two at most", n)
		}
	})
}

// One who waits when the source returns is served by the next attempt, not by the one that hangs.
func TestCellWaitersAreServedOnReturn(t *testing.T) {
	bubble(t, CellOptions[int]{Timeout: time.Minute}, func(t *testing.T, c *Cell[int], s *source) {
		s.hangs = true
		time.AfterFunc(10*time.Second+time.Millisecond, func() { s.set(func() { s.hangs = false }) })
		began := time.Now()
		go func() { // somebody's time is up: what runs may hang
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := c.Get(ctx)
			wantReason(t, err, Timeout)
		}()
		if _, err := c.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 11*time.Second {
			t.Errorf("served after %v, want 11s", took)
		}
	})
}

// A fetch that does not obey its context is over all the same.
func TestCellLeavesADeafFetchBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int64
		c := NewCell(CellOptions[int]{Timeout: 3 * time.Second, MaxStale: time.Hour, Fetch: func(context.Context) (int, Life, error) {
			if n := calls.Add(1); n != 2 {
				return int(n), Life{Span: time.Minute}, nil
			}
			<-release
			return 2, Life{}, nil
		}})
		c.Get(t.Context())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if v, ok := c.Peek(); !ok || v < 3 {
			t.Errorf("got %d, %v, want a value of a later fetch", v, ok)
		}
		close(release)
		c.Close()
	})
}

package outbound

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCellRefresh(t *testing.T) {
	atLeast := func(n int) func(int) bool { return func(v int) bool { return v >= n } }
	bubble(t, CellOptions[int]{MinInterval: 30 * time.Second}, func(t *testing.T, c *Cell[int], s *source) {
		s.life = Life{Span: time.Hour}
		c.Get(t.Context())
		if v, err := c.Refresh(t.Context(), atLeast(1)); v != 1 || err != nil || s.fetches() != 1 {
			t.Fatalf("got %d, %v after %d fetches, want 1 without a fetch", v, err, s.fetches())
		}
		s.took = time.Second
		var wg sync.WaitGroup
		for range 100 { // all of them share one fetch, and nobody with a good value waits
			wg.Go(func() {
				if v, err := c.Refresh(t.Context(), atLeast(2)); v != 2 || err != nil {
					t.Errorf("got %d, %v, want 2", v, err)
				}
			})
		}
		time.Sleep(time.Millisecond)
		wantValue(t, c, 1)
		wg.Wait()
		if s.fetches() != 2 {
			t.Errorf("got %d fetches, want 2", s.fetches())
		}
		for range 100 {
			if v, err := c.Refresh(t.Context(), atLeast(99)); v != 2 || !errors.Is(err, ErrTooSoon) {
				t.Fatalf("got %d, %v, want 2 and %v", v, err, ErrTooSoon)
			}
		}
		time.Sleep(30 * time.Second)
		if v, err := c.Refresh(t.Context(), nil); v != 3 || err != nil {
			t.Errorf("got %d, %v, want 3", v, err)
		}
		time.Sleep(30 * time.Second)
		s.set(func() { s.down = true })
		if v, err := c.Refresh(t.Context(), nil); v != 3 || !errors.Is(err, errDown) {
			t.Errorf("got %d, %v, want 3 and why it is not newer", v, err)
		}
		s.set(func() { s.down, s.hangs = false, true })
		time.Sleep(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		v, err := c.Refresh(ctx, nil)
		if wantReason(t, err, Timeout); v != 3 {
			t.Errorf("got %d, want 3", v)
		}
	})
}

// A refresh that hangs is not the end of it where refreshes may be often; where they may not, it is the only one.
func TestCellRefreshBesideOneThatHangs(t *testing.T) {
	for _, row := range []struct {
		interval time.Duration
		fetches  int
		want     int
	}{{1, 3, 3}, {30 * time.Second, 2, 1}} {
		bubble(t, CellOptions[int]{MinInterval: row.interval, Timeout: 20 * time.Second}, func(t *testing.T, c *Cell[int], s *source) {
			s.life = Life{Span: time.Hour}
			c.Get(t.Context())
			s.set(func() { s.hangs = true })
			for range 10 { // within a second
				ctx, cancel := context.WithTimeout(t.Context(), 99*time.Millisecond)
				_, err := c.Refresh(ctx, nil)
				wantReason(t, err, Timeout)
				cancel()
				wantValue(t, c, 1)
			}
			s.set(func() { s.hangs = false })
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if v, _ := c.Refresh(ctx, nil); v != row.want || s.fetches() != row.fetches {
				t.Errorf("every %v: got %d after %d fetches, want %d after %d", row.interval, v, s.fetches(), row.want, row.fetches)
			}
		})
	}
}

func TestCellRefreshOfNothingIsGet(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		if v, err := c.Refresh(t.Context(), nil); v != 1 || err != nil || s.fetches() != 1 {
			t.Errorf("got %d, %v after %d fetches, want 1", v, err, s.fetches())
		}
	})
}

// A refresh that joins a fetch begun earlier and does not find what it needs still has its own.
func TestCellRefreshBehindARenewal(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.life = Life{Span: time.Hour, Refresh: time.Minute}
		c.Get(t.Context())
		s.set(func() { s.took = 2 * time.Second })
		time.Sleep(time.Minute + time.Second)
		began := time.Now()
		v, err := c.Refresh(t.Context(), func(v int) bool { return v >= 3 })
		if v != 3 || err != nil || time.Since(began) != 3*time.Second || s.most.Load() != 1 {
			t.Errorf("got %d, %v after %v with %d at once, want 3 after the rest of one fetch and another", v, err, time.Since(began), s.most.Load())
		}
	})
}

func TestCellOnlyIfUsed(t *testing.T) {
	bubble(t, CellOptions[int]{OnlyIfUsed: true}, func(t *testing.T, c *Cell[int], s *source) {
		s.life = Life{Span: 100 * time.Second}
		c.Get(t.Context())
		for range 30 {
			time.Sleep(20 * time.Second)
			c.Get(t.Context())
		}
		used := s.fetches()
		if used < 7 || used > 9 {
			t.Errorf("got %d fetches in ten busy minutes, want one in 70 to 80 s", used)
		}
		time.Sleep(time.Hour)
		if n := s.fetches(); n > used+1 {
			t.Errorf("got %d fetches in an idle hour, want at most one", n-used)
		}
		before := s.fetches()
		if v, err := c.Get(t.Context()); err != nil || v != before+1 {
			t.Errorf("got %d, %v, want a new value", v, err)
		}
		time.Sleep(90 * time.Second) // asleep, the value still lives
		wantValue(t, c, before+1)
		synctest.Wait()
		wantValue(t, c, before+2)
	})
}

func TestCellClose(t *testing.T) {
	bubble(t, CellOptions[int]{}, func(t *testing.T, c *Cell[int], s *source) {
		s.hangs = true
		c.Retain()
		got := make(chan error, 1)
		go func() {
			_, err := c.Get(t.Context())
			got <- err
		}()
		synctest.Wait()
		c.Close()
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("got %v although a reference is left", err)
		default:
		}
		c.Close()
		if err := <-got; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
		if _, err := c.Get(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
		synctest.Wait()
		if s.now.Load() != 0 {
			t.Error("a fetch still runs")
		}
	})
}

func TestCellsAreShared(t *testing.T) {
	var cells Cells[string, int]
	make := func() CellOptions[int] { return CellOptions[int]{Fetch: (&source{}).fetch} }
	a, b, other := cells.Get("a", make), cells.Get("a", make), cells.Get("b", make)
	if a != b || a == other || cells.Len() != 2 {
		t.Errorf("got %p %p %p, %d cells, want one per key", a, b, other, cells.Len())
	}
	a.Close()
	if cells.Get("a", make) != a {
		t.Error("gone although a reference is left")
	}
	a.Close()
	a.Close()
	other.Close()
	if cells.Len() != 0 {
		t.Errorf("got %d cells, want none after the last reference", cells.Len())
	}
}

func BenchmarkCellGet(b *testing.B) {
	c := NewCell(CellOptions[int]{Fetch: (&source{}).fetch})
	defer c.Close()
	ctx := context.Background()
	c.Get(ctx)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Get(ctx)
		}
	})
}

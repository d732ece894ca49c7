package backends

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/conf"
)

func TestABackendIsAskedNoMoreOftenThanItsLimit(t *testing.T) {
	minute := conf.Duration(time.Minute)
	for _, c := range []struct {
		name  string
		cfg   LimitConfig
		step  time.Duration
		times int
		min   int64
		max   int64
	}{
		{"ten a second, asked a hundred times a second for ten seconds", LimitConfig{MaxRate: ptr(10.0)}, 10 * time.Millisecond, 1000, 105, 111},
		{"a capacity of its own", LimitConfig{MaxRate: ptr(10.0), Capacity: ptr(1.0)}, 10 * time.Millisecond, 1000, 99, 101},
		{"three a minute", LimitConfig{MaxRate: ptr(3.0), Every: &minute}, time.Second, 600, 32, 33},
		{"half a request a second", LimitConfig{MaxRate: ptr(0.5)}, 100 * time.Millisecond, 1000, 49, 51},
		{"no limit", LimitConfig{MaxRate: ptr(0.0)}, time.Millisecond, 1000, 1000, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlock(t, 2)
				ask := f.asking(Config{Extra: Extra{Limit: &c.cfg}})
				for range c.times {
					if got := ask(soon, get()); !strings.HasPrefix(got, "200 ") && !strings.HasPrefix(got, "error: upstream_limited") {
						t.Fatal(got)
					}
					time.Sleep(c.step)
				}
				if n := f.hits[0].Load() + f.hits[1].Load(); n < c.min || n > c.max {
					t.Errorf("got %d requests at the backend, want %d to %d", n, c.min, c.max)
				}
			})
		})
	}
}

func TestALimitSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := newLimiter(LimitConfig{MaxRate: ptr(2.0)})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.take(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		var f *Failure
		if err := l.take(); !errors.As(err, &f) || f.RetryAfter != 400*time.Millisecond {
			t.Errorf("got %+v, want 400ms", err)
		}
	})
}

func TestLimitMistakes(t *testing.T) {
	for want, cfg := range map[string]LimitConfig{
		"max_rate: is missing":                   {},
		"max_rate: got -1, want more than 0":     {MaxRate: ptr(-1.0)},
		"capacity: got 0.5, want at least 1":     {MaxRate: ptr(1.0), Capacity: ptr(0.5)},
		"every: got -1s, want more than nothing": {MaxRate: ptr(1.0), Every: ptr(conf.Duration(-time.Second))},
	} {
		if _, err := newLimiter(cfg); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func BenchmarkLimit(b *testing.B) {
	l, err := newLimiter(LimitConfig{MaxRate: ptr(1e9)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = l.take()
		}
	})
}

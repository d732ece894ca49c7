package endpoints

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestABucketGivesWhatItHas(t *testing.T) {
	for _, row := range []struct {
		name     string
		tokens   float64
		window   time.Duration
		capacity int64
		asks     string // a letter per request: + granted, - not; a digit waits so many intervals
	}{
		{"as many at once as its capacity, then one an interval", 3, time.Second, 0, "+++-1+-2++-"},
		{"never more than its capacity, however long it waits", 3, time.Second, 0, "9999+++-"},
		{"a capacity of its own", 10, time.Second, 2, "++-1+-"},
		{"a rate below one still lets one through", 0.5, time.Second, 0, "+-1+-"},
		{"a rate of nearly nothing", 1e-300, time.Hour, 0, "+-"},
		{"a rate of nearly anything", 1e300, time.Second, 1 << 62, "++++++++"},
		{"a refused request takes nothing", 1, time.Hour, 0, "+-----1+"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRate(row.tokens, row.window, row.capacity)
			var full, now time.Duration
			for i, c := range row.asks {
				if '0' <= c && c <= '9' {
					now += time.Duration(c-'0') * r.interval
					continue
				}
				var g grant
				full, g = r.take(full, now)
				if g.ok != (c == '+') {
					t.Fatalf("request %d of %q: granted %v", i, row.asks, g.ok)
				}
				if !g.ok && (g.wait <= 0 || g.wait > r.interval) {
					t.Errorf("request %d is to wait %s, want at most %s", i, g.wait, r.interval)
				}
				if g.remaining < 0 || g.remaining >= r.capacity {
					t.Errorf("request %d: %d remain of %d", i, g.remaining, r.capacity)
				}
			}
		})
	}
}

// TestARateHoldsOverAnyTime holds the bucket against its definition: in no stretch of time more than capacity + rate·time.
func TestARateHoldsOverAnyTime(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		tokens, capacity := 1+rnd.Float64()*20, rnd.Int64N(10)
		r := newRate(tokens, time.Second, capacity)
		var full, now time.Duration
		var granted []time.Duration
		for range 500 {
			now += time.Duration(rnd.Int64N(int64(2 * r.interval)))
			var g grant
			if full, g = r.take(full, now); g.ok {
				granted = append(granted, now)
			}
		}
		for i := range granted {
			for j := i; j < len(granted); j++ {
				most := float64(r.capacity) + float64(granted[j]-granted[i])/float64(r.interval)
				if got := float64(j - i + 1); got > most+1e-6 {
					t.Fatalf("%v tokens, capacity %d: %v granted in %s, want at most %v", tokens, r.capacity, got, granted[j]-granted[i], most)
				}
			}
		}
	}
}

func TestMemoryOfBucketsIsBounded(t *testing.T) {
	b := newBuckets(newRate(1, time.Hour, 1))
	for i := range 3 * shardCount * shardSize / 2 {
		b.take(fmt.Sprint(i), time.Duration(i))
	}
	if got, most := b.size(), shardCount*shardSize; got > most {
		t.Errorf("remembers %d buckets, want at most %d", got, most)
	}
	t.Run("and full ones are forgotten", func(t *testing.T) {
		later := 1000 * time.Hour
		for i := range shardCount * shardSize / 2 {
			b.take(fmt.Sprint("later ", i), later+time.Duration(i)*time.Hour)
		}
		if got := b.size(); got > shardCount*shardSize/4 {
			t.Errorf("remembers %d buckets, nearly all of which are full", got)
		}
	})
	t.Run("but not those in use", func(t *testing.T) {
		b := newBuckets(newRate(1, time.Hour, 1))
		b.take("me", 0)
		for i := range shardCount * shardSize / 2 {
			b.take(fmt.Sprint(i), time.Duration(i))
		}
		if g := b.take("me", time.Minute); g.ok {
			t.Error("my bucket was forgotten")
		}
	})
}

func limited(l *limiter, x *Exchange, r *http.Request) (http.Header, error) {
	w := httptest.NewRecorder()
	err := l.guard(context.Background(), x, w, r, nil)
	return w.Header(), err
}

func TestALimitOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter("client", newRate(2, time.Minute, 0), 429)
		l.key = addressOf("")
		r := httptest.NewRequest("GET", "/", nil)
		ask := func(client string) (h http.Header, wait string) {
			h, err := limited(l, &Exchange{Client: client}, r)
			var d *Denied
			if errors.As(err, &d) {
				return h, d.Header.Get("Retry-After")
			}
			return h, ""
		}
		for i, want := range []string{`"client";r=1;t=30`, `"client";r=0;t=60`} {
			if h, wait := ask("10.0.0.1"); wait != "" || h.Get("Ratelimit") != want {
				t.Errorf("request %d: %v, wait %q", i, h, wait)
			}
		}
		if _, wait := ask("10.0.0.1"); wait != "30" {
			t.Errorf("Retry-After %q, want 30", wait)
		}
		if _, wait := ask("10.0.0.2"); wait != "" {
			t.Errorf("another client waits %q", wait)
		}
		time.Sleep(29 * time.Second)
		if _, wait := ask("10.0.0.1"); wait != "1" {
			t.Errorf("Retry-After %q a second before, want 1", wait)
		}
		time.Sleep(time.Second)
		if _, wait := ask("10.0.0.1"); wait != "" {
			t.Errorf("Retry-After %q when it is time", wait)
		}
	})
}

func TestWhoIsOneClient(t *testing.T) {
	for _, row := range []struct {
		name   string
		header string
		x      Exchange
		told   []string
		want   string
	}{
		{"an address", "", Exchange{Client: "10.0.0.1"}, nil, "10.0.0.1"},
		{"an IPv6 network, since a client has all of it", "", Exchange{Client: "2001:db8:1:2:3:4:5:6"}, nil, "2001:db8:1:2::"},
		{"a header of anybody is not believed", "X-Real-Ip", Exchange{Client: "10.0.0.1"}, []string{"9.9.9.9"}, "10.0.0.1"},
		{"that of a proxy is, its last address", "X-Real-Ip", Exchange{Client: "10.0.0.1", Trusted: true}, []string{"9.9.9.9, 8.8.8.8"}, "8.8.8.8"},
		{"if it is one", "X-Real-Ip", Exchange{Client: "10.0.0.1", Trusted: true}, []string{"nobody"}, "10.0.0.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			if row.told != nil {
				r.Header[row.header] = row.told
			}
			if got, ok := addressOf(row.header)(&row.x, r, nil); got != row.want || !ok {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestOneClientHasOneSpelling(t *testing.T) {
	c := &guardCompiler{params: []string{"id"}}
	param, err := c.keyOf(&RateLimitConfig{Strategy: "param", Key: "id"})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := param(&Exchange{Params: []string{"a+b"}}, nil, nil)
	if b, _ := param(&Exchange{Params: []string{"a%2Bb"}}, nil, nil); a != b {
		t.Errorf("a parameter is counted as %q and as %q", a, b)
	}
	header, err := c.keyOf(&RateLimitConfig{Strategy: "header", Key: "authorization"})
	if err != nil {
		t.Fatal(err)
	}
	for _, spelling := range []string{"Bearer x.y", "bearer x.y", "BEARER   x.y"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", spelling)
		if got, ok := header(nil, r, nil); got != "x.y" || !ok {
			t.Errorf("%q is counted as %q", spelling, got)
		}
	}
	if _, ok := header(nil, httptest.NewRequest("GET", "/", nil), nil); ok {
		t.Error("nobody is somebody")
	}
}

func BenchmarkLimit(b *testing.B) {
	clients := make([]string, 1000)
	for i := range clients {
		clients[i] = fmt.Sprintf("10.0.%d.%d", i/256, i%256)
	}
	for _, name := range []string{"client", "endpoint"} {
		b.Run(name, func(b *testing.B) {
			l := newLimiter(name, newRate(1e6, time.Second, 0), 429)
			l.key = addressOf("")
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r, h := httptest.NewRequest("GET", "/", nil), http.Header{}
				w, x := &headerWriter{h}, new(Exchange)
				for i := 0; pb.Next(); i++ {
					clear(h)
					x.Client = clients[i%len(clients)]
					_ = l.guard(context.Background(), x, w, r, nil)
				}
			})
		})
	}
}

type headerWriter struct{ h http.Header }

func (w *headerWriter) Header() http.Header         { return w.h }
func (w *headerWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *headerWriter) WriteHeader(int)             {}

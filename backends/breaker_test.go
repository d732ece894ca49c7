package backends

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
)

func ptr[T any](v T) *T { return &v }

// faulty is a backend that fails as it is told.
type faulty struct {
	*rig
	hits   atomic.Int64
	status atomic.Int64 // 0: 200
	hang   atomic.Bool
	cut    atomic.Bool // the body ends early
	entry  string
}

func newFaulty(t testing.TB) *faulty {
	f := &faulty{rig: newRig(t)}
	f.serve("origin.test:80", func(w http.ResponseWriter, r *http.Request) {
		f.hits.Add(1)
		if f.hang.Load() {
			<-r.Context().Done()
			return
		}
		if f.cut.Load() {
			w.Header().Set("Content-Length", "100")
		}
		if s := f.status.Load(); s != 0 {
			w.WriteHeader(int(s))
		}
		fmt.Fprint(w, `{}`)
	})
	return f
}

// asking compiles a backend with a breaker and returns a way to ask it.
func (f *faulty) asking(b BreakerConfig, encoding string) func(context.Context) error {
	f.t.Helper()
	f.env.Entry = f.entry
	fetch := f.backend(Config{URLPattern: "/", Encoding: encoding, Extra: Extra{Breaker: &b}})
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		res, err := fetch(ctx, &Request{Method: "GET"})
		if err == nil && res.Stream != nil {
			_, _ = io.Copy(io.Discard, res.Stream.Body)
		}
		res.Close()
		return err
	}
}

func reasonIn(err error) Reason {
	var f *Failure
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

// TestBreakers plays words against a breaker: "3*500 ok" are three failures and a success, "+11" lets so many seconds pass.
func TestBreakers(t *testing.T) {
	three := BreakerConfig{MaxErrors: ptr(2), Timeout: 10}
	for _, c := range []struct {
		name     string
		cfg      BreakerConfig
		encoding string
		play     string
		open     bool // at the end
		hits     int64
	}{
		{"opens after max_errors + 1 failures in a row", three, "json", "6*500", true, 3},
		{"a success between forgives", three, "json", "2*500 ok 2*500", false, 5},
		{"stays closed while all is well", three, "json", "3*ok", false, 3},
		{"4xx are no failures", three, "json", "404 401 403 400 422", false, 5},
		{"429 is one", three, "json", "4*429", true, 3},
		{"a status that the file names", BreakerConfig{MaxErrors: ptr(2), FailureStatus: Statuses("404")}, "json", "4*404", true, 3},
		{"5xx is none where the file names others", BreakerConfig{MaxErrors: ptr(2), FailureStatus: Statuses("404")}, "json", "4*500", false, 4},
		{"no-op counts statuses too", three, "no-op", "4*500", true, 3},
		{"silence is a failure", three, "json", "4*hang", true, 3},
		{"a client that leaves is neither", three, "json", "4*leave 500 leave 500 ok", false, 8},
		{"a client that leaves forgives nothing", three, "json", "2*500 leave 2*500", true, 4},
		{"a body that ends early is a failure", three, "json", "4*cut", true, 3},
		{"a stream that ends early is a failure", three, "no-op", "4*cut", true, 3},
		{"one probe after the time is up, and a good one closes", three, "json", "3*500 +11 3*ok", false, 6},
		{"a bad probe opens again", three, "json", "3*500 +11 3*500", true, 4},
		{"a client that leaves its probe decides nothing", three, "json", "3*500 +11 leave 2*ok", false, 6},
		{"a stream's probe closes with its head", three, "no-op", "3*500 +11 2*ok", false, 5},
		{"interval forgets", BreakerConfig{MaxErrors: ptr(2), Interval: 5}, "json", "2*500 +6 2*500 +6 2*500", false, 6},
		{"interval 0 never does", three, "json", "500 +3600 500 +3600 2*500", true, 3},
		{"a rate needs its minimum", BreakerConfig{FailureRate: ptr(0.5), MinRequests: ptr(5)}, "json", "4*500", false, 4},
		{"a rate opens", BreakerConfig{FailureRate: ptr(0.5), MinRequests: ptr(4)}, "json", "ok 500 ok 500 ok", true, 4},
		{"a rate below its limit does not", BreakerConfig{FailureRate: ptr(0.5), MinRequests: ptr(4)}, "json", "2*ok 500 2*ok 500 2*ok 500", false, 9},
		{"a window rolls", BreakerConfig{FailureRate: ptr(0.5), MinRequests: ptr(4), Interval: 10}, "json", "2*500 +11 3*ok 2*500", false, 7},
		{"a window rolls bit by bit", BreakerConfig{FailureRate: ptr(0.5), MinRequests: ptr(4), Interval: 10}, "json", "500 +6 ok 500 +6 ok 500 ok", true, 5},
		{"both rules at once", BreakerConfig{FailureRate: ptr(0.9), MinRequests: ptr(100), MaxErrors: ptr(1)}, "json", "3*500", true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaulty(t)
				ask := f.asking(c.cfg, c.encoding)
				var last error
				for word := range strings.FieldsSeq(c.play) {
					times, one, many := strings.Cut(word, "*")
					if !many {
						times, one = "1", word
					}
					n, _ := strconv.Atoi(times)
					for range n {
						last = f.play(one, ask)
					}
				}
				f.status.Store(0)
				if c.hits != f.hits.Load() {
					t.Errorf("got %d requests at the backend, want %d", f.hits.Load(), c.hits)
				}
				if open := reasonIn(ask(t.Context())) == ReasonOpen; open != c.open {
					t.Errorf("open: got %v, want %v (the last answer: %v)", open, c.open, last)
				}
			})
		})
	}
}

// play asks once, of a backend that does what the word says; "+11" lets so many seconds pass.
func (f *faulty) play(word string, ask func(context.Context) error) error {
	if span, ok := strings.CutPrefix(word, "+"); ok {
		d, _ := time.ParseDuration(span + "s")
		time.Sleep(d)
		return nil
	}
	var status int64
	_, _ = fmt.Sscan(word, &status)
	f.status.Store(status)
	f.hang.Store(word == "hang" || word == "leave")
	f.cut.Store(word == "cut")
	defer f.hang.Store(false)
	defer f.cut.Store(false)
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	if word == "leave" {
		time.AfterFunc(100*time.Millisecond, leave)
	}
	return ask(ctx)
}

func TestAnOpenBreakerSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		ask := f.asking(BreakerConfig{MaxErrors: ptr(1), Timeout: 30}, "json")
		f.status.Store(500)
		_ = ask(t.Context())
		_ = ask(t.Context())
		time.Sleep(12 * time.Second)
		before := time.Now()
		var open *Failure
		if err := ask(t.Context()); !errors.As(err, &open) || open.Reason != ReasonOpen || open.RetryAfter != 18*time.Second {
			t.Errorf("got %+v, want open for 18 s more", err)
		}
		if waited := time.Since(before); waited > 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestExactlyOneProbeIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		ask := f.asking(BreakerConfig{MaxErrors: ptr(1), Timeout: 10}, "json")
		f.status.Store(500)
		_ = ask(t.Context())
		_ = ask(t.Context())
		f.hits.Store(0)
		time.Sleep(10*time.Second + time.Millisecond)
		f.hang.Store(true)
		var wg sync.WaitGroup
		var refused atomic.Int64
		for range 100 {
			wg.Go(func() {
				if reasonIn(ask(t.Context())) == ReasonOpen {
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if f.hits.Load() != 1 || refused.Load() != 99 {
			t.Errorf("got %d probes and %d refused, want 1 and 99", f.hits.Load(), refused.Load())
		}
	})
}

func TestWhatIsInFlightWhenABreakerOpensIsAllThatReachesABackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		ask := f.asking(BreakerConfig{MaxErrors: ptr(2), Timeout: 60}, "json")
		f.hang.Store(true)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _ = ask(t.Context()) })
		}
		time.Sleep(2 * time.Second)
		for range 50 {
			_ = ask(t.Context())
		}
		wg.Wait()
		if n := f.hits.Load(); n != 50 {
			t.Errorf("got %d requests at the backend, want the 50 that were in flight", n)
		}
	})
}

func TestABreakerOutlivesItsConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		f.entry = "GET /a 0"
		cfg := BreakerConfig{MaxErrors: ptr(1), Timeout: 60}
		before, after := new(keep.Life), new(keep.Life)
		f.env.Life = before
		ask := f.asking(cfg, "json")
		f.status.Store(500)
		_ = ask(t.Context())
		_ = ask(t.Context())
		f.status.Store(0)

		f.env.Life = after
		same := f.asking(cfg, "json")
		before.Close()
		if r := reasonIn(same(t.Context())); r != ReasonOpen {
			t.Errorf("after a reload: got %q, want it open", r)
		}
		f.entry = "GET /b 0"
		if err := f.asking(cfg, "json")(t.Context()); err != nil {
			t.Errorf("another endpoint: %v", err)
		}
		f.entry = "GET /a 0"
		if err := f.asking(BreakerConfig{MaxErrors: ptr(5), Timeout: 60}, "json")(t.Context()); err != nil {
			t.Errorf("other settings: %v", err)
		}
	})
}

func TestEachHostHasABreakerOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var good, bad atomic.Int64
		r.serve("a.test:80", func(w http.ResponseWriter, _ *http.Request) { good.Add(1); fmt.Fprint(w, `{}`) })
		r.serve("b.test:80", func(w http.ResponseWriter, _ *http.Request) { bad.Add(1); w.WriteHeader(500) })
		fetch := r.backend(Config{Host: []string{"a.test", "b.test"}, URLPattern: "/", Extra: Extra{Breaker: &BreakerConfig{MaxErrors: ptr(2)}}})
		failed := 0
		for range 100 {
			if res, err := fetch(t.Context(), &Request{Method: "GET"}); err != nil {
				failed++
			} else {
				res.Close()
			}
		}
		if bad.Load() != 3 || failed != 3 || good.Load() != 97 {
			t.Errorf("got %d to the good one, %d to the bad one and %d failures, want 97, 3 and 3", good.Load(), bad.Load(), failed)
		}
	})
}

func TestABreakerTellsOfItselfWhereTheFileSaysSo(t *testing.T) {
	for _, c := range []struct {
		cfg  BreakerConfig
		want string
	}{
		{BreakerConfig{MaxErrors: ptr(1)}, ""},
		{BreakerConfig{MaxErrors: ptr(1), LogStatusChange: true}, `msg="circuit breaker" name=origin.test host=origin.test from=closed to=open`},
		{BreakerConfig{MaxErrors: ptr(1), LogStatusChange: true, Name: "orders"}, "name=orders host=origin.test from=closed to=open"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFaulty(t)
			var log strings.Builder
			f.env.Hosts.log = slog.New(slog.NewTextHandler(&log, nil))
			f.status.Store(500)
			ask := f.asking(c.cfg, "")
			for range 3 {
				_ = ask(t.Context())
			}
			if got := log.String(); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBreakerMistakes(t *testing.T) {
	for want, cfg := range map[string]BreakerConfig{
		"max_errors: is missing: without it, and without failure_rate, it would never open": {},
		"max_errors: got 0, want at least 1: a breaker that tolerates nothing says nothing": {MaxErrors: ptr(0)},
		"failure_rate: got 1.5, want more than 0 and at most 1":                             {FailureRate: ptr(1.5)},
		"failure_rate: got 0, want more than 0 and at most 1":                               {FailureRate: ptr(0.0)},
		"min_requests: means nothing without failure_rate":                                  {MaxErrors: ptr(1), MinRequests: ptr(3)},
		"interval: got -1, want seconds from 0 to 1000000":                                  {MaxErrors: ptr(1), Interval: -1},
	} {
		_, err := newBreaker(cfg, "a.test", nil)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if n := len(conf.Flatten(func() error {
		_, err := newBreaker(BreakerConfig{MaxErrors: ptr(-1), Timeout: -1}, "", nil)
		return err
	}())); n != 2 {
		t.Errorf("got %d mistakes, want 2", n)
	}
}

func BenchmarkOpenBreaker(b *testing.B) {
	f := newFaulty(b)
	ask := f.backend(Config{URLPattern: "/", Extra: Extra{Breaker: &BreakerConfig{MaxErrors: ptr(1)}}})
	f.status.Store(500)
	req := &Request{Method: "GET"}
	for range 2 {
		_, _ = ask(b.Context(), req)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ask(b.Context(), req); err == nil {
			b.Fatal("it is not open")
		}
	}
}

func TestAStreamThatLastsDoesNotKeepItsBreakerWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		fetch := f.backend(Config{URLPattern: "/", Encoding: "no-op", Extra: Extra{Breaker: &BreakerConfig{MaxErrors: ptr(1), Timeout: 10}}})
		f.status.Store(500)
		for range 2 {
			_ = said(fetch(t.Context(), get()))
		}
		f.status.Store(0)
		time.Sleep(11 * time.Second)
		probe, err := fetch(t.Context(), get())
		if err != nil {
			t.Fatal(err)
		}
		defer probe.Close()
		wantSaid(t, said(fetch(t.Context(), get())), `200 "{}"`)
	})
}

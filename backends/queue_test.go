package backends

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/conf"
)

// dice throws for many at once.
func dice(seed uint64) func(func(*rand.Rand) time.Duration) time.Duration {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, seed))
	return func(throw func(*rand.Rand) time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return throw(rng)
	}
}

// steps asks so many times a second for five seconds each.
func steps(rates ...int) func(FetchFunc, time.Duration) *tally {
	return func(fetch FetchFunc, timeout time.Duration) *tally {
		t := &tally{other: map[string]int{}}
		for _, rate := range rates {
			began := time.Now()
			for i := range 5 * rate {
				time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
				t.ask(fetch, timeout)
			}
		}
		return t
	}
}

// polls are so many clients that come within a second and ask again as soon as they have an answer.
func polls(clients int) func(FetchFunc, time.Duration) *tally {
	return func(fetch FetchFunc, timeout time.Duration) *tally {
		t := &tally{other: map[string]int{}}
		end := time.Now().Add(4 * timeout)
		for range clients {
			time.Sleep(time.Second / time.Duration(clients))
			t.wg.Go(func() {
				for time.Now().Before(end) {
					if !t.asks(fetch, timeout) {
						return
					}
				}
			})
		}
		return t
	}
}

// A host that is slow by nature is not overloaded, whatever its numbers look like when the rate has just grown, and however
// near its timeout it is.
func TestSlowByNatureIsNoQueue(t *testing.T) {
	always := func(d time.Duration) func(*rand.Rand) time.Duration {
		return func(*rand.Rand) time.Duration { return d }
	}
	// either takes one or, so often, the other.
	either := func(one, other time.Duration, share float64) func(*rand.Rand) time.Duration {
		return func(rng *rand.Rand) time.Duration {
			if rng.Float64() < share {
				return other
			}
			return one
		}
	}
	anyTime := func(rng *rand.Rand) time.Duration { return time.Duration(250+rng.IntN(1550)) * time.Millisecond }
	mostly := func(rng *rand.Rand) time.Duration {
		return min(250*time.Millisecond+time.Duration(rng.ExpFloat64()*float64(500*time.Millisecond)), 1900*time.Millisecond)
	}
	const quick, timeout = 5 * time.Millisecond, 2 * time.Second
	for _, c := range []struct {
		name    string
		timeout time.Duration
		takes   func(*rand.Rand) time.Duration
		load    func(FetchFunc, time.Duration) *tally
	}{
		{"half of the time, five times as much at once", timeout, always(time.Second), steps(20, 100)},
		{"half of the time, ten times as much at once", timeout, always(time.Second), steps(20, 200)},
		{"three quarters of the time", timeout, always(timeout * 3 / 4), steps(50)},
		{"nine tenths of the time", timeout, always(timeout * 9 / 10), steps(100)},
		{"polls of two thirds to six sevenths", timeout, func(rng *rand.Rand) time.Duration { return time.Duration(1300+rng.IntN(400)) * time.Millisecond }, polls(200)},
		{"polls that last long", 35 * time.Second, always(30 * time.Second), polls(500)},
		{"polls that events end", 35 * time.Second, func(rng *rand.Rand) time.Duration {
			return min(25*time.Second, time.Duration(rng.ExpFloat64()*float64(50*time.Second)))
		}, polls(1000)},
		{"quick or slow", timeout, either(quick, 900*time.Millisecond, 0.5), steps(20, 300, 20, 500)},
		{"quick or nearly too late", timeout, either(quick, 1900*time.Millisecond, 0.5), steps(20, 300, 20, 500)},
		{"any time but a quick one", timeout, anyTime, steps(200)},
		{"any time but a quick one, and more at once", timeout, anyTime, steps(20, 100, 20, 200)},
		{"mostly soon, and never quick", timeout, mostly, steps(200)},
		{"mostly soon, never quick, and more at once", timeout, mostly, steps(20, 100, 20, 200)},
		{"hardly one is quick", timeout, either(quick, 1800*time.Millisecond, 0.9), steps(20, 300, 20, 500)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				random := dice(1)
				r.serve("origin.test:80", func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(random(c.takes))
					fmt.Fprint(w, `{}`)
				})
				said := c.load(r.backend(Config{URLPattern: "/", Timeout: ptr(conf.Duration(c.timeout))}), c.timeout)
				if said.wg.Wait(); len(said.refused) > 0 || len(said.other) > 0 || said.good < 250 {
					t.Errorf("%s, want all good", said)
				}
			})
		})
	}
}

// Half of the requests get stuck at a host that answers the others at once: there is no queue, and nobody is told that
// there were too many.
func TestStuckRequestsAreNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		random := dice(1)
		r.serve("origin.test:80", func(w http.ResponseWriter, _ *http.Request) {
			if random(func(rng *rand.Rand) time.Duration { return time.Duration(rng.IntN(2)) }) > 0 {
				time.Sleep(time.Minute)
			}
			fmt.Fprint(w, `{}`)
		})
		said := steps(200, 200)(r.backend(Config{URLPattern: "/", Timeout: ptr(conf.Duration(soon))}), soon)
		if said.wg.Wait(); len(said.refused) > 0 || said.good < 900 {
			t.Errorf("%s, want nobody refused", said)
		}
	})
}

// A host that needs three quarters of the time when it is idle cannot take half as long again: that many are too late tells
// that there are too many. It does worse than a quick one, but it does something, and comes back.
func TestASlowHostIsOverloadedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.narrow("origin.test:80", 300, 1500*time.Millisecond)
		fetch := r.backend(Config{URLPattern: "/", Timeout: ptr(conf.Duration(soon))})
		offer(fetch, soon, 100, 5*time.Second)
		over := offer(fetch, soon, 400, 20*time.Second)
		over.wg.Wait()
		t.Log(over)
		if over.good < 200*20/3 || len(over.refused) < 200*20/2 {
			t.Errorf("%s, want a third of 4000 good and most others refused", over)
		}
		offer(fetch, soon, 100, 2*time.Second)
		after := offer(fetch, soon, 150, 5*time.Second)
		if after.wg.Wait(); after.good != 750 {
			t.Errorf("2 s after: %s, want all good", after)
		}
	})
}

func TestSamplesAreFew(t *testing.T) {
	q := queue{began: time.Now()}
	q.forget()
	timed := 0
	for range 1000 {
		if q.sample() > 0 {
			timed++
		}
	}
	if timed != queueSamples {
		t.Errorf("%d of 1000 were timed, want %d", timed, queueSamples)
	}
}

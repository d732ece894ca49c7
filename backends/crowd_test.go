package backends

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/conf"
)

// narrow serves so many requests at a time, each for so long, in the order in which they came; it does not notice that
// somebody has left.
func (r *rig) narrow(address string, places int, each time.Duration) {
	free := make(chan struct{}, places)
	r.serve(address, func(w http.ResponseWriter, _ *http.Request) {
		free <- struct{}{}
		time.Sleep(each)
		<-free
		fmt.Fprint(w, `{}`)
	})
}

// tally is what became of requests, by the moment at which they were sent.
type tally struct {
	wg      sync.WaitGroup
	mu      sync.Mutex
	good    int
	refused []time.Duration // how long a 503 took
	other   map[string]int
}

// offer asks rate times a second for a span.
func offer(fetch FetchFunc, timeout time.Duration, rate int, span time.Duration) *tally {
	t := &tally{other: map[string]int{}}
	began := time.Now()
	for i := 0; ; i++ {
		at := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if at.Sub(began) >= span {
			break
		}
		time.Sleep(time.Until(at))
		t.ask(fetch, timeout)
	}
	time.Sleep(time.Until(began.Add(span)))
	return t
}

func (t *tally) ask(fetch FetchFunc, timeout time.Duration) {
	t.wg.Go(func() { t.asks(fetch, timeout) })
}

// asks reports whether the answer was good.
func (t *tally) asks(fetch FetchFunc, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	began := time.Now()
	got := said(fetch(ctx, get()))
	took := time.Since(began)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case strings.HasPrefix(got, "200 "):
		t.good++
		return true
	case strings.Contains(got, string(ReasonLimited)):
		t.refused = append(t.refused, took)
	default:
		t.other[got]++
	}
	return false
}

// slowest is how long it took to tell 99 of 100 of those that were refused.
func (t *tally) slowest() time.Duration {
	if len(t.refused) == 0 {
		return 0
	}
	slices.Sort(t.refused)
	return t.refused[len(t.refused)*99/100]
}

func (t *tally) String() string {
	return fmt.Sprintf("%d good, %d refused (p99 %v), %v", t.good, len(t.refused), t.slowest(), t.other)
}

// overload is what a host of 200 a second makes of a calm while, 10 s of so many times what it can, 2 s of mercy and calm again.
func overload(t *testing.T, cfg Config, times int) (over, after *tally) {
	r := newRig(t)
	r.narrow("origin.test:80", 4, 20*time.Millisecond)
	cfg.URLPattern = "/"
	fetch, timeout := r.backend(cfg), cfg.Timeout.Or(0)
	offer(fetch, timeout, 100, 2*time.Second)
	over = offer(fetch, timeout, 200*times, 10*time.Second)
	offer(fetch, timeout, 100, 2*time.Second)
	after = offer(fetch, timeout, 150, 5*time.Second)
	over.wg.Wait()
	after.wg.Wait()
	return over, after
}

// Line 38 of what must hold, with nothing in the file about it.
func TestAnOverloadedHostDoesWhatItCan(t *testing.T) {
	for _, c := range []struct {
		timeout time.Duration
		times   int
	}{{time.Second, 5}, {soon, 2}, {soon, 3}, {soon, 5}, {3 * time.Second, 5}, {5 * time.Second, 3}, {5 * time.Second, 5}} {
		t.Run(fmt.Sprintf("%d times in %v", c.times, c.timeout), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over, after := overload(t, Config{Timeout: ptr(conf.Duration(c.timeout))}, c.times)
				t.Log(over)
				if over.good < 200*10*9/10 || over.slowest() > 10*time.Millisecond {
					t.Errorf("got %s, want 9 of 10 of 2000 good and the others told at once", over)
				}
				if after.good != 750 {
					t.Errorf("2 s after: %s, want all good", after)
				}
			})
		})
	}
}

func TestAFewConnectionsToAHostAreEnough(t *testing.T) {
	for _, times := range []int{2, 3, 5} {
		synctest.Test(t, func(t *testing.T) {
			four := &HTTPClientConfig{TransportConfig: TransportConfig{MaxOpen: ptr(4)}}
			over, after := overload(t, Config{Timeout: ptr(conf.Duration(soon)), Extra: Extra{Client: four}}, times)
			t.Log(over)
			if over.good < 200*10*9/10 || over.slowest() > 150*time.Millisecond {
				t.Errorf("got %s, want 9 of 10 of 2000 good and the others told within 150 ms", over)
			}
			if after.good != 750 {
				t.Errorf("2 s after: %s, want all good", after)
			}
		})
	}
}

// Requests come in bursts: four fifths of what a host can are not too many for a few connections.
func TestBurstsWaitForAFewConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.narrow("origin.test:80", 4, 20*time.Millisecond)
		fetch := r.backend(Config{URLPattern: "/", Extra: Extra{Client: &HTTPClientConfig{TransportConfig: TransportConfig{MaxOpen: ptr(4)}}}})
		said, rng := &tally{other: map[string]int{}}, rand.New(rand.NewPCG(1, 1))
		for range 5000 {
			time.Sleep(time.Duration(rng.ExpFloat64() * float64(time.Second/160)))
			said.ask(fetch, soon)
		}
		said.wg.Wait()
		if len(said.refused) > 5 || said.good+len(said.refused) != 5000 {
			t.Errorf("got %s, want all good, or nearly", said)
		}
	})
}

func TestLoadIsNotShedWhereTheFileSaysNo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over, _ := overload(t, Config{Timeout: ptr(conf.Duration(soon)), TravelConfig: TravelConfig{ShedLoad: ptr(false)}}, 3)
		if len(over.refused) > 0 || over.good > 1000 {
			t.Errorf("got %s, want nobody refused and most too late", over)
		}
	})
}

// What is slow by nature is no crowd, nor is what comes all at once.
func TestASlowHostIsNotTakenForAnOverloadedOne(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
		rates []int
	}{
		{"fast, cold", 10 * time.Millisecond, []int{1000}},
		{"slow, cold", 400 * time.Millisecond, []int{500}},
		{"near its timeout, cold", 1400 * time.Millisecond, []int{300}},
		{"three times as much at once", 400 * time.Millisecond, []int{100, 300}},
		{"ten times as much at once", 50 * time.Millisecond, []int{50, 500}},
		{"more and more", time.Second, []int{100, 125, 150, 175, 200}},
		{"fast, but slow for its timeout, cold", 190 * time.Millisecond, []int{500}},
		{"two, near their timeout, cold", 1400 * time.Millisecond, []int{300}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				hosts := []string{"one.test", "two.test"}[:1+strings.Count(c.name, "two")]
				for _, h := range hosts {
					r.serve(h+":80", func(w http.ResponseWriter, _ *http.Request) {
						time.Sleep(c.takes)
						fmt.Fprint(w, `{}`)
					})
				}
				timeout := soon
				if strings.Contains(c.name, "timeout") {
					timeout = c.takes * 10 / 7
				}
				fetch := r.backend(Config{Host: hosts, URLPattern: "/", Timeout: ptr(conf.Duration(timeout)), TravelConfig: TravelConfig{Balance: "round_robin"}})
				for _, rate := range c.rates {
					said := offer(fetch, timeout, rate, 5*time.Second)
					defer func() {
						said.wg.Wait()
						if said.good != 5*rate {
							t.Errorf("%d a second: %s, want all good", rate, said)
						}
					}()
				}
			})
		})
	}
}

// Thousands who come at once find a host that has connections to accept before it gets going: its pace in the first moments
// says nothing of what it can in ten seconds.
func TestABurstAtAHostThatGetsGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var came atomic.Int64
		r.serve("origin.test:80", func(w http.ResponseWriter, _ *http.Request) {
			i := time.Duration(came.Add(1))
			time.Sleep(200*time.Millisecond + min(i, 100)*4*time.Millisecond + max(0, i-100)*50*time.Microsecond)
			fmt.Fprint(w, `{}`)
		})
		const timeout = 10 * time.Second
		fetch := r.backend(Config{URLPattern: "/", Timeout: ptr(conf.Duration(timeout))})
		said := &tally{other: map[string]int{}}
		for range 3000 {
			said.ask(fetch, timeout)
			time.Sleep(300 * time.Microsecond)
		}
		if said.wg.Wait(); said.good != 3000 {
			t.Errorf("%s, want all good", said)
		}
	})
}

func TestACrowdAtOneHostGoesToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.narrow("slow.test:80", 1, 20*time.Millisecond)
		r.narrow("fast.test:80", 40, 20*time.Millisecond)
		fetch := r.backend(Config{Host: []string{"slow.test", "fast.test"}, URLPattern: "/", Timeout: ptr(conf.Duration(soon)), TravelConfig: TravelConfig{Balance: "round_robin"}})
		said := offer(fetch, soon, 400, 5*time.Second)
		said.wg.Wait()
		if said.good != 2000 {
			t.Errorf("got %s, want all good", said)
		}
	})
}

// A host that is stopped answers nothing and refuses nothing. Who takes turns must notice it soon, or the budget of
// repetitions is spent before it rests.
func TestAStoppedHostCostsNobodyAnAnswer(t *testing.T) {
	for _, rate := range []int{20, 200, 500} {
		for _, calm := range []time.Duration{0, 10 * time.Second} {
			t.Run(fmt.Sprintf("%d a second after %v", rate, calm), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFlock(t, 2)
					fetch := f.backend(Config{Host: f.hosts, URLPattern: "/", Timeout: ptr(conf.Duration(soon)), TravelConfig: TravelConfig{Balance: "round_robin"}})
					offer(fetch, soon, rate, calm+time.Millisecond).wg.Wait()
					f.frozen[0].Store(true)
					said := offer(fetch, soon, rate, 8*time.Second)
					said.wg.Wait()
					if said.good != 8*rate {
						t.Errorf("got %s, want all good; the hosts had %s", said, f.counts())
					}
				})
			})
		}
	}
}

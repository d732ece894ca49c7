package backends

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// flock is several hosts of one backend, h0.test, h1.test …, that count what they get.
type flock struct {
	*rig
	hits   []atomic.Int64
	frozen []atomic.Bool
	late   []atomic.Int64 // nanoseconds before an answer
	hosts  []string
}

func newFlock(t testing.TB, n int) *flock {
	f := &flock{rig: newRig(t), hits: make([]atomic.Int64, n), frozen: make([]atomic.Bool, n), late: make([]atomic.Int64, n)}
	for i := range n {
		f.hosts = append(f.hosts, fmt.Sprintf("h%d.test", i))
		f.revive(i)
	}
	return f
}

func (f *flock) revive(i int) {
	f.serve(f.hosts[i]+":80", func(w http.ResponseWriter, r *http.Request) {
		f.hits[i].Add(1)
		if f.frozen[i].Load() {
			<-r.Context().Done()
			return
		}
		time.Sleep(time.Duration(f.late[i].Load()))
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"host":%d,"body":%q}`, i, body)
	})
}

func (f *flock) dead(i int) { f.kill(f.hosts[i]+":80", syscall.ECONNREFUSED) }

func (f *flock) counts() string {
	var parts []string
	for i := range f.hits {
		parts = append(parts, fmt.Sprint(f.hits[i].Load()))
	}
	return strings.Join(parts, " ")
}

func (f *flock) asking(cfg Config) func(within time.Duration, req *Request) string {
	f.t.Helper()
	cfg.Host, cfg.URLPattern = f.hosts, "/"
	if f.env.Life != nil {
		defer f.env.Life.Start()
	}
	fetch := f.backend(cfg)
	return func(within time.Duration, req *Request) string {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		return said(fetch(ctx, req))
	}
}

func get() *Request { return &Request{Method: "GET"} }

func post(body string) *Request {
	return &Request{Method: "POST", Body: Body{Bytes: []byte(body), Length: int64(len(body))}}
}

// method makes a backend speak the method of the request that is asked with.
func method(name string) Config { return Config{Method: name} }

func TestHostsTakeTurns(t *testing.T) {
	for _, how := range []string{"", "least_outstanding", "round_robin"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFlock(t, 3)
			ask := f.asking(Config{TravelConfig: TravelConfig{Balance: how}})
			for range 300 {
				ask(soon, get())
			}
			if got := f.counts(); got != "100 100 100" {
				t.Errorf("%q: got %s, want 100 each", how, got)
			}
		})
	}
}

func TestABusyHostGetsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.late[0].Store(int64(time.Second))
		f.late[1].Store(int64(10 * time.Millisecond))
		ask := f.asking(Config{})
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { ask(10*time.Second, get()) })
			time.Sleep(10 * time.Millisecond)
		}
		wg.Wait()
		if slow := f.hits[0].Load(); slow > 100 {
			t.Errorf("got %s, want hardly any at the slow one", f.counts())
		}
	})
}

func TestAHashKeepsItsHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 5)
		ask := f.asking(Config{TravelConfig: TravelConfig{Balance: "hash", BalanceBy: "header:x-user"}})
		at := func(user int) string {
			return ask(soon, &Request{Method: "GET", Header: []outbound.Field{{Name: "X-User", Value: fmt.Sprint("user", user)}}})
		}
		first := map[int]string{}
		used := map[string]int{}
		for u := range 200 {
			first[u] = at(u)
			used[first[u]]++
			for range 3 {
				wantSaid(t, at(u), first[u])
			}
		}
		for host, n := range used {
			if n < 20 || len(used) != 5 {
				t.Errorf("%s has %d of 200 users, want about 40", host, n)
			}
		}
		f.dead(2)
		moved := 0
		for u := range 200 {
			if got := at(u); got != first[u] {
				moved++
				if !strings.Contains(first[u], `"host":2`) {
					t.Errorf("user %d moved from %s to %s", u, first[u], got)
				}
			}
		}
		if moved == 0 {
			t.Error("nobody moved")
		}
		f.revive(2)
		time.Sleep(time.Minute)
		for range 3 {
			for u := range 200 {
				at(u)
			}
		}
		for u := range 200 {
			wantSaid(t, at(u), first[u])
		}
	})
}

// subject is a caller whose first claim is his name.
type subject string

func (s subject) Value(int) (string, bool) { return string(s), s != "" }

func TestAHashMayGoByAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 3)
		f.env.Claim = func(name string) (int, error) {
			if name != "sub" {
				t.Errorf("asked for %q", name)
			}
			return 0, nil
		}
		ask := f.asking(Config{TravelConfig: TravelConfig{Balance: "hash", BalanceBy: "claim:sub"}})
		used := map[string]bool{}
		for i := range 30 {
			req := get()
			req.Caller.Claims = subject(fmt.Sprint("user", i))
			at := ask(soon, req)
			used[at] = true
			for range 3 {
				wantSaid(t, ask(soon, req), at)
			}
		}
		if len(used) != 3 {
			t.Errorf("got %d hosts in use, want 3", len(used))
		}
		before := f.counts()
		for range 30 {
			ask(soon, get()) // a guest is nobody's
		}
		if f.hits[0].Load() == 0 || f.counts() == before {
			t.Error(f.counts())
		}
	})
}

func TestADeadHostCostsNobodyAnything(t *testing.T) {
	for _, name := range []string{"GET", "POST"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlock(t, 2)
				f.dead(0)
				ask := f.asking(method(name))
				for range 6000 { // a minute
					wantSaid(t, ask(soon, post("x")), `200 {"host":1,"body":"x"}`)
					time.Sleep(10 * time.Millisecond)
				}
				if n := f.dials.Load(); n > 12 {
					t.Errorf("got %d connections, want a try now and then", n)
				}
				f.revive(0)
				for range 6000 {
					ask(soon, post("x"))
					time.Sleep(10 * time.Millisecond)
				}
				if f.hits[0].Load() < 1000 {
					t.Errorf("got %s: it never came back", f.counts())
				}
			})
		})
	}
}

func TestAHostKilledAndRestartedEveryTwoSecondsCostsNoClientAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.late[0].Store(int64(5 * time.Millisecond))
		f.late[1].Store(int64(5 * time.Millisecond))
		ask := f.asking(Config{})
		var wg sync.WaitGroup
		end := time.Now().Add(20 * time.Second)
		wg.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				f.dead(0)
				time.Sleep(2 * time.Second)
				f.revive(0)
				time.Sleep(2 * time.Second)
			}
		})
		var failed atomic.Int64
		for time.Now().Before(end) {
			wg.Go(func() {
				if got := ask(soon, get()); !strings.HasPrefix(got, "200 ") {
					failed.Add(1)
					t.Error(got)
				}
			})
			time.Sleep(2 * time.Millisecond)
		}
		wg.Wait()
	})
}

func TestAPOSTIsNeverSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		for i := range f.hosts {
			f.serve(f.hosts[i]+":80", func(_ http.ResponseWriter, r *http.Request) {
				f.hits[i].Add(1)
				_, _ = io.ReadAll(r.Body)
				f.kill(f.hosts[i]+":80", nil) // after it has read everything
			})
		}
		got := f.asking(method("POST"))(soon, post("x"))
		if !strings.HasPrefix(got, "error: upstream_reset") && !strings.HasPrefix(got, "error: upstream_bad_response") {
			t.Error(got)
		}
		if n := f.hits[0].Load() + f.hits[1].Load(); n != 1 {
			t.Errorf("it was sent %d times", n)
		}
	})
}

func TestRetriesGoToAnotherHost(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     Config
		req     *Request
		broken  int // hosts that break after the request
		hosts   int
		want    string
		reached int64
	}{
		{"GET, one of two breaks", method("GET"), get(), 1, 2, "200 ", 2},
		{"PUT with its body", method("PUT"), post("b"), 1, 2, "200 ", 2},
		{"POST is not repeated", method("POST"), post("b"), 2, 2, "error: ", 1},
		{"POST is where the file says so", Config{Method: "POST", TravelConfig: TravelConfig{RetryMethods: []string{"POST"}}}, post("b"), 1, 2, "200 ", 2},
		{"a PUT whose body is gone is not", method("PUT"), &Request{Method: "PUT", Body: Body{Stream: strings.NewReader("b"), Length: 1}}, 2, 2, "error: ", 1},
		{"no retries", Config{TravelConfig: TravelConfig{Retries: ptr(0)}}, get(), 2, 2, "error: ", 1},
		{"one retry is one", Config{TravelConfig: TravelConfig{Retries: ptr(1)}}, get(), 3, 3, "error: ", 2},
		{"two retries", Config{TravelConfig: TravelConfig{Retries: ptr(2)}}, get(), 2, 3, "200 ", 3},
		{"never the same host again", Config{TravelConfig: TravelConfig{Retries: ptr(9)}}, get(), 3, 3, "error: ", 3},
		{"a single host is not asked again", Config{TravelConfig: TravelConfig{Retries: ptr(9)}}, get(), 1, 1, "error: ", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlock(t, c.hosts)
				var reached atomic.Int64
				for i := range f.hosts {
					f.serve(f.hosts[i]+":80", func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.ReadAll(r.Body)
						if int(reached.Add(1)) <= c.broken {
							f.kill(f.hosts[i]+":80", nil)
							return
						}
						fmt.Fprint(w, `{}`)
					})
				}
				got := f.asking(c.cfg)(soon, c.req)
				if !strings.HasPrefix(got, c.want) || reached.Load() != c.reached {
					t.Errorf("got %s after %d requests, want %s after %d", got, reached.Load(), c.want, c.reached)
				}
			})
		})
	}
}

func TestRetriesKeepToTheirBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		var reached atomic.Int64
		for i := range f.hosts {
			f.serve(f.hosts[i]+":80", func(_ http.ResponseWriter, _ *http.Request) {
				reached.Add(1)
				f.kill(f.hosts[i]+":80", nil)
			})
		}
		ask := f.asking(Config{})
		const n = 10000
		for range n {
			ask(soon, get())
			time.Sleep(time.Millisecond)
		}
		if more := reached.Load() - n; more > n/10+budgetFloor {
			t.Errorf("got %d requests more, want a tenth of %d at most", more, n)
		}
	})
}

func TestASilentHostIsAskedPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.frozen[0].Store(true)
		ask := f.asking(Config{})
		slow := 0
		for range 1000 {
			before := time.Now()
			wantSaid(t, ask(soon, get()), `200 {"host":1,"body":""}`)
			if waited := time.Since(before); waited > soon/2 {
				t.Errorf("waited %v", waited)
			} else if waited > 0 {
				slow++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if slow > 10 {
			t.Errorf("%d of 1000 had to wait for the silent host: it did not rest", slow)
		}
		if n := f.hits[0].Load(); n > 10 {
			t.Errorf("the silent host was asked %d times", n)
		}
	})
}

func TestASlowAnswerIsNotCutShortByARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		for i := range f.hosts {
			f.late[i].Store(int64(1500 * time.Millisecond))
		}
		ask := f.asking(Config{})
		for range 10 {
			before := time.Now()
			if got := ask(soon, get()); !strings.HasPrefix(got, "200 ") {
				t.Error(got)
			}
			if waited := time.Since(before); waited != 1500*time.Millisecond {
				t.Errorf("waited %v, want what the first host takes", waited)
			}
		}
	})
}

func TestHedging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.late[0].Store(int64(time.Second))
		hedge := conf.Duration(50 * time.Millisecond)
		ask := f.asking(Config{TravelConfig: TravelConfig{HedgeAfter: &hedge, Balance: "round_robin"}})
		for range 20 {
			before := time.Now()
			wantSaid(t, ask(soon, get()), `200 {"host":1,"body":""}`)
			if waited := time.Since(before); waited > 60*time.Millisecond {
				t.Errorf("waited %v", waited)
			}
			time.Sleep(2 * time.Second)
		}
		ask = f.asking(Config{Method: "PUT", TravelConfig: TravelConfig{HedgeAfter: &hedge, Balance: "round_robin"}})
		before := time.Now()
		ask(10*time.Second, post("x"))
		ask(10*time.Second, post("x"))
		if waited := time.Since(before); waited != time.Second {
			t.Errorf("two PUTs took %v, want the second that one of the hosts takes: only reads are hedged", waited)
		}
	})
}

// Heads of both may come in the same instant: whoever is taken, it is taken whole. The delay is one at which the first is
// told of its end at once, and one at which it is young.
func TestARaceThatNobodyWins(t *testing.T) {
	for _, delay := range []time.Duration{50 * time.Millisecond, outbound.Young, 400 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			f := newFlock(t, 2)
			var turn atomic.Int64
			for _, h := range f.hosts {
				f.serve(h+":80", func(w http.ResponseWriter, _ *http.Request) {
					if turn.Add(1)%2 == 1 {
						time.Sleep(delay) // the other one is asked after it, and answers at once
					}
					_, _ = io.WriteString(w, `{"a":`)
					_ = http.NewResponseController(w).Flush()
					time.Sleep(time.Millisecond)
					_, _ = io.WriteString(w, `1}`)
				})
			}
			hedge := conf.Duration(delay)
			ask := f.asking(Config{TravelConfig: TravelConfig{HedgeAfter: &hedge}})
			for range 300 {
				wantSaid(t, ask(soon, get()), `200 {"a":1}`)
				time.Sleep(time.Second)
				turn.Store(0)
			}
		})
	}
}

func TestHedgingNeedsNoRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.frozen[0].Store(true)
		hedge := conf.Duration(50 * time.Millisecond)
		ask := f.asking(Config{TravelConfig: TravelConfig{HedgeAfter: &hedge, Retries: ptr(0)}})
		for range 2 {
			wantSaid(t, ask(soon, get()), `200 {"host":1,"body":""}`)
		}
		ask = f.asking(Config{TravelConfig: TravelConfig{Retries: ptr(0), Balance: "round_robin"}})
		failed := 0
		for range 2 {
			if strings.HasPrefix(ask(soon, get()), "error: upstream_timeout") {
				failed++
			}
		}
		if failed != 1 {
			t.Errorf("%d of two failed without retries, want the one at the frozen host", failed)
		}
	})
}

func TestRedirectsWithinABackend(t *testing.T) {
	for _, c := range []struct {
		name, method string
		status       int
		location     string
		max          int
		want         string
	}{
		{"GET stays GET", "GET", 302, "/end?x=1", 5, `200 {"to":"GET /end?x=1","type":"a/b","body":""}`},
		{"POST becomes GET without its body", "POST", 302, "/end", 5, `200 {"to":"GET /end","type":"","body":""}`},
		{"PUT does not by 302", "PUT", 302, "/end", 5, `200 {"to":"PUT /end","type":"a/b","body":"b"}`},
		{"PUT does by 303", "PUT", 303, "/end", 5, `200 {"to":"GET /end","type":"","body":""}`},
		{"POST stays POST by 307, with its body", "POST", 307, "/end", 5, `200 {"to":"POST /end","type":"a/b","body":"b"}`},
		{"relative to where it came from", "GET", 302, "../end", 5, `200 {"to":"GET /a/end","type":"a/b","body":""}`},
		{"a query alone", "GET", 302, "?end", 5, `200 {"to":"GET /a/b/begin?end","type":"a/b","body":""}`},
		{"two slashes are another host", "GET", 302, "//end", 5, "error: upstream_status: status 302"},
		{"in circles", "GET", 302, "/a/b/begin", 5, "error: upstream_status: status 302"},
		{"not at all", "GET", 302, "/end", 0, "error: upstream_status: status 302"},
		{"no Location", "GET", 302, "", 5, "error: upstream_status: status 302"},
		{"a Location that is none", "GET", 302, "http://[", 5, "error: upstream_status: status 302"},
		{"control characters", "GET", 302, "/a%0d%0ab", 5, `200 {"to":"GET /a%0d%0ab","type":"a/b","body":""}`},
		{"304 is no redirect", "GET", 304, "/end", 5, "error: upstream_status: status 304"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				hits := 0
				r.serve("origin.test:80", func(w http.ResponseWriter, req *http.Request) {
					hits++
					if req.URL.Path == "/a/b/begin" && !strings.Contains(req.URL.RawQuery, "end") {
						w.Header().Set("Location", c.location)
						w.WriteHeader(c.status)
						return
					}
					body, _ := io.ReadAll(req.Body)
					fmt.Fprintf(w, `{"to":%q,"type":%q,"body":%q}`, req.Method+" "+req.URL.RequestURI(), req.Header.Get("Content-Type"), body)
				})
				fetch := r.backend(Config{URLPattern: "/a/b/begin", Method: c.method, FollowRedirects: &c.max})
				req := &Request{Method: c.method, Header: []outbound.Field{{Name: "Content-Type", Value: "a/b"}}}
				if c.method != "GET" {
					req.Body = Body{Bytes: []byte("b"), Length: 1}
				}
				if got := said(fetch(t.Context(), req)); !strings.HasPrefix(got, c.want) || hits > c.max+1 {
					t.Errorf("got %s after %d requests, want %s", got, hits, c.want)
				}
			})
		})
	}
}

func TestAStreamIsHedgedAndReadToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.frozen[0].Store(true)
		f.env.Timeout = soon
		fetch := f.backend(Config{Host: f.hosts, URLPattern: "/", Encoding: "no-op"})
		for range 10 {
			wantSaid(t, said(fetch(t.Context(), get())), `200 "{\"host\":1,\"body\":\"\"}"`)
		}
		f.env.Hosts.upstreams.Each(func(k upstreamKey, u *upstream) {
			if n := u.load.Load(); n != 0 {
				t.Errorf("%s has %d exchanges in flight, want 0", k.origin, n)
			}
		})
	})
}

func TestAllHostsResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 3)
		ask := f.asking(Config{})
		for i := range f.hosts {
			f.dead(i)
		}
		for range 20 {
			if got := ask(soon, get()); !strings.HasPrefix(got, "error: upstream_refused") {
				t.Error(got)
			}
		}
		for i := range f.hosts {
			f.revive(i)
		}
		if got := ask(soon, get()); !strings.HasPrefix(got, "200 ") {
			t.Errorf("all came back, and nobody asks them: %s", got)
		}
	})
}

func TestAClientThatLeavesEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.frozen[0].Store(true)
		f.frozen[1].Store(true)
		hedge := conf.Duration(10 * time.Millisecond)
		fetch := f.backend(Config{Host: f.hosts, URLPattern: "/", TravelConfig: TravelConfig{HedgeAfter: &hedge}})
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, leave)
		before := time.Now()
		res, err := fetch(ctx, get())
		res.Close()
		if waited := time.Since(before); waited != 100*time.Millisecond || reasonIn(err) != ReasonCanceled {
			t.Errorf("got %v after %v", err, waited)
		}
		if f.hits[0].Load() != 1 || f.hits[1].Load() != 1 {
			t.Errorf("got %s, want both asked", f.counts())
		}
	})
}

func TestHealthChecksLeaveOutWhoIsNotWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		var sick atomic.Bool
		f.serve("h0.test:80", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				if sick.Load() {
					w.WriteHeader(503)
				}
				return
			}
			f.hits[0].Add(1)
			fmt.Fprint(w, `{}`)
		})
		life := new(keep.Life)
		f.env.Life = life
		every := conf.Duration(time.Second)
		ask := f.asking(Config{TravelConfig: TravelConfig{HealthCheck: &HealthConfig{Path: "/health", Interval: &every}}})
		defer life.Close()
		sick.Store(true)
		time.Sleep(5 * time.Second)
		for range 100 {
			ask(soon, get())
		}
		if f.hits[0].Load() != 0 {
			t.Errorf("got %s, want none at the sick one", f.counts())
		}
		sick.Store(false)
		time.Sleep(5 * time.Second)
		for range 100 {
			ask(soon, get())
		}
		if f.hits[0].Load() != 50 {
			t.Errorf("got %d at the one that recovered, want half of 100", f.hits[0].Load())
		}
	})
}

func TestHealthChecksCountWhatTheFileSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		var statuses [2]atomic.Int64
		for i, h := range f.hosts {
			statuses[i].Store(204)
			f.serve(h+":80", func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RequestURI() == "/h?deep=1" {
					w.WriteHeader(int(statuses[i].Load()))
					return
				}
				f.hits[i].Add(1)
				fmt.Fprint(w, `{}`)
			})
		}
		statuses[0].Store(200) // of the first check, which begins with asking
		life := new(keep.Life)
		f.env.Life = life
		every := conf.Duration(10 * time.Second)
		ask := f.asking(Config{TravelConfig: TravelConfig{Balance: "round_robin", HealthCheck: &HealthConfig{Path: "/h?deep=1", Interval: &every,
			Status: Statuses("204"), Unhealthy: ptr(4), Healthy: ptr(4)}}})
		defer life.Close()
		share := func() int64 {
			before := f.hits[0].Load()
			for range 10 {
				ask(soon, get())
			}
			return f.hits[0].Load() - before
		}
		for _, step := range []struct {
			status int64
			wait   time.Duration
			want   int64
		}{{200, 25 * time.Second, 5}, {200, 10 * time.Second, 0}, {204, 20 * time.Second, 0}, {204, 40 * time.Second, 5}} {
			statuses[0].Store(step.status)
			time.Sleep(step.wait)
			if got := share(); got != step.want {
				t.Errorf("%d for %v: got %d of 10, want %d", step.status, step.wait, got, step.want)
			}
		}
	})
}

// Checks are shared by those who want the same, go on through a reload, and do not overrule each other.
func TestHealthChecksAreSharedAndOutliveAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		var asked, other atomic.Int64
		f.serve("h0.test:80", func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/health":
				asked.Add(1)
				w.WriteHeader(503)
			case "/well":
				other.Add(1)
			default:
				f.hits[0].Add(1)
				fmt.Fprint(w, `{}`)
			}
		})
		every := conf.Duration(time.Second)
		compile := func() (*keep.Life, func(time.Duration, *Request) string) {
			life := new(keep.Life)
			f.env.Life = life
			ask := f.asking(Config{TravelConfig: TravelConfig{HealthCheck: &HealthConfig{Path: "/health", Interval: &every}}})
			f.asking(Config{TravelConfig: TravelConfig{HealthCheck: &HealthConfig{Path: "/health", Interval: &every}}})
			f.asking(Config{TravelConfig: TravelConfig{HealthCheck: &HealthConfig{Path: "/well", Interval: &every}}})
			life.Start()
			return life, ask
		}
		life, _ := compile()
		for range 10 {
			time.Sleep(5 * time.Second)
			old := life
			var ask func(time.Duration, *Request) string
			life, ask = compile()
			ask(soon, get())
			ask(soon, get())
			old.Close()
		}
		if f.hits[0].Load() != 0 {
			t.Errorf("got %s, want none at the sick one", f.counts())
		}
		if a, o := asked.Load(), other.Load(); a < 45 || a > 60 || o < 45 || o > 60 {
			t.Errorf("got %d and %d questions in 50 s, want one a second of each", a, o)
		}
		life.Close()
		before := asked.Load()
		time.Sleep(time.Minute)
		if n := asked.Load() - before; n != 0 {
			t.Errorf("got %d questions after the end", n)
		}
	})
}

func TestHostsOfSRVRecordsAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 3)
		var sick atomic.Bool
		var asked atomic.Int64
		f.serve("h1.test:80", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				asked.Add(1)
				if sick.Load() {
					w.WriteHeader(503)
				}
				return
			}
			f.hits[1].Add(1)
			fmt.Fprint(w, `{}`)
		})
		var mu sync.Mutex
		found := []*net.SRV{{Target: "h0.test.", Port: 80}, {Target: "h1.test.", Port: 80}}
		broken := true
		f.env.Hosts.lookup = func(context.Context, string) ([]*net.SRV, error) {
			mu.Lock()
			defer mu.Unlock()
			if broken {
				return nil, &net.DNSError{Err: "no answer"}
			}
			return found, nil
		}
		life := new(keep.Life)
		f.env.Life = life
		every := conf.Duration(time.Second)
		fetch := f.backend(Config{Host: []string{"_http._tcp.svc.test"}, URLPattern: "/", TravelConfig: TravelConfig{SD: "dns", HealthCheck: &HealthConfig{Path: "/health", Interval: &every}}})
		life.Start()
		defer life.Close()
		sick.Store(true)
		time.Sleep(5 * time.Second)
		mu.Lock()
		broken = false
		mu.Unlock()
		time.Sleep(5 * time.Second) // nobody has asked yet
		before := f.hits[1].Load()
		for range 100 {
			wantSaid(t, said(fetch(t.Context(), get())), `200 {"host":0,"body":""}`)
		}
		if n := f.hits[1].Load() - before; n != 0 {
			t.Errorf("got %d at the sick one, want none", n)
		}
		sick.Store(false)
		time.Sleep(5 * time.Second)
		for range 100 {
			said(fetch(t.Context(), get()))
		}
		if n := f.hits[1].Load() - before; n != 50 {
			t.Errorf("got %d at the one that recovered, want half of 100", n)
		}
		mu.Lock()
		found = []*net.SRV{{Target: "h0.test.", Port: 80}, {Target: "h2.test.", Port: 80}}
		mu.Unlock()
		time.Sleep(2 * defaultDNSTTL)
		n := asked.Load()
		time.Sleep(10 * time.Second)
		if asked.Load() != n {
			t.Error("a host that DNS has dropped is asked on")
		}
	})
}

func TestHostsOfSRVRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 4)
		var mu sync.Mutex
		var fault error
		found := []*net.SRV{{Target: "h0.test.", Port: 80, Weight: 1}, {Target: "h1.test.", Port: 80, Weight: 3}, {Target: "h2.test.", Port: 80, Priority: 9}}
		lookups := 0
		f.env.Hosts.lookup = func(_ context.Context, name string) ([]*net.SRV, error) {
			mu.Lock()
			defer mu.Unlock()
			lookups++
			if name != "_http._tcp.svc.test" {
				t.Errorf("asked for %q", name)
			}
			return found, fault
		}
		cfg := Config{Host: []string{"http://_http._tcp.svc.test"}, URLPattern: "/", TravelConfig: TravelConfig{SD: "dns", Balance: "round_robin"}}
		fetch := f.backend(cfg)
		ask := func(n int) {
			t.Helper()
			for range n {
				if got := said(fetch(t.Context(), get())); !strings.HasPrefix(got, "200 ") {
					t.Fatal(got)
				}
			}
		}
		ask(40)
		if got := f.counts(); got != "10 30 0 0" || lookups != 1 {
			t.Errorf("got %s after %d lookups, want them by their weights and the lowest priority alone", got, lookups)
		}
		mu.Lock()
		found = []*net.SRV{{Target: "h3.test.", Port: 80}}
		mu.Unlock()
		time.Sleep(40 * time.Second)
		ask(1)
		time.Sleep(time.Second)
		ask(10)
		if f.hits[3].Load() < 10 {
			t.Errorf("got %s, want the new host", f.counts())
		}
		mu.Lock()
		fault = &net.DNSError{Err: "no answer"}
		mu.Unlock()
		for range 100 {
			ask(1)
			time.Sleep(5 * time.Second)
		}
	})
}

func TestHostsOfSRVRecordsSpeakTheSchemeOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 1)
		f.env.Hosts.lookup = func(context.Context, string) ([]*net.SRV, error) {
			return []*net.SRV{{Target: "h0.test.", Port: 80}}, nil
		}
		cfg := Config{Host: []string{"svc.test"}, URLPattern: "/", TravelConfig: TravelConfig{SD: "dns"}}
		for scheme, want := range map[string]string{"": "200 ", "http": "200 ", "https": "error: upstream_tls"} {
			cfg.SDScheme = scheme
			if got := said(f.backend(cfg)(t.Context(), get())); !strings.HasPrefix(got, want) {
				t.Errorf("%q: got %s, want %s", scheme, got, want)
			}
		}
	})
}

func TestTravelMistakes(t *testing.T) {
	short := conf.Duration(time.Millisecond)
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no host", Config{}, "host: no host: neither the backend nor the service names one"},
		{"a way nobody knows", Config{Host: []string{"a"}, TravelConfig: TravelConfig{Balance: "best"}}, `balance: got "best", want least_outstanding, round_robin, random or hash`},
		{"a hash of nothing", Config{Host: []string{"a"}, TravelConfig: TravelConfig{Balance: "hash"}}, `balance_by: got "", want "header:NAME" or "claim:NAME"`},
		{"a key for nothing", Config{Host: []string{"a"}, TravelConfig: TravelConfig{BalanceBy: "header:a"}}, `balance_by: means nothing unless balance is "hash"`},
		{"a claim without a token", Config{Host: []string{"a"}, TravelConfig: TravelConfig{Balance: "hash", BalanceBy: "claim:sub"}}, "balance_by: goes by a claim, and the endpoint has no auth/validator"},
		{"too many retries", Config{Host: []string{"a"}, TravelConfig: TravelConfig{Retries: ptr(11)}}, "retries: got 11, want 0 to 10"},
		{"a small method", Config{Host: []string{"a"}, TravelConfig: TravelConfig{RetryMethods: []string{"post"}}}, `retry_methods[0]: got "post", want a method such as "POST"`},
		{"two names for DNS", Config{Host: []string{"a", "b"}, TravelConfig: TravelConfig{SD: "dns"}}, "host: got 2 hosts, want the one name whose SRV records are the hosts"},
		{"health checks all the time", Config{Host: []string{"a"}, TravelConfig: TravelConfig{HealthCheck: &HealthConfig{Interval: &short}}}, "health_check.interval: got 1ms, want at least 100ms"},
		{"a bad proxy", Config{Host: []string{"a"}, Extra: Extra{Client: &HTTPClientConfig{Proxy: "x"}}}, `extra_config.backend/http/client.proxy_address: want http://host:port or https://host:port, or "none"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			_, err := New(c.cfg.Inherit(nil, "GET"), r.env)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

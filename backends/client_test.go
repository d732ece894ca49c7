package backends

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

func TestAHostHasSoManyConnectionsAndAShortQueue(t *testing.T) {
	for _, c := range []struct {
		name    string
		wait    time.Duration
		takes   time.Duration
		callers int
		served  int64
		longest time.Duration
	}{
		{"two at a time, nobody may wait", -1, time.Second, 10, 2, time.Second},
		{"two wait, and the others are told when they have waited long enough", 1500 * time.Millisecond, time.Second, 10, 4, 2 * time.Second},
		{"who waits for too long is told too", 500 * time.Millisecond, time.Second, 10, 2, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlock(t, 1)
				f.late[0].Store(int64(c.takes))
				wait := conf.Duration(max(c.wait, 0))
				ask := f.asking(Config{Extra: Extra{Client: &HTTPClientConfig{TransportConfig: TransportConfig{MaxOpen: ptr(2), MaxWait: &wait}}}})
				var served, limited atomic.Int64
				var wg sync.WaitGroup
				for range c.callers {
					wg.Go(func() {
						before := time.Now()
						switch got := ask(10*time.Second, get()); {
						case strings.HasPrefix(got, "200 "):
							served.Add(1)
						case strings.HasPrefix(got, "error: upstream_limited"):
							limited.Add(1)
							if waited := time.Since(before); waited > max(c.wait, 0) {
								t.Errorf("told after %v", waited)
							}
						default:
							t.Error(got)
						}
						if waited := time.Since(before); waited > c.longest {
							t.Errorf("waited %v", waited)
						}
					})
				}
				wg.Wait()
				if served.Load() != c.served || served.Load()+limited.Load() != int64(c.callers) {
					t.Errorf("got %d served and %d told to come again, want %d served", served.Load(), limited.Load(), c.served)
				}
			})
		})
	}
}

// The time of a fetch is kept to the nanosecond, however it is kept, and be it a stream without a deadline of its own.
func TestAFetchEndsWithItsTime(t *testing.T) {
	for _, encoding := range []string{"json", "no-op"} {
		for within := time.Millisecond; within < 600*time.Millisecond; within += max(3*time.Millisecond, within/9) {
			synctest.Test(t, func(t *testing.T) {
				f := newFlock(t, 1)
				timeout := conf.Duration(within)
				fetch := f.backend(Config{Host: f.hosts, URLPattern: "/", Encoding: encoding, Timeout: &timeout})
				ask := func() string {
					parent := Within(&looker{Context: t.Context(), sees: true}, time.Minute, encoding == "no-op")
					defer parent.End()
					return said(fetch(parent, get()))
				}
				if got := ask(); !strings.HasPrefix(got, "200 ") { // who dials waits: the next one finds its connection
					t.Fatal(got)
				}
				f.frozen[0].Store(true)
				began := time.Now()
				if got := ask(); !strings.HasPrefix(got, "error: upstream_timeout") {
					t.Errorf("%s, %v: %s", encoding, within, got)
				}
				if took := time.Since(began); took != within {
					t.Errorf("%s: took %v, want %v", encoding, took, within)
				}
			})
		}
	}
}

func TestABusyHostIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 2)
		f.late[0].Store(int64(time.Minute))
		wait := conf.Duration(0)
		ask := f.asking(Config{Method: "POST", TravelConfig: TravelConfig{Balance: "round_robin"}, Extra: Extra{Client: &HTTPClientConfig{TransportConfig: TransportConfig{MaxOpen: ptr(1), MaxWait: &wait}}}})
		var wg sync.WaitGroup
		wg.Go(func() { ask(2*time.Minute, post("x")) })
		wg.Go(func() { ask(2*time.Minute, post("x")) })
		time.Sleep(time.Second)
		for range 10 {
			wantSaid(t, ask(soon, post("x")), `200 {"host":1,"body":"x"}`)
		}
		wg.Wait()
	})
}

func TestAHeadThatIsLateIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlock(t, 1)
		f.frozen[0].Store(true)
		head := conf.Duration(300 * time.Millisecond)
		ask := f.asking(Config{Extra: Extra{Client: &HTTPClientConfig{TransportConfig: TransportConfig{HeadTimeout: &head}}}})
		before := time.Now()
		if got := ask(10*time.Second, get()); !strings.HasPrefix(got, "error: upstream_timeout") || time.Since(before) != 300*time.Millisecond {
			t.Errorf("got %s after %v", got, time.Since(before))
		}
	})
}

func TestWhatABackendDoesNotSayItHasFromTheService(t *testing.T) {
	second, minute := conf.Duration(time.Second), conf.Duration(time.Minute)
	service := TransportConfig{ConnectTimeout: &second, MaxIdle: ptr(7), MaxAge: &minute, SkipVerify: true, Protocol: "http2"}
	for _, c := range []struct {
		name string
		own  TransportConfig
		want func(outbound.Options) bool
	}{
		{"nothing", TransportConfig{}, func(o outbound.Options) bool {
			return o.ConnectTimeout == time.Second && o.MaxIdle == 7 && o.MaxAge == time.Minute && o.TLS.InsecureSkipVerify && o.Protocol == outbound.HTTP2 && o.MaxOpen == defaultMaxOpen
		}},
		{"its own", TransportConfig{ConnectTimeout: &minute, MaxOpen: ptr(3), NoKeepAlive: true, Protocol: "auto"}, func(o outbound.Options) bool {
			return o.ConnectTimeout == time.Minute && o.MaxOpen == 3 && o.MaxIdle == -1 && o.Protocol == outbound.Auto
		}},
		{"certificates of its own end the service's skipping", TransportConfig{TLS: &outbound.TLSConfig{ServerName: "x"}}, func(o outbound.Options) bool {
			return !o.TLS.InsecureSkipVerify && o.TLS.ServerName == "x"
		}},
	} {
		full := c.own.over(service)
		o, err := full.options(outbound.Options{})
		if err != nil || !c.want(o) {
			t.Errorf("%s: got %+v, %v", c.name, o, err)
		}
	}
	if _, err := (&TransportConfig{MaxAge: ptr(conf.Duration(-1)), MaxOpen: ptr(-1)}).options(outbound.Options{}); len(conf.Flatten(err)) != 2 {
		t.Errorf("got %v, want two mistakes", err)
	}
}

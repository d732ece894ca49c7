package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRace dials addresses whose first letter says how they behave: h hangs, r refuses after a second, o is open.
func TestRace(t *testing.T) {
	v4 := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, n}) }
	v6 := func(n byte) netip.Addr { return netip.AddrFrom16([16]byte{0xfd, 15: n}) }
	const hangs, refuses, open = 1, 2, 3
	rows := []struct {
		name  string
		addrs []netip.Addr
		delay time.Duration
		won   netip.Addr
		after time.Duration
	}{
		{"the first", []netip.Addr{v6(open), v4(open)}, 300 * time.Millisecond, v6(open), 0},
		{"the second of one family", []netip.Addr{v4(refuses), v4(open)}, 300 * time.Millisecond, v4(open), time.Second},
		{"the other family after its delay", []netip.Addr{v6(hangs), v4(open)}, 300 * time.Millisecond, v4(open), 300 * time.Millisecond},
		{"the other family when the first is refused", []netip.Addr{v6(refuses), v4(open)}, 3 * time.Second, v4(open), time.Second},
		{"all in turn without a race", []netip.Addr{v6(refuses), v4(refuses), v4(open)}, -1, v4(open), 2 * time.Second},
		{"past one that hangs, after its share of the time", []netip.Addr{v4(hangs), v4(open)}, -1, v4(open), 5 * time.Second},
		{"nobody", []netip.Addr{v6(refuses), v4(refuses)}, 300 * time.Millisecond, netip.Addr{}, 1300 * time.Millisecond},
		{"nobody in time", []netip.Addr{v6(hangs), v4(hangs)}, 300 * time.Millisecond, netip.Addr{}, 10 * time.Second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var conns []net.Conn
				one := func(ctx context.Context, a netip.Addr) (net.Conn, error) {
					switch a.AsSlice()[len(a.AsSlice())-1] {
					case hangs:
						<-ctx.Done()
						return nil, ctx.Err()
					case refuses:
						time.Sleep(time.Second)
						return nil, errors.New("refused")
					}
					c, _ := net.Pipe()
					mu.Lock()
					defer mu.Unlock()
					conns = append(conns, c)
					return named{c, a}, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				began := time.Now()
				nc, err := race(ctx, row.addrs, row.delay, one)
				if took := time.Since(began); took != row.after {
					t.Errorf("took %v, want %v", took, row.after)
				}
				if row.won.IsValid() != (err == nil) || err == nil && nc.(named).addr != row.won {
					t.Errorf("got %v, %v, want %v", nc, err, row.won)
				}
			})
		})
	}
}

type named struct {
	net.Conn
	addr netip.Addr
}

func TestResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		answer, lookups, down := []netip.Addr{netip.MustParseAddr("10.0.0.1")}, 0, false
		set := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
		r := NewResolver(30*time.Second, func(context.Context, string) ([]netip.Addr, error) {
			mu.Lock()
			defer mu.Unlock()
			lookups++
			if down {
				return nil, &net.DNSError{Err: "server misbehaving", Name: "a.test"}
			}
			return slices.Clone(answer), nil
		})
		defer r.Close()
		want := func(addr string) {
			t.Helper()
			got, err := r.Lookup(t.Context(), "a.test")
			if err != nil || len(got) != 1 || got[0].String() != addr {
				t.Fatalf("got %v, %v, want %s", got, err, addr)
			}
		}
		for range 20 {
			want("10.0.0.1")
			time.Sleep(time.Second)
		}
		if lookups != 1 {
			t.Errorf("got %d lookups in 20 s, want 1", lookups)
		}
		set(func() { answer[0] = netip.MustParseAddr("::ffff:10.0.0.2") })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		want("10.0.0.2")
		set(func() { down = true })
		for range 600 {
			time.Sleep(time.Second)
			want("10.0.0.2")
		}
		set(func() { down, answer[0] = false, netip.MustParseAddr("10.0.0.3") })
		time.Sleep(31 * time.Second)
		synctest.Wait()
		want("10.0.0.3")
	})
}

func TestResolverInAPool(t *testing.T) {
	r := NewResolver(0, func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "here.test":
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		case "empty.test":
			return nil, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	})
	defer r.Close()
	_, port, _ := strings.Cut(rawServer(t, ok), ":")
	for host, reason := range map[string]Reason{"here.test": "", "gone.test": DNS, "empty.test": DNS, "127.0.0.1": ""} {
		p, err := New(Origin{"http", host, port}, Options{Resolver: r, Proxy: "none"})
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := fetchAll(t.Context(), p, plainGet)
		if reason != "" {
			wantReason(t, err, reason)
		} else if err != nil || body != "ok" {
			t.Errorf("%s: got %q, %v, want ok", host, body, err)
		}
		p.Close()
	}
}

func TestOrigins(t *testing.T) {
	rows := []struct{ in, out, address, authority string }{
		{"http://a.test", "http://a.test", "a.test:80", "a.test"},
		{"HTTPS://A.Test/", "https://a.test", "a.test:443", "a.test"},
		{"http://a.test:8080", "http://a.test:8080", "a.test:8080", "a.test:8080"},
		{"https://a.test:443", "https://a.test", "a.test:443", "a.test"},
		{"http://[::1]", "http://[::1]", "[::1]:80", "[::1]"},
		{"http://[::1]:81", "http://[::1]:81", "[::1]:81", "[::1]:81"},
	}
	for _, row := range rows {
		o, err := ParseOrigin(row.in)
		if err != nil || o.String() != row.out || o.Address() != row.address || o.Authority() != row.authority {
			t.Errorf("%s: got %s %s %s, %v", row.in, o, o.Address(), o.Authority(), err)
		}
	}
	for _, bad := range []string{"", "a.test", "ftp://a.test", "http://", "http://a.test/path", "http://a.test?q", "http://u:p@a.test", "http://a.test:0", "http://a.test:65536", "http://a.test:x", "http://a b", "http://a.test#f", "://"} {
		if o, err := ParseOrigin(bad); err == nil {
			t.Errorf("%q: got %v, want a mistake", bad, o)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: the mistake tells the password: %v", bad, err)
		}
	}
}

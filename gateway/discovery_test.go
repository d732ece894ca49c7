package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"gatehouse/internal/gatewaytest"
)

// TestHostsThatDNSNames plays sd: dns of a KrakenD file against a name server: krakend.md 2.4.
func TestHostsThatDNSNames(t *testing.T) {
	names := gatewaytest.StartNames(t)
	record := func(name string, priority, weight uint16) net.SRV {
		u, _ := url.Parse(upstream(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"from":%q}`, name) }))
		port, _ := strconv.Atoi(u.Port())
		return net.SRV{Target: name + ".orders.test.", Port: uint16(port), Priority: priority, Weight: weight}
	}
	a, b, c := record("a", 1, 3), record("b", 1, 1), record("c", 9, 50)
	names.Set("_http._tcp.orders.test", a, b, c)
	s := open(t, `{"version": 3, "dns_cache_ttl": "1s", "endpoints": [{"endpoint": "/orders", "backend": [
		{"url_pattern": "/", "host": ["_http._tcp.orders.test"], "sd": "dns", "sd_scheme": "http", "disable_host_sanitize": true}]}]}`)
	web := client(t, nil, "h1")
	ask := func() string {
		res, err := web.Get("http://" + s.addr + "/orders")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, " ", string(body))
	}
	said := map[string]int{}
	for range 400 {
		said[ask()]++
	}
	near := func(n, want int) bool { return n > want-60 && n < want+60 } // hosts are drawn where there are several processors
	if !near(said[`200 {"from":"a"}`], 300) || !near(said[`200 {"from":"b"}`], 100) || len(said) != 2 {
		t.Errorf("got %v, want a three times as often as b, and nobody else: c has another priority", said)
	}
	c.Weight = 0
	names.Set("_http._tcp.orders.test", c)
	for deadline := time.Now().Add(10 * time.Second); ask() != `200 {"from":"c"}`; {
		if time.Now().After(deadline) {
			t.Fatalf("c is not asked after 10 s and %d look-ups", names.Asked())
		}
	}
	names.Fail()
	deadline := time.Now().Add(10 * time.Second)
	for before, more := names.Asked(), 50; more > 0; { // 50 of them behind a look-up that failed
		if got := ask(); got != `200 {"from":"c"}` {
			t.Fatalf("got %s while the name server fails, want the last that it said", got)
		}
		if names.Asked() > before {
			more--
		} else if time.Now().After(deadline) {
			t.Fatal("no look-up in 10 s")
		}
	}
}

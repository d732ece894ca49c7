package gateway_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"gatehouse/gateway"
)

// TestAReloadForgivesNoRequests compiles a second configuration beside the first: a limit that it leaves alone goes on
// counting, one that it changes begins anew.
func TestAReloadForgivesNoRequests(t *testing.T) {
	backend := upstream(t, func(http.ResponseWriter, *http.Request) {})
	shared := newShared(slog.New(slog.DiscardHandler))
	defer closeShared(shared)
	load := func(limit string) *gateway.Gateway {
		t.Helper()
		cfg, doc, err := gateway.Parse("gateway.json", []byte(`{"version": 4, "host": ["`+backend+`"], "endpoints": [
			{"endpoint": "/a", "backend": [{"url_pattern": "/"}], "extra_config": {"qos/ratelimit/router": {`+limit+`}}},
			{"endpoint": "/a", "match": {"host": ["b.test"]}, "backend": [{"url_pattern": "/"}], "extra_config": {"qos/ratelimit/router": {`+limit+`}}}]}`), nil)
		if err != nil {
			t.Fatal(places(doc, err))
		}
		g, err := gateway.New(cfg, shared)
		if err != nil {
			t.Fatal(places(doc, err))
		}
		return g
	}
	ask := func(g *gateway.Gateway, host string) int {
		r := httptest.NewRequest("GET", "/a", nil)
		r.Host = host
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code
	}
	for name, limit := range map[string][2]string{
		"of each client": {`"client_max_rate": 2, "every": "1h"`, `"client_max_rate": 3, "every": "1h"`},
		"of all":         {`"max_rate": 2, "every": "1h"`, `"max_rate": 3, "every": "1h"`},
	} {
		t.Run(name, func(t *testing.T) {
			first := load(limit[0])
			ask(first, "a.test")
			second := load(limit[0])
			first.Close()
			if got := []int{ask(second, "a.test"), ask(second, "a.test"), ask(second, "b.test")}; got[0] == 429 || got[1] != 429 || got[2] == 429 {
				t.Errorf("after a reload: %v, want one more, then 429, and another endpoint's limit untouched", got)
			}
			changed := load(limit[1])
			second.Close()
			if got := ask(changed, "a.test"); got == 429 {
				t.Errorf("another limit: %d, want it to begin anew", got)
			}
			changed.Close()
			again := load(limit[0])
			defer again.Close()
			if got := ask(again, "a.test"); got == 429 {
				t.Errorf("a limit that nobody has held since: %d, want it to begin anew", got)
			}
		})
	}
}

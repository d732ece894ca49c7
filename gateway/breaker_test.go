package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// An open breaker costs a request less than 50 microseconds, all the way from the door and back (half of the requests: others
// may have the processor).
func TestAnOpenBreakerCostsLittle(t *testing.T) {
	g := benchGateway(t, `{"version": 4, "host": ["http://127.0.0.1:1"], "endpoints": [{"endpoint": "/x", "backend": [{"url_pattern": "/x",
		"extra_config": {"qos/circuit-breaker": {"interval": 60, "timeout": 600, "max_errors": 1}}}]}]}`,
		"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")
	var took []time.Duration
	for i := range 1000 {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", nil)
		began := time.Now()
		g.ServeHTTP(w, r)
		took = append(took, time.Since(began))
		if i > 2 && (w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "") {
			t.Fatalf("got %d %v, want 503 and when to come back", w.Code, w.Header())
		}
	}
	slices.Sort(took)
	t.Logf("half of the requests took %v at most", took[len(took)/2])
	if half := took[len(took)/2]; half > 50*time.Microsecond {
		t.Errorf("half of the requests took more than %v, want less than 50 us", half)
	}
}

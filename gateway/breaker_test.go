package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkOpenBreaker is what a request costs that an open breaker answers, all the way from the door and back.
func BenchmarkOpenBreaker(b *testing.B) {
	g := benchGateway(b, `{"version": 4, "host": ["http://127.0.0.1:1"], "endpoints": [{"endpoint": "/x", "backend": [{"url_pattern": "/x",
		"extra_config": {"qos/circuit-breaker": {"interval": 60, "timeout": 600, "max_errors": 1}}}]}]}`,
		"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")
	ask := func() *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", nil)
		g.ServeHTTP(w, r)
		return w
	}
	for range 3 { // the failures that open it
		ask()
	}
	b.ReportAllocs()
	for b.Loop() {
		if w := ask(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			b.Fatalf("got %d %v, want 503 and when to come back", w.Code, w.Header())
		}
	}
}

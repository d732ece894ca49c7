package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/collectors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// wire is a connection between gateway and backend that can be made bad.
type wire struct{ *toxiproxy.Proxy }

func newWire(t *testing.T, upstreamURL string) *wire {
	t.Helper()
	p := toxiproxy.NewProxy(toxicServer(), "wire", "127.0.0.1:0", strings.TrimPrefix(upstreamURL, "http://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &wire{p}
}

func (w *wire) url() string { return "http://" + w.Listen }

// poison makes the way back from the backend bad, and returns what heals it.
func (w *wire) poison(t *testing.T, kind, attributes string) (heal func()) {
	t.Helper()
	_, err := w.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"name":"bad","type":%q,"stream":"downstream","toxicity":1.0,"attributes":%s}`, kind, attributes)))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := w.Toxics.RemoveToxic(context.Background(), "bad"); err != nil {
			t.Fatal(err)
		}
	}
}

const bodySize = 200_000

func bigJSON(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/small" { // a wire with latency lets it go at once when it heals
		io.WriteString(w, `{}`)
		return
	}
	fmt.Fprintf(w, `{"text":%q}`, strings.Repeat("x", bodySize))
}

func toxicGateway(t *testing.T, w *wire) *gateway {
	t.Helper()
	backend := []any{map[string]any{"host": []string{w.url()}, "url_pattern": "/"}}
	return start(t, map[string]any{"timeout": "700ms", "endpoints": []any{
		map[string]any{"endpoint": "/json", "backend": backend},
		map[string]any{"endpoint": "/small", "backend": []any{map[string]any{"host": []string{w.url()}, "url_pattern": "/small"}}},
		map[string]any{"endpoint": "/raw", "output_encoding": "no-op", "backend": backend},
	}})
}

func TestChaosToxicWires(t *testing.T) {
	t.Parallel()
	w := newWire(t, upstream(t, bigJSON))
	g := toxicGateway(t, w)
	g.want(t, "/json", "", http.StatusOK)
	rows := []struct {
		name, kind, attributes string
		status                 int
		code                   string
	}{
		{"slower than the timeout", "latency", `{"latency":1000}`, http.StatusGatewayTimeout, "upstream_timeout"},
		{"reset", "reset_peer", `{"timeout":0}`, http.StatusBadGateway, "upstream_"},
		{"cut in the middle", "limit_data", `{"bytes":5000}`, http.StatusBadGateway, "upstream_"},
		{"cut in the head", "limit_data", `{"bytes":10}`, http.StatusBadGateway, "upstream_"},
		{"a black hole", "timeout", `{"timeout":0}`, http.StatusGatewayTimeout, "upstream_timeout"},
		{"in small slices", "slicer", `{"average_size":1000,"size_variation":500,"delay":10}`, http.StatusOK, ""},
		{"slow, but fast enough", "bandwidth", `{"rate":2000}`, http.StatusOK, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			heal := w.poison(t, row.kind, row.attributes)
			began := time.Now()
			path := "/json"
			if row.kind == "latency" {
				path = "/small"
			}
			status, body, err := g.get(t.Context(), path, "")
			if err != nil || status != row.status || !strings.Contains(body, row.code) {
				t.Errorf("got %d %.200s (%v), want %d %s", status, body, err, row.status, row.code)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the answer took %s with a timeout of 700ms", took)
			}
			if row.status == http.StatusOK && len(body) != bodySize+11 {
				t.Errorf("got %d bytes, want %d", len(body), bodySize+11)
			}
			heal()
			eventually(t, "all is well", func() error {
				status, body, err := g.get(t.Context(), "/json", "")
				if err == nil && status != http.StatusOK {
					err = fmt.Errorf("%d %s", status, body)
				}
				return err
			})
		})
	}
}

// TestChaosACutStreamDoesNotLookWhole: the head is out, so the client's connection must break.
func TestChaosACutStreamDoesNotLookWhole(t *testing.T) {
	t.Parallel()
	w := newWire(t, upstream(t, bigJSON))
	g := toxicGateway(t, w)
	g.want(t, "/raw", "", http.StatusOK)
	w.poison(t, "limit_data", `{"bytes":50000}`)
	status, body, err := g.get(t.Context(), "/raw", "")
	if status == http.StatusOK && err == nil {
		t.Errorf("a stream of %d bytes that was cut after %d looks whole", bodySize, len(body))
	}
}

func toxicServer() *toxiproxy.ApiServer {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	server.Metrics.ProxyMetrics = collectors.NewProxyMetricCollectors()
	return server
}

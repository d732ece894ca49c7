package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
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

func bigJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"text":%q}`, strings.Repeat("x", bodySize))
}

func toxicGateway(t *testing.T, w *wire) *gateway {
	t.Helper()
	backend := []any{map[string]any{"host": []string{w.url()}, "url_pattern": "/"}}
	return start(t, map[string]any{"timeout": "700ms", "endpoints": []any{
		map[string]any{"endpoint": "/json", "backend": backend},
		map[string]any{"endpoint": "/raw", "output_encoding": "no-op", "backend": backend},
	}})
}

func TestToxicWires(t *testing.T) {
	w := newWire(t, upstream(t, bigJSON))
	g := toxicGateway(t, w)
	g.want(t, "/json", "", http.StatusOK)
	rows := []struct {
		name, kind, attributes string
		status                 int
		code                   string
	}{
		{"slower than the timeout", "latency", `{"latency":5000}`, http.StatusGatewayTimeout, "upstream_timeout"},
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
			status, body, err := g.get(t.Context(), "/json", "")
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

// TestACutStreamDoesNotLookWhole: the head is out, so the client's connection must break.
func TestACutStreamDoesNotLookWhole(t *testing.T) {
	w := newWire(t, upstream(t, bigJSON))
	g := toxicGateway(t, w)
	g.want(t, "/raw", "", http.StatusOK)
	w.poison(t, "limit_data", `{"bytes":50000}`)
	status, body, err := g.get(t.Context(), "/raw", "")
	if status == http.StatusOK && err == nil {
		t.Errorf("a stream of %d bytes that was cut after %d looks whole", bodySize, len(body))
	}
}

// TestOneOfTwoHostsComesAndGoes: nobody who reads notices a backend that is killed and started again and again.
func TestOneOfTwoHostsComesAndGoes(t *testing.T) {
	good := upstream(t, whoAsks)
	shaky := newWire(t, upstream(t, whoAsks))
	g := start(t, map[string]any{"timeout": "3s", "endpoints": []any{map[string]any{
		"endpoint": "/me", "backend": []any{map[string]any{"host": []string{good, shaky.url()}, "url_pattern": "/me"}}}}})
	listen := shaky.Listen

	ctx, stop := context.WithTimeout(t.Context(), 9*time.Second)
	defer stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var asked int
	var failures []string
	tick := time.NewTicker(2 * time.Millisecond) // 500 a second
	defer tick.Stop()
	for range 16 {
		wg.Go(func() {
			client := &http.Client{}
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				res, err := client.Get(g.url + "/me")
				problem := ""
				if err != nil {
					problem = err.Error()
				} else {
					body, _ := io.ReadAll(res.Body)
					res.Body.Close()
					if res.StatusCode != http.StatusOK {
						problem = fmt.Sprintf("%d %s", res.StatusCode, body)
					}
				}
				mu.Lock()
				asked++
				if problem != "" {
					failures = append(failures, problem)
				}
				mu.Unlock()
			}
		})
	}
	for range 2 {
		time.Sleep(2 * time.Second) // the rhythm that issue and page are about
		shaky.Stop()
		time.Sleep(2 * time.Second)
		again := toxiproxy.NewProxy(toxicServer(), "wire", listen, shaky.Upstream)
		if err := again.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(again.Stop)
		shaky = &wire{again}
	}
	wg.Wait()
	if len(failures) > 0 {
		t.Errorf("%d of %d requests failed; the first: %s\n%s", len(failures), asked, failures[0], g.log)
	}
	if asked < 1000 {
		t.Errorf("asked %d times only", asked)
	}
}

func toxicServer() *toxiproxy.ApiServer {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	server.Metrics.ProxyMetrics = collectors.NewProxyMetricCollectors()
	return server
}

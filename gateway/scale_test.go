package gateway_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gatehouse/gateway"
)

// manyEndpoints is a file with so many endpoints, half of them with validators of so many issuers.
func manyEndpoints(endpoints, issuers int) []byte {
	var b strings.Builder
	b.WriteString("{\n\"version\": 4,\n\"endpoints\": [")
	for i := range endpoints {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `
  {
    "endpoint": "/area%d/thing%d/{id}",
    "method": "%s",
    "backend": [{"host": ["http://127.0.0.1:1"], "url_pattern": "/v1/thing%d/{id}"}]`,
			i%100, i, []string{"GET", "POST", "PUT", "DELETE"}[i%4], i)
		if k := i / 2 % issuers; i%2 == 0 {
			fmt.Fprintf(&b, `,
    "extra_config": {"auth/validator": {
      "alg": "RS256", "issuer": "https://issuer%d.example.com/", "jwk_url": "https://issuer%d.example.com/keys",
      "audience": ["audience%d"], "roles_key": "roles", "roles": ["reader", "admin"], "scopes": ["read"],
      "propagate_claims": [["sub", "X-User"], ["email", "X-Email"]]}}`, k, k, k)
		} else {
			b.WriteString(`,
    "public": true`)
		}
		b.WriteString("\n  }")
	}
	b.WriteString("\n]}\n")
	return []byte(b.String())
}

// BenchmarkStart is what run and check do with a file before anything is served, per endpoint.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("%d endpoints", n), func(b *testing.B) {
			file := manyEndpoints(n, max(n/10, 1))
			b.ReportAllocs()
			for b.Loop() {
				cfg, doc, err := gateway.Parse("gateway.json", file, nil)
				if err != nil {
					b.Fatal(places(doc, err))
				}
				shared := newShared(slog.New(slog.DiscardHandler))
				g, err := gateway.New(cfg, shared)
				if err != nil {
					b.Fatal(places(doc, err))
				}
				doc.Warn(gateway.Warnings(cfg))
				_ = doc.Warnings()
				_ = gateway.Table(cfg)
				g.Close()
				closeShared(shared)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/endpoint")
		})
	}
}

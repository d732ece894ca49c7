package backends

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/outbound"
)

// parrot says the same to every request, over a pipe, at the least cost: what is measured is ours.
func parrot(answer string) outbound.DialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := server.Read(buf)
				if err != nil {
					return
				}
				if strings.HasSuffix(string(buf[:n]), "\r\n\r\n") {
					if _, err := io.WriteString(server, answer); err != nil {
						return
					}
				}
			}
		}()
		return client, nil
	}
}

func BenchmarkFetch(b *testing.B) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"id\":\"a123\"}"
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"one host", Config{}},
		{"one host, breaker", Config{Extra: Extra{Breaker: &BreakerConfig{MaxErrors: ptr(5)}}}},
		{"one host, limit", Config{Extra: Extra{Limit: &LimitConfig{MaxRate: ptr(1e9)}}}},
		{"three hosts", Config{Host: []string{"a", "b", "c"}, TravelConfig: TravelConfig{Retries: ptr(0)}}},
		{"three hosts, a retry", Config{Host: []string{"a", "b", "c"}}},
		{"three hosts, a hash", Config{Host: []string{"a", "b", "c"}, TravelConfig: TravelConfig{Retries: ptr(0), Balance: "hash", BalanceBy: "header:X-User"}}},
		{"no-op", Config{Encoding: "no-op"}},
		{"no-op, breaker", Config{Encoding: "no-op", Extra: Extra{Breaker: &BreakerConfig{MaxErrors: ptr(5)}}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b)
			r.env.Hosts.opt.Dial = parrot(answer)
			c.cfg.URLPattern = "/users/1"
			fetch := r.backend(c.cfg)
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			req := &Request{Method: "GET", Header: []outbound.Field{{Name: "X-User", Value: "u1"}}}
			b.ReportAllocs()
			for b.Loop() {
				res, err := fetch(ctx, req)
				if err != nil {
					b.Fatal(err)
				}
				res.Close()
			}
		})
	}
}

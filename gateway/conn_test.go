package gateway

import (
	"net"
	"strings"
	"testing"
	"time"
)

// still is a connection that always has the same request.
type still struct {
	net.Conn
	in []byte
}

func (s *still) Read(p []byte) (int, error)       { return copy(p, s.in), nil }
func (s *still) Write(p []byte) (int, error)      { return len(p), nil }
func (s *still) SetWriteDeadline(time.Time) error { return nil }
func (s *still) SetReadDeadline(time.Time) error  { return nil }

func BenchmarkConn(b *testing.B) {
	in := []byte("GET /users/42 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: wrk\r\nAccept: */*\r\nAuthorization: Bearer " + strings.Repeat("x", 300) + "\r\n\r\n")
	w := watch{stall: defaultStall}
	bare := &still{in: in}
	for name, c := range map[string]net.Conn{"bare": bare, "watched": w.strict(w.paced(bare))} {
		b.Run(name, func(b *testing.B) {
			p := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.Read(p)
				_, _ = c.Write(p[:200])
				_ = c.SetWriteDeadline(time.Time{})
			}
		})
	}
}

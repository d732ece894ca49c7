package outbound

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"gatehouse/internal/splice"
)

// TestEveryPieceHasTheIdleTimeout: also one that is spilt. The deadline of the piece before has passed here, and says nothing of
// this one.
func TestEveryPieceHasTheIdleTimeout(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no pipes")
	}
	const size = 64 << 10
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		if _, err := http.ReadRequest(bufio.NewReader(nc)); err == nil {
			_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n")
			_, _ = nc.Write(make([]byte, size))
		}
	}()
	p, err := NewPool(example, Options{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); l.Close(); <-served })
	res, err := p.RoundTrip(t.Context(), &Request{Method: "GET", Target: "/", IdleTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	pipe := splice.Take()
	defer pipe.Give()
	c := res.body.c // the buffer is too small for all of the body
	first := make([]byte, c.w-c.r)
	if _, err := io.ReadFull(res.Body, first); err != nil {
		t.Fatal(err)
	}
	if p.warden.remove(c) { // it is no longer young
		c.grow()
	}
	_ = c.nc.SetReadDeadline(longAgo())
	n, err := res.Body.(splice.Source).Spill(pipe)
	if err != nil || n == 0 {
		t.Fatalf("got %d bytes and %v", n, err)
	}
}

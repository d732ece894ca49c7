package outbound

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// BenchmarkGateway is what the pool is for: a server of net/http before it, an origin behind it, 32 clients. cpu-ns/op is
// for all of them together, so that differences between rows are the client's.
func BenchmarkGateway(b *testing.B) {
	b.Run("by-hand", func(b *testing.B) { benchGateway(b, nil, false) })
	b.Run("pool", func(b *testing.B) {
		benchGateway(b, func(o Origin) (Client, error) { return NewPool(o, Options{}) }, true)
	})
	b.Run("pool-no-context", func(b *testing.B) {
		benchGateway(b, func(o Origin) (Client, error) { return NewPool(o, Options{}) }, false)
	})
}

func benchGateway(b *testing.B, client func(Origin) (Client, error), bound bool) {
	answer := smallAnswer(240)
	host, port, _ := net.SplitHostPort(rawServer(b, answer))
	var tr Client
	if client != nil {
		var err error
		if tr, err = client(Origin{"http", host, port}); err != nil {
			b.Fatal(err)
		}
		defer tr.Close()
	}
	req := &Request{Method: "GET", Target: "/item/42?a=b", Header: requestHeader()}
	raw := []byte("GET /item/42?a=b HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: gatehouse/1\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: 127.0.0.1:8080\r\n\r\n")
	conns := make(chan net.Conn, 100)
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		if tr == nil {
			var nc net.Conn
			select {
			case nc = <-conns:
			default:
				nc, _ = net.Dial("tcp", net.JoinHostPort(host, port))
			}
			nc.Write(raw)
			if cap(*buf) < 4096 {
				*buf = make([]byte, 4096)
			}
			n, _ := io.ReadFull(nc, (*buf)[:len(answer)])
			w.Write((*buf)[n-240 : n])
			conns <- nc
			return
		}
		ctx := r.Context()
		if !bound {
			ctx = context.Background()
		}
		res, err := tr.RoundTrip(ctx, req)
		if err != nil {
			b.Error(err)
			return
		}
		if *buf, err = ReadAll(res, 10<<20, *buf); err != nil {
			b.Error(err)
		}
		w.Header()["Content-Type"] = []string{res.Get("Content-Type")}
		w.Write(*buf)
		res.Release()
	}))
	defer s.Close()
	defer func() {
		close(conns)
		for nc := range conns {
			nc.Close()
		}
	}()
	clients := make(chan func() error, 32)
	for range 32 {
		nc, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		in := make([]byte, 4096)
		call := func() error {
			if _, err := nc.Write(raw); err != nil {
				return err
			}
			_, err := nc.Read(in)
			return err
		}
		call()
		clients <- call
	}
	var wg sync.WaitGroup
	b.ReportAllocs()
	before := usage()
	b.ResetTimer()
	for i := range 32 {
		n := b.N / 32
		if i < b.N%32 {
			n++
		}
		call := <-clients
		wg.Go(func() {
			for range n {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(usage()-before)/float64(b.N), "cpu-ns/op")
}

package outbound

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// rawServer answers every request on a socket with the same bytes, as cheaply as can be, so that a benchmark measures the
// client. It counts requests by their empty lines.
func rawServer(b testing.TB, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				buf := make([]byte, 4096)
				out := []byte(answer)
				for {
					if _, err := nc.Read(buf); err != nil {
						return
					}
					if _, err := nc.Write(out); err != nil {
						return
					}
				}
			})
		}
	})
	b.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func smallAnswer(size int) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: Sun, 01 Mar 2026 10:00:00 GMT\r\nContent-Length: " +
		strconv.Itoa(size) + "\r\n\r\n" + strings.Repeat("x", size)
}

func usage() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs the exchange b.N times and reports the processor time of client and server together per exchange.
func measure(b *testing.B, exchange func() error) {
	b.Helper()
	for range 10 {
		if err := exchange(); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	b.ReportAllocs()
	before := usage()
	b.ResetTimer()
	for range b.N {
		if err := exchange(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(usage()-before)/float64(b.N), "cpu-ns/op")
}

func requestHeader() []Field {
	return []Field{{"Accept", "*/*"}, {"User-Agent", "gatehouse/1"}, {"X-Forwarded-For", "127.0.0.1"}, {"X-Forwarded-Host", "127.0.0.1:8080"}}
}

func benchPool(b *testing.B, size int, opt Options, request func() (context.Context, context.CancelFunc)) {
	address := rawServer(b, smallAnswer(size))
	host, port, _ := net.SplitHostPort(address)
	p, err := NewPool(Origin{"http", host, port}, opt)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	req := &Request{Method: "GET", Target: "/item/42?a=b", Header: requestHeader()}
	var buf []byte
	measure(b, func() error {
		ctx, cancel := request()
		res, err := p.RoundTrip(ctx, req)
		if err != nil {
			return err
		}
		buf, err = ReadAll(res, 10<<20, buf)
		res.Release()
		cancel()
		return err
	})
}

// lively is a context as a server's request has it: one that can be canceled, with a deadline on top.
func lively() (context.Context, context.CancelFunc) {
	parent, cancel := context.WithCancel(context.Background())
	ctx, cancel2 := context.WithTimeout(parent, time.Minute)
	return calm{ctx}, func() { cancel2(); cancel() }
}

func idle() (context.Context, context.CancelFunc) { return context.Background(), func() {} }

func BenchmarkSmallGet(b *testing.B) {
	b.Run("pool", func(b *testing.B) { benchPool(b, 240, Options{}, lively) })
	b.Run("pool-background", func(b *testing.B) { benchPool(b, 240, Options{}, idle) })
	b.Run("net-http", func(b *testing.B) { benchNetHTTP(b, 240) })
	b.Run("by-hand", func(b *testing.B) { benchByHand(b, 240) })
	b.Run("context-alone", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, cancel := lively()
			cancel()
		}
	})
}

func BenchmarkGet10KB(b *testing.B) {
	b.Run("pool", func(b *testing.B) { benchPool(b, 10<<10, Options{}, lively) })
	b.Run("net-http", func(b *testing.B) { benchNetHTTP(b, 10<<10) })
}

func BenchmarkGet100KB(b *testing.B) {
	b.Run("pool", func(b *testing.B) { benchPool(b, 100<<10, Options{}, lively) })
	b.Run("net-http", func(b *testing.B) { benchNetHTTP(b, 100<<10) })
}

func benchNetHTTP(b *testing.B, size int) {
	address := rawServer(b, smallAnswer(size))
	tr := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	defer tr.CloseIdleConnections()
	buf := make([]byte, size)
	measure(b, func() error {
		ctx, cancel := lively()
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/item/42?a=b", nil)
		if err != nil {
			return err
		}
		for _, f := range requestHeader() {
			req.Header.Set(f.Name, f.Value)
		}
		res, err := tr.RoundTrip(req)
		if err != nil {
			return err
		}
		_, err = io.ReadFull(res.Body, buf)
		if _, end := res.Body.Read(make([]byte, 1)); err == nil && end != io.EOF {
			err = end
		}
		res.Body.Close()
		return err
	})
}

// benchByHand is the floor: a connection written and read with nothing checked.
func benchByHand(b *testing.B, size int) {
	answer := smallAnswer(size)
	nc, err := net.Dial("tcp", rawServer(b, answer))
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	request := []byte("GET /item/42?a=b HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: gatehouse/1\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: 127.0.0.1:8080\r\n\r\n")
	buf := make([]byte, len(answer))
	measure(b, func() error {
		if _, err := nc.Write(request); err != nil {
			return err
		}
		_, err := io.ReadFull(nc, buf)
		return err
	})
}

// parrot is a connection without a socket that answers each write: what is measured is our own work alone.
type parrot struct {
	net.Conn
	answer []byte
	unread []byte
}

func (c *parrot) Write(p []byte) (int, error) { c.unread = c.answer; return len(p), nil }
func (c *parrot) Read(p []byte) (int, error) {
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}
func (c *parrot) Close() error                { return nil }
func (c *parrot) SetDeadline(time.Time) error { return nil }

// BenchmarkExchange is an exchange without the network.
func BenchmarkExchange(b *testing.B) {
	for name, answer := range map[string]string{
		"length": smallAnswer(240),
		"chunks": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nf0\r\n" + strings.Repeat("x", 240) + "\r\n0\r\n\r\n",
	} {
		for kind, request := range map[string]func() (context.Context, context.CancelFunc){"bare": idle, "cancelable": cancelable()} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				p, err := NewPool(example, Options{Dial: func(context.Context, string, string) (net.Conn, error) {
					return &parrot{answer: []byte(answer)}, nil
				}})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				req := &Request{Method: "GET", Target: "/item/42?a=b", Header: requestHeader()}
				var buf []byte
				b.ReportAllocs()
				for b.Loop() {
					ctx, cancel := request()
					res, err := p.RoundTrip(ctx, req)
					if err != nil {
						b.Fatal(err)
					}
					if buf, err = ReadAll(res, 10<<20, buf); err != nil {
						b.Fatal(err)
					}
					res.Release()
					cancel()
				}
			})
		}
	}
}

// cancelable gives one living context again and again, so that only what we add to it is counted.
func cancelable() func() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	_ = cancel
	return func() (context.Context, context.CancelFunc) { return calm{ctx}, func() {} }
}

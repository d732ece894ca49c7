package outbound

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// slowBody gives a byte a second, for ever, or until its error.
type slowBody struct {
	reads atomic.Int64
	end   int64
	err   error
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	if n := b.reads.Add(1); b.end > 0 && n > b.end {
		return 0, b.err
	}
	p[0] = 'a'
	return 1, nil
}

func TestUploads(t *testing.T) {
	long := strings.Repeat("0123456789", 50000)
	var got []byte
	var framing string
	p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			got, err = io.ReadAll(req.Body)
			if framing = req.Header.Get("Content-Length"); len(req.TransferEncoding) > 0 {
				framing = req.TransferEncoding[0]
			}
			if err == nil {
				io.WriteString(nc, ok)
			}
		}
	})
	rows := []struct {
		name    string
		req     Request
		want    string
		framing string
	}{
		{"long data", Request{Data: []byte(long)}, long, "500000"},
		{"data that does not fit the buffer", Request{Data: []byte(long[:20000])}, long[:20000], "20000"},
		{"data that just fits", Request{Data: []byte(long[:8000])}, long[:8000], "8000"},
		{"a reader in memory that does not fit the buffer", Request{Body: strings.NewReader(long[:20000]), Length: 20000}, long[:20000], "20000"},
		{"a buffer in memory", Request{Body: bytes.NewBufferString("abc"), Length: -1}, "abc", "3"},
		{"a long reader in memory", Request{Body: strings.NewReader(long), Length: 500000}, long, "500000"},
		{"a stream of known length, in odd pieces", Request{Body: iotest.HalfReader(strings.NewReader(long)), Length: 500000}, long, "500000"},
		{"a stream of unknown length, in odd pieces", Request{Body: iotest.HalfReader(strings.NewReader(long)), Length: -1}, long, "chunked"},
		{"a stream whose end comes with its last bytes", Request{Body: iotest.DataErrReader(strings.NewReader("abc")), Length: -1}, "abc", "chunked"},
		{"an empty stream", Request{Body: iotest.OneByteReader(strings.NewReader("")), Length: -1}, "", "chunked"},
		{"more than its length", Request{Body: iotest.OneByteReader(strings.NewReader("abcdef")), Length: 3}, "abc", "3"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req := row.req
			req.Method, req.Target = "POST", "/"
			_, body, err := fetchAll(t.Context(), p, &req)
			if err != nil || body != "ok" {
				t.Fatalf("got %q, %v, want ok", body, err)
			}
			if string(got) != row.want || framing != row.framing && row.framing != "" {
				t.Errorf("the origin got %d bytes by %q, want %d by %q", len(got), framing, len(row.want), row.framing)
			}
			if s := p.Stats(); s.Dialed != 1 {
				t.Fatalf("got %+v, want one connection", s)
			}
		})
	}
}

// An answer that comes before the whole request has gone out is heard, and the rest is not sent.
func TestEarlyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			go io.Copy(io.Discard, r)
			io.WriteString(nc, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
			<-t.Context().Done()
		})
		body := &slowBody{}
		res, text, err := fetchAll(t.Context(), p, &Request{Method: "POST", Target: "/", Body: body, Length: -1})
		if err != nil || res.Status != 413 || text != "no!" {
			t.Fatalf("got %v %q, %v, want 413", res, text, err)
		}
		synctest.Wait()
		if s := p.Stats(); s.Open != 0 {
			t.Errorf("got %+v, want the connection closed", s)
		}
		before := body.reads.Load()
		time.Sleep(10 * time.Second)
		if n := body.reads.Load() - before; n > 1 {
			t.Errorf("the body was read %d times after the answer", n)
		}
	})
}

// Two-way traffic: a 2xx does not end the request.
func TestBothWaysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			io.WriteString(nc, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
			io.Copy(nc, req.Body)
		})
		_, text, err := fetchAll(t.Context(), p, &Request{Method: "POST", Target: "/", Body: &slowBody{end: 20, err: io.EOF}, Length: -1})
		if err != nil || len(text) != 20 {
			t.Errorf("got %q, %v, want 20 bytes back", text, err)
		}
	})
}

// An origin that answers the head alone and closes is heard, unless the reset that follows is faster.
func TestAnswerBeforeABrokenUpload(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			nc.Read(make([]byte, 100))
			io.WriteString(nc, "HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\nno")
			nc.Close()
		}
	}()
	defer func() { l.Close(); <-done }()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	p, err := NewPool(Origin{"http", host, port}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	heard := 0
	for i := range 50 {
		_, body, err := fetchAll(t.Context(), p, &Request{Method: "POST", Target: "/", Data: make([]byte, 20000*(1+i%10))})
		if err != nil {
			wantReason(t, err, Reset)
		} else if heard++; body != "no" {
			t.Fatalf("got %q, want no", body)
		}
	}
	if heard == 0 {
		t.Error("not one of 50 answers was heard")
	}
}

func TestUploadsThatEnd(t *testing.T) {
	errClient := errors.New("client left")
	rows := []struct {
		name   string
		req    Request
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		serve  func(net.Conn, *bufio.Reader)
		reason Reason
		after  time.Duration
	}{
		{name: "the body fails", req: Request{Body: &slowBody{end: 3, err: errClient}, Length: -1}, reason: Upload, after: 4 * time.Second},
		{name: "the body is too short", req: Request{Body: &slowBody{end: 3, err: io.EOF}, Length: 10}, reason: Upload, after: 4 * time.Second},
		{name: "the deadline passes", req: Request{Body: &slowBody{}, Length: -1}, ctx: within(2500 * time.Millisecond), reason: Timeout, after: 2500 * time.Millisecond},
		{name: "the caller cancels", req: Request{Body: &slowBody{}, Length: -1}, ctx: canceledAfter(2500 * time.Millisecond), reason: Canceled, after: 2500 * time.Millisecond},
		{name: "the origin reads nothing and the deadline passes", req: Request{Data: make([]byte, 1<<20)}, ctx: within(time.Second), reason: Timeout, after: time.Second,
			serve: func(nc net.Conn, r *bufio.Reader) { r.ReadByte(); time.Sleep(time.Minute) }},
		{name: "the origin does not even read the head", ctx: canceledAfter(time.Second), reason: Canceled, after: time.Second,
			serve: func(nc net.Conn, r *bufio.Reader) { time.Sleep(time.Minute) }},
		{name: "the origin closes", req: Request{Data: make([]byte, 1<<20)}, reason: Reset,
			serve: func(nc net.Conn, r *bufio.Reader) { r.ReadByte() }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				serve := row.serve
				if serve == nil {
					serve = hanging
				}
				p, _ := newPool(t, Options{}, serve)
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if row.ctx != nil {
					ctx, cancel = row.ctx(ctx)
				}
				defer cancel()
				req := row.req
				req.Method, req.Target = "POST", "/"
				began := time.Now()
				_, err := p.RoundTrip(ctx, &req)
				if wantReason(t, err, row.reason); time.Since(began) != row.after {
					t.Errorf("took %v, want %v", time.Since(began), row.after)
				}
				if s := p.Stats(); s.Open != 0 {
					t.Errorf("got %+v, want the connection closed", s)
				}
				time.Sleep(2 * time.Second) // for the one Read that may still run
			})
		})
	}
}

// Data of the caller's is its own again once RoundTrip has failed: the race detector would tell.
func TestDataIsFreeAfterAFailure(t *testing.T) {
	p, _ := newPool(t, Options{}, func(nc net.Conn, r *bufio.Reader) { r.ReadByte() })
	data := make([]byte, 1<<20)
	for range 20 {
		_, err := p.RoundTrip(t.Context(), &Request{Method: "POST", Target: "/", Data: data})
		if err == nil {
			t.Fatal("got an answer")
		}
		for i := range data {
			data[i]++
		}
	}
}

package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patterned is a body of which no piece is like another.
func patterned(size int) []byte {
	if made, ok := patterns.Load(size); ok {
		return made.([]byte)
	}
	body := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)})
	_, _ = r.Read(body)
	patterns.Store(size, body)
	return body
}

var patterns sync.Map // []byte by size

// TestLargeAnswersPassWhole: those that are moved from socket to socket are, byte for byte, what the backend sent, and the
// next answer on the same connections is its own.
func TestLargeAnswersPassWhole(t *testing.T) {
	t.Cleanup(patterns.Clear)
	var origins sync.Map // the gateway's ends of connections
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		origins.Store(r.RemoteAddr, true)
		var size, piece int
		_, _ = fmt.Sscanf(r.URL.RawQuery, "size=%d&piece=%d", &size, &piece)
		body := patterned(size)
		w.Header().Set("Content-Length", fmt.Sprint(size))
		for len(body) > 0 {
			n := min(piece, len(body))
			_, _ = w.Write(body[:n])
			if body = body[n:]; piece < 64<<10 {
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	s := streaming(t, backend, "", `, "timeout": "1m", "input_query_strings": ["*"]`) // a busy machine needs seconds for a crowd
	c := client(t, nil, "h1")
	var opened atomic.Int64 // connections to the gateway
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if !info.Reused {
			opened.Add(1)
		}
	}})
	get := func(size, piece int) error {
		r, _ := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("http://%s/s?size=%d&piece=%d", s.addr, size, piece), nil)
		res, err := c.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err != nil || !bytes.Equal(got, patterned(size)) || res.ContentLength != int64(size) {
			return fmt.Errorf("%d bytes in pieces of %d came as %d bytes with the length %d (%v)", size, piece, len(got), res.ContentLength, err)
		}
		return nil
	}
	for _, size := range []int{8<<10 - 1, 16 << 10, 40 << 10, 48<<10 + 1, 100 << 10, 300 << 10, 3 << 20} {
		for _, piece := range []int{5000, 20_000, 1 << 20} {
			if err := get(size, piece); err != nil {
				t.Error(err)
			}
		}
	}
	var used int
	for range origins.Range {
		used++
	}
	if used != 1 || opened.Load() != 1 {
		t.Errorf("one answer after the other took %d connections to the backend and %d to the gateway", used, opened.Load())
	}
	t.Run("to a crowd", func(t *testing.T) { // larger than there are pipes
		var crowd sync.WaitGroup
		for i := range 150 {
			crowd.Go(func() {
				if err := get(200_000+i, 60_000); err != nil {
					t.Error(err)
				}
			})
		}
		crowd.Wait()
	})
	t.Run("beside clients that do not read on", func(t *testing.T) { // who hold what pipes there are
		const size = 16 << 20
		begin := func(nc net.Conn) {
			fmt.Fprintf(nc, "GET /s?size=%d&piece=%d HTTP/1.1\r\nHost: a\r\n\r\n", size, size)
			got := make([]byte, 20<<10)
			if n, err := io.ReadFull(nc, got); err != nil {
				t.Errorf("%v after %d bytes, %.300q", err, n, got[:n])
			}
		}
		first := s.dial(t, nil)
		begin(first)
		var begun sync.WaitGroup
		for range 140 {
			nc := s.dial(t, nil)
			defer nc.Close()
			begun.Go(func() {
				_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10)
				begin(nc)
			})
		}
		begun.Wait()
		late := time.Now().Add(20 * time.Second) // what a client has may come before its answer has its pipe
		for runtime.GOOS == "linux" && pipesOfOurs() < 2*128 && time.Now().Before(late) {
			runtime.Gosched()
		}
		if n := pipesOfOurs(); runtime.GOOS == "linux" && (n < 2*128 || n > 2*130) { // the test has one or two of its own
			t.Errorf("%d ends of pipes are open, want them for 128 answers at a time", n)
		}
		if err := get(1<<20, 1<<20); err != nil {
			t.Error(err)
		}
		rest := make([]byte, size-30<<10)
		if _, err := io.ReadFull(first, rest); err != nil || !bytes.Contains(patterned(size), rest) {
			t.Errorf("what comes when the first one reads on is not what was sent (%v)", err)
		}
	})
}

// pipesOfOurs is how many descriptors of the process are ends of pipes.
func pipesOfOurs() (n int) {
	all, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range all {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// lines is a log that is read line by line.
type lines chan string

func (l lines) Write(p []byte) (int, error) { l <- string(p); return len(p), nil }

// TestLargeAnswersThatBreakOff: the client is not told that it has everything, its log line counts what went, and nobody
// after it gets what was left.
func TestLargeAnswersThatBreakOff(t *testing.T) {
	t.Cleanup(patterns.Clear)
	const said, sent = 4 << 20, 1 << 20
	left := make(chan error, 10)
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(said))
		if r.URL.RawQuery == "whole" {
			_, _ = w.Write(patterned(said))
			return
		}
		_, _ = w.Write(patterned(said)[:sent])
		if r.URL.RawQuery == "silent" {
			<-r.Context().Done()
			left <- r.Context().Err()
		}
		panic(http.ErrAbortHandler)
	})
	log := make(lines, 10)
	s := openLogged(t, streams(backend, "", `, "timeout": "1m", "idle_timeout": "1s", "input_query_strings": ["*"]`), log)
	c := client(t, nil, "h1")
	for _, how := range []string{"cut", "silent"} {
		res, err := c.Get("http://" + s.addr + "/s?" + how)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(patterned(said)[:sent], got) || len(got) < sent/2 {
			t.Errorf("%s: got %d bytes and %v, want what was sent and an early end", how, len(got), err)
		}
		if line := <-log; !strings.Contains(line, fmt.Sprintf(`"bytes":%d,`, len(got))) || !strings.Contains(line, "stream_cut") {
			t.Errorf("%s: %d bytes came, the log has %s", how, len(got), line)
		}
	}
	<-left
	for range 3 { // clients that leave in the middle
		nc := s.dial(t, nil)
		_, _ = io.WriteString(nc, "GET /s?whole HTTP/1.1\r\nHost: a\r\n\r\n")
		_, _ = io.ReadFull(nc, make([]byte, 100<<10))
		nc.Close()
	}
	nc := s.dial(t, nil)
	_, _ = io.WriteString(nc, "GET /s?silent HTTP/1.1\r\nHost: a\r\n\r\n")
	_, _ = io.ReadFull(nc, make([]byte, 100<<10))
	nc.Close()
	if err := <-left; err == nil {
		t.Error("the backend was not told that nobody reads")
	}
	res, err := c.Get("http://" + s.addr + "/s?whole")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sum := sha256.New()
	if n, err := io.Copy(sum, res.Body); n != said || err != nil || [32]byte(sum.Sum(nil)) != sha256.Sum256(patterned(said)) {
		t.Errorf("the next answer came as %d other bytes (%v)", n, err)
	}
}

// TestALargeAnswerOfASlowOrigin: what has come of it is with the client before more comes.
func TestALargeAnswerOfASlowOrigin(t *testing.T) {
	const piece, pieces = 64 << 10, 8
	more := make(chan struct{}, pieces)
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(piece*pieces))
		for range pieces {
			_, _ = w.Write(patterned(piece))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-more:
			case <-r.Context().Done():
				return
			}
		}
	})
	s := streaming(t, backend, "", `, "timeout": "1m", "idle_timeout": "1m"`)
	res, err := client(t, nil, "h1").Get("http://" + s.addr + "/s")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for i := range pieces {
		got := make([]byte, piece)
		if _, err := io.ReadFull(res.Body, got); err != nil || !bytes.Equal(got, patterned(piece)) {
			t.Fatalf("piece %d did not come as it was sent (%v)", i, err)
		}
		more <- struct{}{}
	}
}

// TestALargeAnswerThatBreaksOffCounts for the circuit breaker of its host.
func TestALargeAnswerThatBreaksOffCounts(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(4<<20))
		_, _ = w.Write(patterned(1 << 20))
		panic(http.ErrAbortHandler)
	})
	s := open(t, fmt.Sprintf(`{"version": 4, "endpoints": [{"endpoint": "/s", "output_encoding": "no-op", "backend": [{"host": [%q], "url_pattern": "/",
		"extra_config": {"qos/circuit-breaker": {"interval": 60, "timeout": 600, "max_errors": 1}}}]}]}`, backend))
	for _, want := range []int{200, 200, 503} {
		res, err := client(t, nil, "h1").Get("http://" + s.addr + "/s")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("got %d, want %d", res.StatusCode, want)
		}
	}
}

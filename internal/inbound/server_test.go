package inbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := inMemory(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-release
			}
			_, _ = io.WriteString(w, "done")
		})})
		idle, busy, silent, late := s.dial(), s.dial(), s.dial(), s.dial()
		for _, c := range []net.Conn{idle, busy, silent, late} {
			defer c.Close()
		}
		_, _ = io.WriteString(idle, get)
		_, _ = idle.Read(make([]byte, 1000))
		_, _ = io.WriteString(busy, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		synctest.Wait()
		began := time.Now()
		stopped := make(chan struct{})
		go func() { defer close(stopped); s.stop() }()
		synctest.Wait()
		if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("an idle connection got %v", err)
		}
		time.Sleep(lingerTime / 2)
		_, _ = io.WriteString(late, get)
		if said, err := io.ReadAll(late); statuses(t, string(said)) != "200" || err != nil {
			t.Errorf("one that was about to ask got %q and %v", said, err)
		}
		if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || time.Since(began) != lingerTime {
			t.Errorf("one that says nothing got %v after %v", err, time.Since(began))
		}
		select {
		case <-stopped:
			t.Error("it did not wait for a request")
		default:
		}
		close(release)
		said, err := io.ReadAll(busy)
		if list, bodies := answers(t, string(said)); err != nil || len(list) != 1 || !list[0].Close || bodies[0] != "done" {
			t.Errorf("what was being answered got %q and %v", said, err)
		}
		<-stopped
	})
}

func TestAStopThatIsNotWaitedFor(t *testing.T) {
	ended := make(chan struct{})
	arrived := make(chan struct{})
	s := &Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(ended)
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, get)
	<-arrived
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx, l); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.Close()
	<-ended
	if err := <-served; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestStatesAreTold(t *testing.T) {
	var told [5]atomic.Int32
	s := onLoopback(t, &Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Note: func(state http.ConnState) { told[state].Add(1) }})
	c := s.dial()
	for range 3 {
		_, _ = io.WriteString(c, get)
		_, _ = c.Read(make([]byte, 1000))
	}
	c.Close()
	s.stop()
	got := fmt.Sprint(told[http.StateNew].Load(), told[http.StateActive].Load(), told[http.StateClosed].Load())
	if rests := told[http.StateIdle].Load(); got != "1 3 1" || rests != 2 && rests != 3 { // the stop may come before the last
		t.Errorf("new, active, closed: got %s, want 1 3 1; idle %d times, want 2 or 3", got, rests)
	}
}

func TestDescriptorsThatRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{left: 5}
		began := time.Now()
		if err := (&Server{}).Serve(l); !errors.Is(err, net.ErrClosed) || time.Since(began) != 155*time.Millisecond {
			t.Errorf("got %v after %v, want it to pause longer each time", err, time.Since(began))
		}
	})
}

// failing is a listener that fails a few times, and then for good.
type failing struct{ left int }

type tooMany struct{ error }

func (tooMany) Temporary() bool { return true }

func (f *failing) Accept() (net.Conn, error) {
	if f.left--; f.left < 0 {
		return nil, net.ErrClosed
	}
	return nil, tooMany{errors.New("too many open files")}
}
func (f *failing) Close() error   { return nil }
func (f *failing) Addr() net.Addr { return nil }

func TestHTTP2IsHandedOver(t *testing.T) {
	const begin = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00"
	got := make(chan string, 1)
	s := onLoopback(t, &Server{HTTP2: func(c net.Conn) {
		all, _ := io.ReadAll(c)
		c.Close()
		got <- string(all)
	}})
	c := s.dial()
	_, _ = io.WriteString(c, begin)
	_ = c.(*net.TCPConn).CloseWrite()
	if all := <-got; all != begin {
		t.Errorf("got %q, want all of it", all)
	}
	c.Close()
	if said := play(get+begin, 1000, func(http.ResponseWriter, *http.Request) {}); statuses(t, said) != "200 400" {
		t.Errorf("behind a request: got %q", said)
	}
}

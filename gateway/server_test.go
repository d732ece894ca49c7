package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestAStopLetsRequestsFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		fmt.Fprint(w, "done")
	})
	s := streaming(t, backend, "", `, "timeout": "1m"`)
	answer := make(chan string, 1)
	go func() {
		res, err := client(t, nil, "h1").Get("http://" + s.addr + "/s")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		answer <- fmt.Sprint(res.StatusCode, string(body), err)
	}()
	<-arrived
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop() }()
	for { // new connections are refused while it waits
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	select {
	case <-stopped:
		t.Error("it did not wait for the request")
	default:
	}
	close(release)
	if got := <-answer; got != "200done<nil>" {
		t.Errorf("got %s", got)
	}
	<-stopped
}

func TestAStopWaitsNoLongerThanItMay(t *testing.T) {
	arrived := make(chan struct{})
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	s := streaming(t, backend, `, "max_shutdown_wait_time": "50ms"`, `, "timeout": "1m"`)
	c := s.dial(t, nil)
	_, _ = io.WriteString(c, "GET /s HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	s.stop()
	if rest, _ := io.ReadAll(c); len(rest) > 0 {
		t.Errorf("got %q, want the end", rest)
	}
}

func TestKeptConnectionsOverBothVersions(t *testing.T) {
	s := open(t, `{"version": 4, "echo_endpoint": true, "use_h2c": true, "endpoints": [], "extra_config": {"router": {}}}`)
	for protocol, want := range map[string]string{"h1": "HTTP/1.1", "h2c": "HTTP/2.0"} {
		c := client(t, nil, protocol)
		for range 3 {
			res, err := c.Get("http://" + s.addr + "/__echo/")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.Proto != want || res.StatusCode != http.StatusOK {
				t.Errorf("got %s %s, want %s", res.Proto, res.Status, want)
			}
		}
	}
}

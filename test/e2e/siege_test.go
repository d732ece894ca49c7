package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// answering is a gateway before a backend that answers at once, and before one that takes half a second.
func answering(t *testing.T, descriptors int) *gateway {
	t.Helper()
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(500 * time.Millisecond)
		}
		whoAsks(w, r)
	})
	to := func(path string) map[string]any {
		return map[string]any{"endpoint": path, "backend": []any{map[string]any{"host": []string{host}, "url_pattern": path}}}
	}
	return startWith(t, descriptors, map[string]any{"timeout": "5s", "endpoints": []any{to("/quick"), to("/slow")}})
}

// crowdOf is so many connections, each of which has said so much.
func (g *gateway) crowdOf(t *testing.T, n int, said string) []net.Conn {
	t.Helper()
	all := make([]net.Conn, n)
	for i := range all {
		c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
		all[i] = c
	}
	return all
}

// TestChaosDescriptorsRunOut: with 200 descriptors and 400 clients the gateway lives, does not spin, answers those whom it has,
// and serves everybody when they have left. Nobody is cut off who asks for more than there are: he is told 503.
func TestChaosDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	g := answering(t, 200)
	all := g.crowdOf(t, 400, "")
	before := g.used(t)
	if _, err := io.WriteString(all[0], "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all[0].SetReadDeadline(time.Now().Add(20 * time.Second))
	if line, err := bufio.NewReader(all[0]).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 200 ") && !strings.HasPrefix(line, "HTTP/1.1 503 ") {
		t.Errorf("who was taken in is told %q, %v", line, err) // 503: no descriptor is left for the backend
	}
	time.Sleep(2 * time.Second) // in which it could spin
	if spent := g.used(t) - before; spent > time.Second {
		t.Errorf("it spent %v of 2 s", spent)
	}
	for _, c := range all {
		c.Close()
	}
	eventuallyOK(t, g, "/quick")
	var wg sync.WaitGroup
	var mu sync.Mutex
	told := map[string]int{}
	for range 400 {
		wg.Go(func() {
			status, _, err := g.get(t.Context(), "/slow", "")
			mu.Lock()
			defer mu.Unlock()
			told[fmt.Sprint(status, " ", err)]++
		})
	}
	wg.Wait()
	if told["200 <nil>"]+told["503 <nil>"] != 400 || told["200 <nil>"] < 50 {
		t.Errorf("got %v, want 200, or 503 where there is no descriptor for the backend", told)
	}
	for range 50 {
		g.want(t, "/quick", "", http.StatusOK)
	}
}

// TestChaosSlowClientsLeaveOthersAlone: two thousand clients who do not finish their heads are sent away, and nobody else notices.
func TestChaosSlowClientsLeaveOthersAlone(t *testing.T) {
	t.Parallel()
	g := answering(t, 0)
	all := g.crowdOf(t, 2000, "GET /quick HTTP/1.1\r\nHost: a\r\nX-Slow: ")
	stop := g.load(t, "/quick", 100)
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() {
			c.SetReadDeadline(time.Now().Add(30 * time.Second))
			if rest, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") || strings.HasPrefix(string(rest), "HTTP/1.1 2") {
				t.Errorf("a slow client got %q, %v", rest, err)
			}
		})
	}
	wg.Wait()
	asked, bad := stop()
	wantNoneBad(t, g, asked, bad)
}

// TestChaosAStopUnderLoad: whoever was being answered when the stop came is answered to the end, and the gateway ends with 0.
func TestChaosAStopUnderLoad(t *testing.T) {
	t.Parallel()
	const clients = 100
	var asked atomic.Int64
	release := make(chan struct{})
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-release
		whoAsks(w, r)
	})
	g := start(t, map[string]any{"timeout": "20s", "endpoints": []any{map[string]any{"endpoint": "/", "backend": []any{
		map[string]any{"host": []string{host}, "url_pattern": "/"}}}}})
	all := g.crowdOf(t, clients, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "all are asked for", func() error {
		if n := asked.Load(); n < clients {
			return fmt.Errorf("%d of %d", n, clients)
		}
		return nil
	})
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.stop() }()
	eventually(t, "nobody else is taken", func() error {
		if c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://")); err == nil {
			c.Close()
			return fmt.Errorf("somebody was")
		}
		return nil
	})
	close(release)
	for _, c := range all {
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK || !res.Close {
			t.Fatalf("got %s %s %v, want an answer that says that it is the last", res.Status, body, err)
		}
	}
	<-stopped
}

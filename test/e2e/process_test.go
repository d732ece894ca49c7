package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// actAsBackend in the environment makes a process of this test a backend at the address that it names.
const actAsBackend = "GATEHOUSE_E2E_BACKEND"

// actBackend serves until it dies: it tells its address and what was posted, and writes down every POST that reaches it.
func actBackend(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("serving")
	var mu sync.Mutex
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost {
			mu.Lock()
			fmt.Printf("posted %s\n", body)
			mu.Unlock()
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{"at": address, "body": string(body)})
	})}
	fmt.Println(server.Serve(l))
}

// process is a backend that can be killed and stopped.
type process struct {
	t       *testing.T
	address string
	cmd     *exec.Cmd
	said    *logbook
}

// newProcess starts a backend; it dies with the test.
func newProcess(t *testing.T) *process {
	t.Helper()
	p := &process{t: t, address: fmt.Sprintf("127.0.0.1:%d", freePort(t)), said: &logbook{}}
	p.start()
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.kill()
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), actAsBackend+"="+p.address)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "serving\n" {
		p.t.Fatalf("the backend said %q, %v", line, err)
	}
	go io.Copy(p.said, lines)
}

func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	p.cmd.Wait()
}

// freeze stops a process and waits until it has stopped.
func freeze(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Process.Signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("process %d did not stop: %v %v", cmd.Process.Pid, status, err)
	}
}

func (p *process) host() string { return "http://" + p.address }

// between is a gateway with an endpoint for both backends, for each alone, and one that takes POST for both.
func between(t *testing.T, a, b *process) *gateway {
	t.Helper()
	to := func(path, method, balance string, hosts ...string) map[string]any {
		return map[string]any{"endpoint": path, "method": method, "backend": []any{map[string]any{
			"host": hosts, "url_pattern": "/", "method": method, "balance": balance}}}
	}
	const least, turns = "least_outstanding", "round_robin" // the second sends to who does not answer, too
	return start(t, map[string]any{"timeout": "2s", "endpoints": []any{
		to("/both", "GET", least, a.host(), b.host()), to("/a", "GET", least, a.host()), to("/b", "GET", least, b.host()),
		to("/post", "POST", turns, a.host(), b.host()),
	}})
}

// load asks for a path so many times a second until stop is called, which returns what did not go well.
func (g *gateway) load(t *testing.T, path string, rate int) (stop func() (asked int, bad []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var asked int
	var bad []string
	ask := func() {
		res, err := client.Get(g.url + path)
		problem := ""
		if err != nil {
			problem = err.Error()
		} else {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != http.StatusOK || err != nil {
				problem = fmt.Sprintf("%d %s %v", res.StatusCode, body, err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		asked++
		if problem != "" {
			bad = append(bad, problem)
		}
	}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	wg.Go(func() {
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				wg.Go(ask)
			}
		}
	})
	return func() (int, []string) {
		cancel()
		wg.Wait()
		client.CloseIdleConnections()
		return asked, bad
	}
}

func wantNoneBad(t *testing.T, g *gateway, asked int, bad []string) {
	t.Helper()
	if len(bad) > 0 {
		t.Errorf("%d of %d requests failed; the first: %s\n%s", len(bad), asked, bad[0], g.log)
	}
	if asked < 50 {
		t.Errorf("asked %d times only", asked)
	}
}

// TestChaosOneOfTwoBackendsIsKilled: nobody who reads notices a backend that dies (kill -9) and comes back every two seconds,
// under 500 requests a second.
func TestChaosOneOfTwoBackendsIsKilled(t *testing.T) {
	a, b := newProcess(t), newProcess(t)
	g := between(t, a, b)
	stop := g.load(t, "/both", 500)
	for range 3 {
		time.Sleep(time.Second) // the rhythm that the page is about: killed and started every two seconds
		a.kill()
		time.Sleep(time.Second)
		a.start()
	}
	time.Sleep(time.Second)
	asked, bad := stop()
	wantNoneBad(t, g, asked, bad)
	t.Logf("%d requests", asked)
}

// TestChaosABackendIsFrozen: with another host nobody notices one that is stopped; who asks it alone is told within the
// timeout; the others go on; and a second after it goes on all is well.
func TestChaosABackendIsFrozen(t *testing.T) {
	a, b := newProcess(t), newProcess(t)
	g := between(t, a, b)
	g.want(t, "/a", "", http.StatusOK)
	fresh := between(t, a, b) // knows nothing of the backends' health
	stop := g.load(t, "/both", 200)
	other := g.load(t, "/b", 50)
	time.Sleep(500 * time.Millisecond)
	freeze(t, a.cmd)
	told := posts(t, fresh)
	began := time.Now()
	if body := g.want(t, "/a", "", http.StatusGatewayTimeout); !strings.Contains(body, "upstream_timeout") {
		t.Errorf("got %s", body)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("told after %v with a timeout of 2s", took)
	}
	failed := told()
	a.signal(syscall.SIGCONT)
	eventuallyOK(t, g, "/a")
	wantOnceAtMost(t, failed, a, b)
	asked, bad := stop()
	wantNoneBad(t, g, asked, bad)
	asked, bad = other()
	wantNoneBad(t, g, asked, bad)
}

func eventuallyOK(t *testing.T, g *gateway, path string) {
	t.Helper()
	eventually(t, path+" answers again", func() error {
		status, body, err := g.get(t.Context(), path, "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

// posts begins to send POSTs; what it returns waits for them and tells what each was answered with.
func posts(t *testing.T, g *gateway) (told func() []int) {
	t.Helper()
	statuses := make([]int, 40)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			res, err := http.Post(g.url+"/post", "text/plain", strings.NewReader(fmt.Sprintf("<%d>", i)))
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			statuses[i] = res.StatusCode
		})
	}
	return func() []int { wg.Wait(); return statuses }
}

// wantOnceAtMost counts what arrived at the backends: no POST twice, and what was answered with 200 once. Some of them must
// have failed, or nothing was tried.
func wantOnceAtMost(t *testing.T, told []int, backends ...*process) {
	t.Helper()
	failed := 0
	for i, status := range told {
		arrived := 0
		for _, b := range backends {
			arrived += strings.Count(b.said.String(), fmt.Sprintf("posted <%d>\n", i))
		}
		if arrived > 1 || status == http.StatusOK && arrived != 1 {
			t.Errorf("POST %d arrived %d times and was answered with %d", i, arrived, status)
		}
		if status != http.StatusOK {
			failed++
		}
	}
	if failed == 0 {
		t.Error("no POST failed: none was sent to the backend that did not answer")
	}
	t.Logf("%d of %d POSTs failed", failed, len(told))
}

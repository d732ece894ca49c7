// Package e2e tests the built binary against giants that we did not write and that it must not link: real identity
// providers and a proxy that breaks connections. Everything listens on loopback and ends with its test.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var binary string // the gateway, built once

// builtBinary in the environment is a gateway that was built before.
const builtBinary = "GATEHOUSE_E2E_BINARY"

func TestMain(m *testing.M) {
	if address := os.Getenv(actAsBackend); address != "" {
		actBackend(address)
		return
	}
	if binary = os.Getenv(builtBinary); binary != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "gatehouse-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "gatehouse")
	build := exec.Command("go", "build", "-o", binary, ".")
	if raceEnabled { // then a race anywhere in the gateway fails its stop
		build.Args = slices.Insert(build.Args, 2, "-race")
	}
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s\n%v\n", out, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// gateway is one running gateway.
type gateway struct {
	url  string
	log  *logbook
	stop func()
	pid  int
}

// logbook is what a process prints.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start runs a gateway of this configuration (a Go value, written as JSON) until the test ends; it must stop with 0.
func start(t *testing.T, config map[string]any) *gateway {
	t.Helper()
	return startWith(t, 0, config)
}

// startWith gives it no more than so many descriptors; 0: what we have.
func startWith(t *testing.T, descriptors int, config map[string]any) *gateway {
	t.Helper()
	port := freePort(t)
	config["version"], config["port"], config["listen_ip"] = 4, port, "127.0.0.1"
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gateway.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	g := &gateway{url: fmt.Sprintf("http://127.0.0.1:%d", port), log: &logbook{}}
	cmd := exec.Command(binary, "run", "-c", file)
	if descriptors > 0 {
		cmd = exec.Command("sh", "-c", `ulimit -n "$0" && exec "$@"`, fmt.Sprint(descriptors), binary, "run", "-c", file)
	}
	cmd.Stdout, cmd.Stderr = g.log, g.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.pid = cmd.Process.Pid
	g.stop = sync.OnceFunc(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the gateway did not stop in order: %v\n%s", err, g.log)
		}
	})
	t.Cleanup(g.stop)
	eventually(t, "the gateway listens", func() error {
		res, err := http.Get(g.url + "/__health")
		if err == nil {
			res.Body.Close()
		}
		return err
	})
	return g
}

// used is the processor time of the gateway so far.
func (g *gateway) used(t *testing.T) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.pid))
	if err != nil {
		t.Skip("no /proc to see what it spends")
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	ticks := 0
	for _, f := range fields[11:13] { // utime and stime, a hundred a second
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// get asks for a path with a bearer token and returns status and body.
func (g *gateway) get(ctx context.Context, path, token string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// want asks and compares the status.
func (g *gateway) want(t *testing.T, path, token string, status int) string {
	t.Helper()
	got, body, err := g.get(t.Context(), path, token)
	if err != nil || got != status {
		t.Fatalf("GET %s: got %d %s (%v), want %d\n%s", path, got, body, err, status, g.log)
	}
	return body
}

func freePort(t *testing.T) int {
	t.Helper()
	for range 100 { // not one that the system gives to others meanwhile
		port := 15000 + rand.IntN(15000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// eventually repeats until f succeeds, for half a minute.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// upstream is a backend that tells who asked.
func upstream(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String()
}

func whoAsks(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"user": r.Header.Get("X-User")})
}

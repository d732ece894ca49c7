// Package examples_test plays every example, the demo and the image's recipe against the real program.
package examples_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/internal/gatewaytest"
)

const patience = 30 * time.Second

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gatehouse")
	if err == nil {
		binary = filepath.Join(dir, "gatehouse")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "..") // as the image is built
		cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		err = cmd.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// run runs a command to its end and returns what it printed; a failure of it fails the test.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestExamples(t *testing.T) {
	runner := gatewaytest.Runner{Boot: boot}
	sessions := 0
	for _, pattern := range []string{"*/session.txtar", "*/*/session.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			sessions++
			t.Run(filepath.Dir(file), func(t *testing.T) { runner.Page(t, file) })
		}
	}
	if sessions < 6 {
		t.Errorf("found %d sessions, want at least 6", sessions)
	}
}

func TestEveryExampleIsExplainedPlayedAndChecked(t *testing.T) {
	files := []string{"../gateway.json"}
	for _, pattern := range []string{"*/*.json", "*/*/*.json"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			args := []string{"check", "-c", file}
			if strings.HasSuffix(file, "gateway.json") { // those of KrakenD have old names, and nothing to mark the public with
				args = append(args, "--strict", "--require-auth")
			}
			run(t, ".", nil, binary, args...)
			if file == "../gateway.json" {
				return
			}
			top, _, _ := strings.Cut(file, "/")
			for _, beside := range []string{filepath.Join(filepath.Dir(file), "session.txtar"), filepath.Join(top, "README.md")} {
				if _, err := os.Stat(beside); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// boot runs the program on a page's configuration, with the page's environment and no other, until the test ends; then it
// must stop in order.
func boot(t testing.TB, s gatewaytest.Site) {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.Listener.Close()
	file := filepath.Join(s.Dir, s.File)
	if err := os.WriteFile(file, s.JSON, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "-c", file, "-p", port)
	for name, value := range s.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	start(t, cmd, s.Log, `"msg":"listening"`)
}

// start starts a program and returns once it has printed a text. It is ended by SIGTERM, and must then exit with 0.
func start(t testing.TB, cmd *exec.Cmd, out io.Writer, ready string) {
	t.Helper()
	w := &watcher{to: out, until: ready, found: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-w.found:
	case err := <-ended:
		t.Fatalf("it ended before it was ready: %v\n%s", err, w.text())
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-ended
		t.Fatalf("not ready in %v:\n%s", patience, w.text())
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("SIGTERM: %v", err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("after SIGTERM: %v, want exit 0\n%s", err, w.text())
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("still running %v after SIGTERM", patience)
		}
	})
}

// watcher passes on what a program prints and tells when a text has come.
type watcher struct {
	to    io.Writer
	until string
	found chan struct{}

	mu   sync.Mutex
	data bytes.Buffer
	done bool
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data.Write(p)
	n, err := w.to.Write(p) // before anybody hears that it is there
	if !w.done && bytes.Contains(w.data.Bytes(), []byte(w.until)) {
		w.done = true
		close(w.found)
	}
	return n, err
}

func (w *watcher) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.data.String()
}

// tutorial is the configuration of the Auth0 tutorial as it is printed, with its upper-case words.
const tutorial = `{
  "version": 2,
  "timeout": "3s",
  "endpoints":[
  {
    "endpoint": "/auth0-protected",
    "extra_config": {
        "github.com/devopsfaith/krakend-jose/validator": {
            "alg": "SIGNING_ALGORITHM",
            "audience": ["AUDIENCE"],
            "jwk-url": "https://DOMAIN/.well-known/jwks.json"
        }
    },
    "backend": [
        {
          "host":["http://localhost:8080"],
          "url_pattern": "/__health"
        }
    ]
  }]
}
`

func TestTheTutorialsFileIsTheTutorials(t *testing.T) {
	got, err := os.ReadFile("auth0/v2/krakend.json")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("SIGNING_ALGORITHM", "RS256", "AUDIENCE", "http://api.example.com",
		"DOMAIN", "krakend-auth0-test.auth0.com").Replace(tutorial)
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// freePort is a port of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := gatewaytest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

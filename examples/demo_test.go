package examples_test

import (
	"bytes"
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestTheDemoAnswersAsItPrints pastes what the demo prints into a shell, line by line, and holds the answers against the
// statuses that it promises.
func TestTheDemoAnswersAsItPrints(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the demo's lines need %s: %v", tool, err)
		}
	}
	var guide safeBuffer
	port := freePort(t)
	start(t, exec.Command(binary, "demo", "--port", port), &guide, "Ctrl-C ends everything.")

	steps := regexp.MustCompile(`(?m)^\d+\. (.*?)(?: \((\d{3})\))?:\n   (.*)$`).FindAllStringSubmatch(guide.String(), -1)
	if len(steps) < 10 {
		t.Fatalf("found %d steps in the guide, want at least 10:\n%s", len(steps), guide.String())
	}
	const mark = "\n=== next line ===\n"
	var script strings.Builder
	for _, s := range steps {
		script.WriteString(s[3] + "\nprintf '" + strings.ReplaceAll(mark, "\n", `\n`) + "'\n")
	}
	answers := strings.Split(run(t, ".", nil, "bash", "-c", script.String()), mark)
	all := strings.Join(answers, "")
	for i, s := range steps {
		if s[2] != "" && !strings.Contains(answers[i], "HTTP/1.1 "+s[2]) {
			t.Errorf("%s: want %s, got\n%s", s[1], s[2], answers[i])
		}
	}
	for _, want := range []string{`"user":"alice"`, `"id":9007199254740993`, `"asked_by":"gateway"`, `"offers":{`, `"history":{`, "X-Gateway-Completed: true"} {
		if !strings.Contains(all, want) {
			t.Errorf("no answer has %s", want)
		}
	}
	if strings.Contains(all, "password_hash") {
		t.Error("a password_hash is shown")
	}

	t.Run("the token command gets a token that passes", func(t *testing.T) {
		at := "http://127.0.0.1:" + port
		token := strings.TrimSpace(run(t, ".", nil, binary, "token", "--issuer", at, "--sub", "alice", "--role", "admin"))
		got := run(t, ".", nil, "curl", "-s", "-i", "-H", "Authorization: Bearer "+token, at+"/admin/users/bob")
		if !strings.Contains(got, "HTTP/1.1 200") || !strings.Contains(got, `"email":"bob@example.com"`) {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("a second one on the same port says what to do", func(t *testing.T) {
		out, err := exec.Command(binary, "demo", "--port", port).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), "--port") {
			t.Errorf("got %v, want exit 3 and a word about --port:\n%s", err, out)
		}
	})
}

// safeBuffer is a buffer that a program may write while the test reads.
type safeBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/internal/cli"
	"gatehouse/internal/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = `{"version": 4, "endpoints": [{"endpoint": "/a", "backend": [{"host": ["http://127.0.0.1:1"], "url_pattern": "/a"}]}]}`

// run runs one command to its end.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Run(context.Background(), args, []byte(good), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gateway.json")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	okFile := file(t, good)
	rows := []struct {
		name string
		args []string
		code int
		says string // in what is told to people
	}{
		{"a good file", []string{"check", "-c", okFile}, 0, ""},
		{"KrakenD's flags and name of check", []string{"validate", "-d", "-t", "-l", "-n", "-i", "  ", "-c", okFile}, 0, ""},
		{"a mistake", []string{"check", "-c", file(t, `{"version": 4, "endpoint": []}`)}, 1, `did you mean "endpoints"?`},
		{"a mistake stops run", []string{"run", "-c", file(t, `{"version": 5}`)}, 1, "version"},
		{"not JSON", []string{"check", "-c", file(t, "{\n  \"version\": 4,\n}")}, 1, "gateway.json:3:1"},
		{"an endpoint that anybody may call", []string{"check", "--require-auth", "-c", okFile}, 1, "endpoints[0]"},
		{"a warning taken for a mistake", []string{"check", "--strict", "-c", file(t, strings.Replace(good, `"version": 4`, `"version": "3"`, 1))}, 1, "version"},
		{"no file named", []string{"run"}, 2, "-c"},
		{"a file without its flag", []string{"check", okFile}, 2, "-c FILE"},
		{"an unknown command", []string{"serve"}, 2, "serve"},
		{"an unknown flag", []string{"check", "--nope"}, 2, "nope"},
		{"a file that is not there", []string{"check", "-c", "/nonexistent/gateway.json"}, 3, "/nonexistent/gateway.json"},
		{"a port in use", []string{"run", "-c", okFile, "-p", port}, 3, "-p"},
		{"a demo on a port in use", []string{"demo", "--listen", "0.0.0.0", "--port", port}, 3, "--port"},
		{"version", []string{"version"}, 0, ""},
		{"explain without an endpoint", []string{"explain", "-c", okFile}, 2, "--endpoint"},
		{"explain of an endpoint without a validator", []string{"explain", "-c", okFile, "--endpoint", "GET /a"}, 2, "anybody"},
		{"explain of no endpoint", []string{"explain", "-c", okFile, "--endpoint", "GET /b"}, 2, "GET /b"},
		{"a token of nobody", []string{"token", "--issuer", "http://127.0.0.1:1"}, 3, "127.0.0.1:1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			code, _, errOut := run(t, row.args...)
			if code != row.code || !strings.Contains(errOut, row.says) {
				t.Errorf("%v: got code %d and %q, want %d and %q in it", row.args, code, errOut, row.code, row.says)
			}
		})
	}
}

func TestExplainTakesTheEndpointThatAnswers(t *testing.T) {
	name := file(t, `{"version": 4, "host": ["http://a"], "endpoints": [
		{"endpoint": "/{wild...}", "backend": [{"url_pattern": "/x"}]},
		{"endpoint": "/users/{id}", "backend": [{"url_pattern": "/x"}]},
		{"endpoint": "/users/me", "backend": [{"url_pattern": "/x"}], "extra_config": {"auth/validator": {"jwk_url": "http://127.0.0.1:1/"}}},
		{"endpoint": "/other/{id}", "match": {"host": ["b.test"]}, "backend": [{"url_pattern": "/x"}]}]}`)
	for endpoint, want := range map[string]string{
		"GET /users/me":    "refused: token_missing",
		"get /users/m%65":  "refused: token_missing",
		"HEAD /users/me":   "refused: token_missing",
		"GET /users/7?x=1": "GET /users/{id} has no auth/validator",
		"GET /users/{id}":  "GET /users/{id} has no auth/validator",
		"GET /other/{id}":  "GET /other/{id} has no auth/validator",
		"GET /a/b":         "GET /{wild...} has no auth/validator",
		"POST /users/me":   "no endpoint answers POST /users/me",
	} {
		if _, out, errOut := run(t, "explain", "-c", name, "--endpoint", endpoint); !strings.Contains(out+errOut, want) {
			t.Errorf("%s: got %s%s, want %s", endpoint, out, errOut, want)
		}
	}
}

func TestCheckPrintsWhoMayPass(t *testing.T) {
	code, out, errOut := run(t, "check", "-c", file(t, `{"version": 4, "endpoints": [
		{"endpoint": "/open", "public": true, "backend": [{"host": ["http://a"], "url_pattern": "/x"}]},
		{"endpoint": "/closed", "timeout": "3s", "backend": [{"host": ["http://a"], "url_pattern": "/x"}],
		 "extra_config": {"auth/validator": {"issuer": "https://idp.example.com", "audience": ["me"], "roles": ["a", "b"]}}}]}`))
	if code != 0 {
		t.Fatal(errOut)
	}
	for _, want := range []string{"anybody (public)", "token of https://idp.example.com, audience me, role a or b", "3s", "GET http://a/x"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestCheckHidesWhatCameFromTheEnvironment(t *testing.T) {
	t.Setenv("HIDDEN_HOST", "very-secret-host")
	code, out, errOut := run(t, "check", "-d", "-c", file(t, strings.Replace(good, "http://127.0.0.1:1", "http://${HIDDEN_HOST}:8000", 1)))
	if code != 0 || !strings.Contains(out, "${HIDDEN_HOST}") {
		t.Errorf("got code %d, %s%s", code, out, errOut)
	}
	before, _, _ := strings.Cut(out, "METHOD")
	if strings.Contains(before, "very-secret-host") {
		t.Errorf("the secret is shown:\n%s", before)
	}
}

func TestRunServesUntilItIsStopped(t *testing.T) {
	up := gatewaytest.StartUpstream(t, "u", "GET /a\n  Content-Type: application/json\n\n  {\"ok\":true}\n")
	name := file(t, strings.Replace(good, "http://127.0.0.1:1", up.URL(), 1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan int, 1)
	var out, errOut bytes.Buffer
	go func() {
		done <- cli.Run(ctx, []string{"run", "-d", "-c", name, "-p", strconv.Itoa(port)}, nil, &out, &errOut)
	}()
	body := get(t, "http://127.0.0.1:"+strconv.Itoa(port)+"/a")
	if body != `{"ok":true}` {
		t.Errorf("got %q", body)
	}
	if body := get(t, "http://127.0.0.1:"+strconv.Itoa(port)+"/__debug/x"); body != `{"message":"pong"}` {
		t.Errorf("got %q of the debug endpoint", body)
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("got code %d and %s", code, errOut.String())
	}
}

// get asks until somebody answers.
func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(10 * time.Second); ; {
		res, err := client.Get(url)
		if err == nil {
			defer res.Body.Close()
			var b bytes.Buffer
			b.ReadFrom(res.Body)
			return b.String()
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // nobody can tell us when a port opens
	}
}

func TestTheSchemaIsASchema(t *testing.T) {
	code, out, errOut := run(t, "schema")
	var schema struct {
		Schema     string         `json:"$schema"`
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(out), &schema); code != 0 || err != nil || schema.Properties["endpoints"] == nil {
		t.Errorf("got code %d, %v, %s", code, err, errOut)
	}
}

func TestTheReferencePageIsUpToDate(t *testing.T) {
	const page = "../../docs/configuration.md"
	var now bytes.Buffer
	now.WriteString("# The configuration, key by key\n\nMade by `gatehouse schema --reference` from what reads the file.\n\n")
	if err := cli.Reference(&now); err != nil {
		t.Fatal(err)
	}
	if flag.Lookup("update").Value.String() == "true" { // gatewaytest has it
		if err := os.WriteFile(page, now.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(written, now.Bytes()) {
		t.Errorf("docs/configuration.md is not what the code says (%v); write it anew with: make docs", err)
	}
}

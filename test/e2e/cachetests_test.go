package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the results of the public cache tests anew")

const cacheResults = "cache-tests/RESULTS.md"

// cacheTest is one test of npm's http-cache-tests and how it went. Kind is "required" by RFC 9111, "optimal" for a cache that
// could be better, or a "check" of what a cache does where either is right.
type cacheTest struct {
	Suite, ID, Kind, Name, Failure, Why string
	Passed                              bool
}

// TestPublicCacheTests runs http-tests/cache-tests against a gateway with qos/http-cache in front of the origin that these
// tests bring, as the shared cache of a reverse proxy. The result is kept beside it; a required test that fails needs a reason.
func TestPublicCacheTests(t *testing.T) {
	tests := runCacheTests(t)
	for _, one := range tests {
		if !one.Passed && reasonFor(one) == "" {
			t.Errorf("%s (%s) fails and nobody says why: %s: %s", one.ID, one.Kind, one.Name, one.Why)
		}
	}
	got := cacheReport(tests)
	if *update {
		if err := os.WriteFile(cacheResults, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(cacheResults)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the results are not those of %s (go test -run TestPublicCacheTests -update writes them):\n%s", cacheResults, firstDifference(got, want))
	}
}

func runCacheTests(t *testing.T) (tests []cacheTest) {
	t.Helper()
	npmInstall(t, "cache-tests", "http-cache-tests")
	cmd := exec.CommandContext(t.Context(), "node", "run.mjs")
	cmd.Dir = "cache-tests"
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the origin of the tests did not start")
	}
	g := start(t, cachingGateway(strings.TrimPrefix(lines.Text(), "origin ")))
	io.WriteString(stdin, g.url+"\n")
	for lines.Scan() {
		var one cacheTest
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		tests = append(tests, one)
	}
	if len(tests) < 300 {
		t.Fatalf("got the results of %d tests only", len(tests))
	}
	return tests
}

// cachingGateway hands everything through as it comes, with a cache where the tests look.
func cachingGateway(origin string) map[string]any {
	var endpoints []any
	add := func(method, path string, cache map[string]any) {
		endpoints = append(endpoints, map[string]any{
			"endpoint": path, "method": method, "output_encoding": "no-op", "input_headers": []string{"*"}, "input_query_strings": []string{"*"},
			"backend": []any{map[string]any{"host": []string{origin}, "url_pattern": path, "encoding": "no-op", "extra_config": cache}},
		})
	}
	add("PUT", "/config/{id}", map[string]any{})
	add("GET", "/state/{id}", map[string]any{})
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
		for _, path := range []string{"/test/{id}", "/test/{id}/{file}"} {
			add(method, path, map[string]any{"qos/http-cache": map[string]any{"shared": true}})
		}
	}
	return map[string]any{"timeout": "10s", "endpoints": endpoints}
}

// cacheReasons say why tests fail: the first pattern that fits a test's name is its reason.
var cacheReasons = []struct{ pattern, reason string }{
	{"age-parse-*", "RFC 9111 5.1, younger than this test, has a cache take the first member of a list and ignore an Age that is no number; we do"},
	{"stale-close-*", "the origin cuts the connection and we answer 502, as we should: the test takes every answer that is not the origin's for one of the cache"},
	{"stale-warning-*", "Warning is obsolete (RFC 9111 5.5), and nothing stale is served without a word of the origin"},
	{"stale-close", "nothing stale is served without stale-if-error or max-stale"},
	{"stale-503", "nothing stale is served without stale-if-error or max-stale"},
	{"headers-store-Set-Cookie", "on purpose: what sets a cookie is for one client, and is never kept"},
	{"304-etag-update-response-Set-Cookie", "on purpose: what sets a cookie is for one client, and is never kept"},
	{"other-set-cookie", "on purpose: what sets a cookie is for one client, and is never kept"},
	{"other-cookie", "on purpose: a Cookie that reaches the backend is part of the key"},
	{"other-authorization-*", "on purpose: an Authorization that reaches the backend is part of the key, whatever the answer says"},
	{"headers-store-Transfer-Encoding", "the origin sends a transfer coding that is none; such an answer is a broken one (502)"},
	{"304-etag-update-response-ETag", "the 304 speaks of another representation than the one we hold (RFC 9111 4.3.4 forbids to update): we ask again, without a condition, and the test wants no second request"},
	{"invalidate-M-SEARCH*", "the gateway has no endpoints for M-SEARCH"},
	{"partial-*", "partial answers are not kept, and ranges are the origin's to cut (both are a cache's choice)"},
	{"surrogate-*", "Surrogate-Control is for caches that announce a Surrogate-Capability; we announce none, and go by Cache-Control"},
	{"heuristic-*", "on purpose: no freshness is guessed where the origin gives none"},
	{"other-heuristic-*", "on purpose: no freshness is guessed where the origin gives none"},
	{"pragma-response-no-cache-heuristic", "on purpose: no freshness is guessed where the origin gives none"},
	{"method-POST", "answers to POST are not kept (a cache's choice)"},
	{"vary-normalise-lang-*", "Accept-Language is compared as it stands (a cache's choice)"},
	{"freshness-max-age-*", "a max-age that is no number counts as 0, and of two the first counts (RFC 9111 4.2.1 has both as the careful choice)"},
	{"freshness-expires-*", "a date that is none has expired (RFC 9111 5.3)"},
	{"headers-omit-headers-listed-in-Cache-Control-no-cache*", "no-cache with names counts as no-cache without"},
	{"ccreq-max-stale-age", "what was stale when it came, and has no validator, is not kept"},
	{"pragma-request-no-cache", "Pragma: no-cache of a client that has no Cache-Control counts as Cache-Control: no-cache"},
	{"conditional-etag-strong-respond-obs-text", "the test's client sends the tag in another encoding than its origin"},
	{"conditional-etag-*quoted*", "entity tags are compared and sent as they stand: one without quotes is not mended"},
	{"conditional-etag-vary-headers-mismatch", "what Vary says does not fit is not asked about (a cache's choice)"},
	{"conditional-lm-fresh-no-lm", "the client's date is older than the Date of the answer, which RFC 9111 4.3.2 has answered whole"},
	{"head-*", "answers to HEAD do not change what is kept (a cache's choice)"},
}

func reasonFor(one cacheTest) string {
	for _, r := range cacheReasons {
		if ok, _ := path.Match(r.pattern, one.ID); ok {
			return r.reason
		}
	}
	return ""
}

var cacheKinds = []string{"required", "optimal", "check"}

func cacheReport(tests []cacheTest) []byte {
	var b bytes.Buffer
	b.WriteString("# qos/http-cache under http-tests/cache-tests\n\nWritten by TestPublicCacheTests, which compares it with every run: npm's http-cache-tests 0.4.5 against a gateway as a shared cache.\n\n")
	b.WriteString("| suite | required | optimal | checks |\n|---|---|---|---|\n")
	var suites []string
	type count struct{ passed, all int }
	counts := map[[2]string]*count{}
	at := func(suite, kind string) *count {
		key := [2]string{suite, kind}
		if counts[key] == nil {
			counts[key] = &count{}
		}
		return counts[key]
	}
	for _, one := range tests {
		if len(suites) == 0 || suites[len(suites)-1] != one.Suite {
			suites = append(suites, one.Suite)
		}
		for _, suite := range []string{one.Suite, "**all**"} {
			c := at(suite, one.Kind)
			c.all++
			if one.Passed {
				c.passed++
			}
		}
	}
	for _, suite := range append(suites, "**all**") {
		fmt.Fprintf(&b, "| %s |", suite)
		for _, kind := range cacheKinds {
			if c := at(suite, kind); c.all > 0 {
				fmt.Fprintf(&b, " %d of %d |", c.passed, c.all)
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	for _, kind := range cacheKinds {
		fmt.Fprintf(&b, "\n## Not passed: %s\n\n| test | why |\n|---|---|\n", kind)
		for _, one := range tests {
			if one.Kind == kind && !one.Passed {
				fmt.Fprintf(&b, "| %s | %s |\n", one.ID, reasonFor(one))
			}
		}
	}
	return b.Bytes()
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\ngot:  %s\nwant: %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

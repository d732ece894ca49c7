package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// oidc is npm's oidc-provider, in a process of its own.
type oidc struct {
	issuer string
	cmd    *exec.Cmd
}

func startOIDC(t *testing.T) *oidc {
	t.Helper()
	npmInstall(t, "oidc-provider", "oidc-provider")
	cmd := exec.Command("node", "server.mjs")
	cmd.Dir = "oidc-provider"
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
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGCONT); stdin.Close(); cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if issuer, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			go io.Copy(io.Discard, stdout)
			return &oidc{issuer: issuer, cmd: cmd}
		}
	}
	t.Fatal("oidc-provider did not start")
	return nil
}

// npmInstall fetches what the package.json of a folder names, unless it is there.
func npmInstall(t *testing.T, folder, name string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("missing: Node.js 18 or newer, for " + name)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", name)); err == nil {
		return
	}
	install := exec.Command("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

func (o *oidc) post(t *testing.T, path string) {
	t.Helper()
	res, err := http.Post(o.issuer+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// asked is how many token requests there were.
func (o *oidc) asked(t *testing.T) string {
	t.Helper()
	res, err := http.Get(o.issuer + "/tokens/count")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return string(body)
}

// token asks for an access token that is meant for resource.
func (o *oidc) token(t *testing.T, resource string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"poster"}, "client_secret": {"posted"}, "resource": {resource}, "scope": {"stock:read"}}
	res, err := http.PostForm(o.issuer+"/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	body, _ := io.ReadAll(res.Body)
	if err := json.Unmarshal(body, &answer); err != nil || strings.Count(answer.Token, ".") != 2 {
		t.Fatalf("no token: %d %s", res.StatusCode, body)
	}
	return answer.Token
}

func TestOIDCProvider(t *testing.T) {
	o := startOIDC(t)
	config := protected(upstream(t, whoAsks), o.issuer, "urn:shop")
	validator := config["endpoints"].([]any)[0].(map[string]any)["extra_config"].(map[string]any)["auth/validator"].(map[string]any)
	validator["audience"] = []string{"urn:shop", "urn:shop:es"}
	validator["scopes"] = []string{"stock:read"}
	g := start(t, config)
	rsa, ec := o.token(t, "urn:shop"), o.token(t, "urn:shop:es")
	g.want(t, "/me", rsa, http.StatusOK)
	g.want(t, "/me", ec, http.StatusOK)
	g.want(t, "/me", o.token(t, "urn:other"), http.StatusUnauthorized)

	ctx, stop := context.WithCancel(t.Context())
	refused := make(chan error, 1)
	go func() {
		defer close(refused)
		for ctx.Err() == nil {
			status, body, err := g.get(ctx, "/me", rsa)
			if ctx.Err() == nil && (err != nil || status != http.StatusOK) {
				refused <- fmt.Errorf("an old token got %d %s (%v)", status, body, err)
				return
			}
		}
	}()
	o.post(t, "/rotate")
	fresh := o.token(t, "urn:shop")
	if kid(t, fresh) == kid(t, rsa) {
		t.Fatal("the provider did not rotate its keys")
	}
	g.want(t, "/me", fresh, http.StatusOK)
	stop()
	if err := <-refused; err != nil {
		t.Error(err)
	}
}

// TestOIDCProviderGivesTokensForBackends: the secret has every character that RFC 6749 2.3.1 wants encoded, and many calls
// at once cost one token request.
func TestOIDCProviderGivesTokensForBackends(t *testing.T) {
	o := startOIDC(t)
	stock := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || strings.Count(token, ".") != 2 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"in_stock":3}`)
	})
	backend := func(id, secret, style string) map[string]any {
		return map[string]any{"host": []string{stock}, "url_pattern": "/stock", "extra_config": map[string]any{
			"auth/client-credentials": map[string]any{
				"token_url": o.issuer + "/token", "client_id": id, "client_secret": secret, "auth_style": style,
				"scopes": "stock:read", "endpoint_params": map[string]any{"resource": []string{"urn:shop"}},
			}}}
	}
	g := start(t, map[string]any{"timeout": "5s", "endpoints": []any{
		map[string]any{"endpoint": "/basic", "backend": []any{backend("gate way", "a secret: +/=&%", "basic")}},
		map[string]any{"endpoint": "/post", "backend": []any{backend("poster", "posted", "post")}},
	}})
	o.post(t, "/tokens/fail?n=1")
	eventually(t, "the token is had after a failure", func() error {
		status, body, err := g.get(t.Context(), "/basic", "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	before := o.asked(t)
	done := make(chan error, 50)
	for range cap(done) {
		go func() {
			status, body, err := g.get(t.Context(), "/post", "")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("%d %s", status, body)
			}
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if after := o.asked(t); after != fmt.Sprint(atoi(before)+1) {
		t.Errorf("50 calls at once: got %s token requests before and %s after, want one more", before, after)
	}
}

func atoi(s string) (n int) {
	fmt.Sscan(s, &n)
	return n
}

// TestChaosATokenEndpointIsFrozen: a real provider that is stopped costs nobody who holds a living token anything, and others
// no more than their time; a second after it goes on all is well.
func TestChaosATokenEndpointIsFrozen(t *testing.T) {
	t.Parallel()
	o := startOIDC(t)
	stock := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"in_stock":3}`)
	})
	config := func() map[string]any {
		return map[string]any{"timeout": "1s", "endpoints": []any{map[string]any{"endpoint": "/stock", "backend": []any{
			map[string]any{"host": []string{stock}, "url_pattern": "/stock", "extra_config": map[string]any{
				"auth/client-credentials": map[string]any{
					"token_url": o.issuer + "/token", "client_id": "poster", "client_secret": "posted", "auth_style": "post",
					"scopes": "stock:read", "endpoint_params": map[string]any{"resource": []string{"urn:shop"}},
				}}}}}}}
	}
	warm, cold := start(t, config()), start(t, config())
	eventuallyOK(t, warm, "/stock")
	before := atoi(o.asked(t))
	freeze(t, o.cmd)
	stop := warm.load(t, "/stock", 100)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			began := time.Now()
			status, body, err := cold.get(t.Context(), "/stock", "")
			if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(body, "upstream_auth_failed") {
				t.Errorf("got %d %s (%v), want 503 upstream_auth_failed", status, body, err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("told after %v with a timeout of 1s", took)
			}
		})
	}
	wg.Wait()
	o.cmd.Process.Signal(syscall.SIGCONT)
	time.Sleep(time.Second) // the second that the page grants
	cold.want(t, "/stock", "", http.StatusOK)
	asked, bad := stop()
	wantNoneBad(t, warm, asked, bad)
	if n := atoi(o.asked(t)) - before; n > 3 {
		t.Errorf("100 callers cost %d token requests in two seconds, want one a second", n)
	}
}

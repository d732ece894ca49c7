package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

// dex is Dex, in this process: an OpenID provider that we did not write.
type dex struct {
	issuer  string
	store   storage.Storage
	log     *logrus.Logger
	ctx     context.Context
	handler atomic.Pointer[http.Handler]
	ahead   time.Duration // how far Dex's clock was put forward for a rotation
}

const (
	dexRotation = time.Hour
	dexLife     = 3 * time.Hour
)

func startDex(t *testing.T) *dex {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	ctx, stop := context.WithCancel(context.Background())
	d := &dex{issuer: "http://" + l.Addr().String() + "/dex", store: memory.New(logger), log: logger, ctx: ctx}
	err = d.store.CreateClient(storage.Client{ID: "shop", Secret: "secret", RedirectURIs: []string{"http://127.0.0.1/callback"}})
	if err == nil {
		err = d.store.CreateConnector(storage.Connector{ID: "mock", Type: "mockCallback", Name: "mock"})
	}
	if err != nil {
		t.Fatal(err)
	}
	d.serve(t)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*d.handler.Load()).ServeHTTP(w, r) })}
	go web.Serve(l)
	t.Cleanup(func() { stop(); web.Close() })
	return d
}

// serve makes a Dex on the same storage. It rotates its keys at once if its clock says that they are due.
func (d *dex) serve(t *testing.T) {
	t.Helper()
	source, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/dexidp/dex").Output()
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(d.ctx, server.Config{
		Issuer: d.issuer, Storage: d.store, SkipApprovalScreen: true, Logger: d.log,
		RotateKeysAfter: dexRotation, IDTokensValidFor: dexLife, PrometheusRegistry: prometheus.NewRegistry(),
		Web: server.WebConfig{Dir: filepath.Join(strings.TrimSpace(string(source)), "web")},
		Now: func() time.Time { return time.Now().Add(d.ahead) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = s
	d.handler.Store(&h)
}

// rotate has Dex take a new key, as after RotateKeysAfter; the old one stays published for as long as its tokens live.
func (d *dex) rotate(t *testing.T) {
	t.Helper()
	d.ahead += dexRotation + time.Second
	d.serve(t)
	d.ahead -= dexRotation + time.Second
	d.serve(t)
}

// token logs in at Dex, as a browser would, and exchanges the code.
func (d *dex) token(t *testing.T) string {
	t.Helper()
	var code string
	browser := &http.Client{CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), "http://127.0.0.1/callback") {
			code = req.URL.Query().Get("code")
			return http.ErrUseLastResponse
		}
		return nil
	}}
	query := url.Values{"client_id": {"shop"}, "redirect_uri": {"http://127.0.0.1/callback"}, "response_type": {"code"}, "scope": {"openid email"}, "state": {"x"}}
	res, err := browser.Get(d.issuer + "/auth?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if code == "" {
		t.Fatalf("no code: %d %s", res.StatusCode, body)
	}
	res, err = http.PostForm(d.issuer+"/token", url.Values{"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {"http://127.0.0.1/callback"}, "client_id": {"shop"}, "client_secret": {"secret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.IDToken == "" {
		t.Fatalf("no token: %d %v", res.StatusCode, err)
	}
	return answer.IDToken
}

func kid(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var h struct {
		Kid string `json:"kid"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h.Kid
}

func protected(host, issuer, audience string) map[string]any {
	return map[string]any{"endpoints": []any{map[string]any{
		"endpoint": "/me",
		"backend":  []any{map[string]any{"host": []string{host}, "url_pattern": "/me"}},
		"extra_config": map[string]any{"auth/validator": map[string]any{
			"issuer": issuer, "audience": []string{audience}, "propagate_claims": [][]string{{"sub", "X-User"}},
		}},
	}}}
}

func TestDex(t *testing.T) {
	d := startDex(t)
	g := start(t, protected(upstream(t, whoAsks), d.issuer, "shop"))
	g.want(t, "/me", "", http.StatusUnauthorized)
	old := d.token(t)
	if body := g.want(t, "/me", old, http.StatusOK); !strings.Contains(body, `"user":"Cg`) {
		t.Errorf("the backend was not told who asks: %s", body)
	}
	g.want(t, "/me", old[:len(old)-4]+"AAAA", http.StatusUnauthorized)
}

// TestDexRotatesWhileRequestsRun: the first token of a new key passes within its own request, and those of the old key go
// on, without one refusal in between.
func TestDexRotatesWhileRequestsRun(t *testing.T) {
	d := startDex(t)
	g := start(t, protected(upstream(t, whoAsks), d.issuer, "shop"))
	old := d.token(t)
	g.want(t, "/me", old, http.StatusOK)

	ctx, stop := context.WithCancel(t.Context())
	refused := make(chan error, 1)
	go func() {
		defer close(refused)
		for ctx.Err() == nil {
			status, body, err := g.get(ctx, "/me", old)
			if ctx.Err() == nil && (err != nil || status != http.StatusOK) {
				refused <- fmt.Errorf("an old token got %d %s (%v)", status, body, err)
				return
			}
		}
	}()
	d.rotate(t)
	fresh := d.token(t)
	if kid(t, fresh) == kid(t, old) {
		t.Fatal("Dex did not rotate its keys")
	}
	g.want(t, "/me", fresh, http.StatusOK)
	stop()
	if err := <-refused; err != nil {
		t.Error(err)
	}
}

// TestDexDownAtStart: the gateway starts without its provider, says 503 where keys are needed and 401 where they are not,
// and heals by itself.
func TestDexDownAtStart(t *testing.T) {
	d := startDex(t)
	handler := d.handler.Load()
	down := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	token := d.token(t)
	d.handler.Store(&down)
	g := start(t, protected(upstream(t, whoAsks), d.issuer, "shop"))
	g.want(t, "/me", "", http.StatusUnauthorized)
	g.want(t, "/me", token, http.StatusServiceUnavailable)
	d.handler.Store(handler)
	back := time.Now()
	eventually(t, "the token passes", func() error {
		status, body, err := g.get(t.Context(), "/me", token)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	t.Logf("passes %s after the provider's return", time.Since(back).Round(time.Millisecond))
}

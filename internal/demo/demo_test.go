package demo

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a world on a free port; it ends with the test.
func start(t *testing.T) *World {
	t.Helper()
	w, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// fetch asks a part of the world.
func fetch(t *testing.T, method, url, kind, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data), res.Header
}

func TestEverythingIsOnLoopbackAndEndsWithClose(t *testing.T) {
	w, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	urls := []string{"http://" + w.Listener.Addr().String()}
	for _, name := range []string{"ISSUER", "CATALOG_URL", "USERS_URL", "ORDERS_URL", "INVENTORY_URL"} {
		url, ok := w.Lookup(name)
		if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
			t.Errorf("%s is %q, want an address on loopback", name, url)
		}
		urls = append(urls, url)
	}
	w.Close()
	for _, url := range urls {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			c.Close()
			t.Errorf("%s still answers", url)
		}
	}
}

func TestLookupKnowsNothingElse(t *testing.T) {
	t.Setenv("CATALOG_HOST", "x")
	if value, ok := start(t).Lookup("CATALOG_HOST"); ok {
		t.Errorf("got %q, want nothing", value)
	}
}

func TestAPortThatIsTakenIsToldWithTheWayOut(t *testing.T) {
	w := start(t)
	port := w.Listener.Addr().(*net.TCPAddr).Port
	_, err := Start(t.Context(), Options{Port: port})
	var taken *PortError
	if !errors.As(err, &taken) || !strings.Contains(err.Error(), "is taken by another program; choose another port: demo --port N") {
		t.Errorf("got %v, want a PortError that names --port", err)
	}
	if _, err := Start(t.Context(), Options{Listen: "localhost:80"}); err == nil || !strings.Contains(err.Error(), `--listen "localhost:80": want an IP address`) {
		t.Errorf("got %v, want a word about --listen", err)
	}
}

func TestRunServesUntilTheContextEnds(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var guide strings.Builder
	served := false
	err := Run(ctx, Options{Out: &guide}, func(lookup func(string) (string, bool)) (Serve, error) {
		if _, ok := lookup("ISSUER"); !ok {
			t.Error("no ISSUER")
		}
		return func(ctx context.Context, l net.Listener) error {
			served = strings.Contains(guide.String(), "http://"+l.Addr().String()+"/catalog")
			stop()
			<-ctx.Done()
			return nil
		}, nil
	})
	if err != nil || !served {
		t.Errorf("got %v, served %v; the guide:\n%s", err, served, guide.String())
	}
}

func TestRunWithAGatewayThatCannotBeBuiltPrintsNothing(t *testing.T) {
	var guide strings.Builder
	wrong := errors.New("wrong")
	err := Run(t.Context(), Options{Out: &guide}, func(func(string) (string, bool)) (Serve, error) { return nil, wrong })
	if !errors.Is(err, wrong) || guide.Len() > 0 {
		t.Errorf("got %v and %q, want the error and nothing", err, guide.String())
	}
}

func TestTheGuideLeavesOutWhatOnlyThisMachineReaches(t *testing.T) {
	w, err := Start(t.Context(), Options{Listen: "0.0.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, port, _ := net.SplitHostPort(w.Listener.Addr().String())
	for _, s := range w.Steps() {
		if !strings.Contains(s.Line, "http://localhost:"+port+"/") || strings.Contains(s.Line, "127.0.0.1") {
			t.Errorf("%s", s.Line)
		}
	}
	if n := len(start(t).Steps()); n <= len(w.Steps()) {
		t.Errorf("got %d steps on loopback and %d elsewhere, want more on loopback", n, len(w.Steps()))
	}
}

func TestBackends(t *testing.T) {
	w := start(t)
	for _, row := range []struct {
		name, env, path string
		header          []string
		status          int
		body            string
	}{
		{"the catalog is open", "CATALOG_URL", "/products", nil, 200, `"lamp"`},
		{"offers too", "CATALOG_URL", "/offers", nil, 200, `"today"`},
		{"a user, with what the gateway has to hide", "USERS_URL", "/users/bob", nil, 200, `"password_hash"`},
		{"a user that is not", "USERS_URL", "/users/eve", nil, 404, "no such user"},
		{"orders of whoever the gateway names", "ORDERS_URL", "/orders", []string{"X-User", "alice"}, 200, `"id":9007199254740993`},
		{"orders of nobody", "ORDERS_URL", "/orders", nil, 400, "no X-User"},
		{"the inventory without a token", "INVENTORY_URL", "/stock/lamp", nil, 401, "a token for the inventory is wanted"},
		{"the inventory with nonsense", "INVENTORY_URL", "/stock/lamp", []string{"Authorization", "Bearer a.b.c"}, 401, "wanted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			base, _ := w.Lookup(row.env)
			status, body, _ := fetch(t, "GET", base+row.path, "", "", row.header...)
			if status != row.status || !strings.Contains(body, row.body) {
				t.Errorf("got %d %s, want %d %s", status, body, row.status, row.body)
			}
		})
	}
}

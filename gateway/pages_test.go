package gateway_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"gatehouse/backends"
	"gatehouse/backends/tokens"
	"gatehouse/gateway"
	"gatehouse/internal/conf"
	"gatehouse/internal/gatewaytest"
	"gatehouse/internal/outbound"
	"gatehouse/validator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRequests(t *testing.T) {
	gatewaytest.Runner{Boot: boot, Check: check}.Pages(t, "testdata/requests/*.txtar")
}

func TestMistakes(t *testing.T) {
	gatewaytest.Runner{Boot: boot, Check: check}.Pages(t, "testdata/mistakes/*.txtar")
}

// boot serves a page's configuration as run does.
func boot(t testing.TB, s gatewaytest.Site) {
	t.Helper()
	cfg, doc, err := gateway.Parse(s.File, s.JSON, s.Lookup)
	if err != nil {
		t.Fatal(places(doc, err))
	}
	log := slog.New(slog.NewJSONHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	shared := newShared(log)
	shared.Access = s.Log
	g, err := gateway.New(cfg, shared)
	if err != nil {
		t.Fatal(places(doc, err))
	}
	g.Start()
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- gateway.NewServer(cfg, g, log).Serve(ctx, s.Listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		g.Close()
		closeShared(shared)
	})
}

// check reads a page's configuration as check does.
func check(t testing.TB, s gatewaytest.Site) (mistakes, warnings string) {
	t.Helper()
	cfg, doc, err := gateway.Parse(s.File, s.JSON, s.Lookup)
	shared := newShared(slog.New(slog.DiscardHandler))
	defer closeShared(shared)
	if err != nil && doc != nil {
		err = conf.Join(err, gateway.Further(cfg, shared, err))
	} else if err == nil {
		var g *gateway.Gateway
		if g, err = gateway.New(cfg, shared); err == nil {
			g.Close()
		}
		doc.Warn(gateway.Warnings(cfg))
	}
	if doc != nil {
		var b strings.Builder
		for _, w := range doc.Warnings() {
			b.WriteString(w.Error() + "\n")
		}
		warnings = b.String()
	}
	return places(doc, err), warnings
}

func places(doc *conf.Document, err error) string {
	if err == nil {
		return ""
	}
	mistakes := conf.Flatten(err)
	if doc != nil {
		mistakes = doc.Locate(err)
	}
	var b strings.Builder
	conf.Print(&b, mistakes)
	return b.String()
}

func newShared(log *slog.Logger) gateway.Shared {
	return gateway.Shared{
		Keys:    validator.NewKeys(validator.KeysConfig{Log: log}),
		Hosts:   backends.NewHosts(outbound.Options{}, log),
		Tokens:  tokens.New(tokens.Options{Log: log}),
		Log:     log,
		Release: "test",
	}
}

func closeShared(s gateway.Shared) {
	s.Tokens.Close()
	s.Keys.Close()
	s.Hosts.Close()
}

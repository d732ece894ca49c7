package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// target is a server that rows ask: a gateway with one configuration, or a peer.
type target struct {
	name string
	url  string // scheme, host and port
	*process
}

// world is everything that runs: one upstream, one identity provider for each algorithm, gateways and peers.
type world struct {
	dir    string // of this run, removed with the world
	self   string // this program: the upstream and the loader are it, too
	here   string // the folder of the bench
	code   string // that of the gateway's code
	binary string // the gateway
	other  string // another gateway to compare with
	origin string // URL of the upstream

	upstream *process
	targets  map[string]*target
	signers  map[string]*signer
	lists    map[string]string // files of requests by what they hold
	turn     map[string]int    // where each of these files is to be read on
}

// newWorld builds the gateway where no binary is given, makes keys and starts the upstream.
func newWorld(ctx context.Context, opt options) (*world, error) {
	w := &world{here: opt.source, code: opt.tree, binary: opt.gateway, other: opt.against,
		targets: map[string]*target{}, signers: map[string]*signer{}, lists: map[string]string{}, turn: map[string]int{}}
	var err error
	if w.dir, err = os.MkdirTemp("", "gatehouse-bench-"); err != nil {
		return nil, err
	}
	if w.binary == "" && opt.profiled == "" {
		w.binary = filepath.Join(w.dir, "gatehouse")
		if err := w.build(ctx, w.binary, "-ldflags", "-s -w"); err != nil {
			return w, err
		}
	}
	for _, alg := range []string{"RS256", "ES256", "PS256", "HS256"} {
		name := strings.ToLower(alg)
		s, err := newSigner(alg, "https://"+name+".example.com/")
		if err != nil {
			return w, err
		}
		if err := s.publish(w.dir, name); err != nil {
			return w, err
		}
		w.signers[name] = s
	}
	return w, w.startUpstream(ctx)
}

func (w *world) startUpstream(ctx context.Context) error {
	var err error
	if w.self, err = os.Executable(); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	w.origin = "http://127.0.0.1:" + port
	if w.upstream, err = start(w.dir, "upstream", nil, w.self, "upstream", port, w.dir); err != nil {
		return err
	}
	return w.upstream.answers(ctx, w.origin+"/flat/240", "")
}

// close stops everything.
func (w *world) close() {
	for _, t := range w.targets {
		t.stop()
	}
	w.upstream.stop()
	if err := os.RemoveAll(w.dir); err != nil {
		progress("%s stays: %v", w.dir, err)
	}
}

// drop stops one target.
func (w *world) drop(name string) {
	if t := w.targets[name]; t != nil {
		t.stop()
		delete(w.targets, name)
	}
}

// target is a running server by its name, started when it is first asked for:
//
//	gateway            gateway.json
//	gateway-nocache    every token verified each time
//	gateway-log        with its access log
//	gateway-tokens     gateway.json again, for a curve that wants an empty memory of tokens
//	gateway-few        10 endpoints and 10 issuers
//	gateway-many       10,000 endpoints and 1,000 issuers
//	haproxy, haproxy-rs256, nginx
//	old, old-nocache…  the same gateways of another binary (-against)
func (w *world) target(ctx context.Context, name string) (*target, error) {
	if t := w.targets[name]; t != nil {
		return t, nil
	}
	kind, variant, _ := strings.Cut(name, "-")
	var err error
	switch kind {
	case "gateway":
		err = w.startGateway(ctx, name, w.binary, variant)
	case "old":
		err = w.startGateway(ctx, name, w.other, variant)
	case "haproxy":
		err = w.startHAProxy(ctx)
	case "nginx":
		err = w.startNginx(ctx)
	default:
		err = fmt.Errorf("there is no target %q", name)
	}
	return w.targets[name], err
}

func (w *world) startGateway(ctx context.Context, name, binary, variant string) error {
	env := []string{"QUIET=true", "TOKEN_CACHE=16777216"}
	switch variant {
	case "nocache":
		env[1] = "TOKEN_CACHE=0"
	case "log":
		env[0] = "QUIET=false"
	case "few":
		return w.serveSpread(ctx, name, binary, fewSpread)
	case "many":
		return w.serveSpread(ctx, name, binary, manySpread)
	}
	return w.serve(ctx, name, binary, filepath.Join(w.here, "gateway.json"), "/noop", env...)
}

// serve starts a gateway with a file; probe is a path that it answers.
func (w *world) serve(ctx context.Context, name, binary, file, probe string, env ...string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	env = append(env, "UPSTREAM="+w.origin, "PORT="+port)
	p, err := start(w.dir, name, env, binary, "run", "-c", file, "-p", port)
	if err != nil {
		return err
	}
	t := &target{name: name, url: "http://127.0.0.1:" + port, process: p}
	w.targets[name] = t
	return p.answers(ctx, t.url+probe, "")
}

func (w *world) startHAProxy(ctx context.Context) error {
	pass, err := freePort()
	if err != nil {
		return err
	}
	rs256, err := freePort()
	if err != nil {
		return err
	}
	env := []string{"PASS_PORT=" + pass, "RS256_PORT=" + rs256, "UPSTREAM_PORT=" + w.origin[strings.LastIndexByte(w.origin, ':')+1:],
		"RS256_KEY=" + filepath.Join(w.dir, "rs256.pem"), "ISSUER=" + w.signers["rs256"].issuer}
	p, err := start(w.dir, "haproxy", env, "haproxy", "-db", "-f", filepath.Join(w.here, "peers", "haproxy.cfg"))
	if err != nil {
		return err
	}
	w.targets["haproxy"] = &target{name: "haproxy", url: "http://127.0.0.1:" + pass, process: p}
	w.targets["haproxy-rs256"] = &target{name: "haproxy", url: "http://127.0.0.1:" + rs256, process: p}
	return p.answers(ctx, "http://127.0.0.1:"+pass+"/flat/240", "")
}

func (w *world) startNginx(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(w.here, "peers", "nginx.conf"))
	if err != nil {
		return err
	}
	conf := strings.NewReplacer("TMP", w.dir, "PORT", port, "UPSTREAM", w.origin[strings.LastIndexByte(w.origin, ':')+1:]).Replace(string(text))
	file := filepath.Join(w.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	p, err := start(w.dir, "nginx", nil, "nginx", "-c", file, "-e", filepath.Join(w.dir, "nginx.log"))
	if err != nil {
		return err
	}
	w.targets["nginx"] = &target{name: "nginx", url: "http://127.0.0.1:" + port, process: p}
	return p.answers(ctx, "http://127.0.0.1:"+port+"/flat/240", "")
}

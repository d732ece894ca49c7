package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// spread is a configuration made by rule: so many endpoints, whose tokens come from so many issuers (0: they want none),
// with so many backends each.
type spread struct {
	endpoints, issuers, backends int
	tokens                       int // how many different ones are shown
}

var (
	manySpread = spread{endpoints: 10_000, issuers: 1_000, backends: 1, tokens: 10_000}
	fewSpread  = spread{endpoints: 10, issuers: 10, backends: 1, tokens: 10_000}
)

// over asks all endpoints of a spread in turn.
func over(s spread) side {
	name := "gateway-few"
	if s == manySpread {
		name = "gateway-many"
	}
	return side{target: name, spread: s, hold: same(flat(240))}
}

// askedOver asks the endpoints in turn, each for a user and with a token of its issuer.
func (w *world) askedOver(s spread) ([]request, error) {
	list := make([]request, max(s.endpoints, s.tokens))
	for i := range list {
		endpoint := i % s.endpoints
		list[i].path = fmt.Sprintf("/api/service-%d/items/%d", endpoint, 1+i)
		if s.issuers == 0 {
			continue
		}
		signer, err := w.issuer(endpoint % s.issuers)
		if err != nil {
			return nil, err
		}
		if list[i].token, err = signer.token(i); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// issuer is one of many providers, with a key of its own.
func (w *world) issuer(i int) (*signer, error) {
	name := fmt.Sprintf("issuer-%d", i)
	if s := w.signers[name]; s != nil {
		return s, nil
	}
	s, err := newSigner("ES256", "https://"+name+".example.com/")
	if err != nil {
		return nil, err
	}
	w.signers[name] = s
	return s, s.publish(w.dir, name)
}

// spreadFile writes the configuration of a spread.
func (w *world) spreadFile(s spread) (string, error) {
	type object = map[string]any
	list := make([]object, s.endpoints)
	for i := range list {
		var backends []object
		for k := range s.backends {
			backend := object{"url_pattern": "/items/{id}"}
			if s.backends > 1 {
				backend["group"] = fmt.Sprintf("part%d", k)
			}
			backends = append(backends, backend)
		}
		list[i] = object{"endpoint": fmt.Sprintf("/api/service-%d/items/{id}", i), "backend": backends}
		if s.issuers == 0 {
			continue
		}
		signer, err := w.issuer(i % s.issuers)
		if err != nil {
			return "", err
		}
		list[i]["extra_config"] = object{"auth/validator": object{
			"alg": "ES256", "issuer": signer.issuer, "jwk_url": fmt.Sprintf("${UPSTREAM}/keys/issuer-%d", i%s.issuers),
			"audience": []string{"https://api.example.com"}, "roles_key": "https://example.com/roles", "roles": []string{"admin"},
			"scopes": []string{"orders:read"}, "propagate_claims": [][]string{{"sub", "X-User"}, {"email", "X-Email"}},
		}}
	}
	text, err := json.MarshalIndent(object{
		"version": 4, "name": "bench", "listen_ip": "127.0.0.1", "timeout": "10s", "host": []string{"${UPSTREAM}"},
		"extra_config": object{"router": object{"disable_access_log": true}}, "endpoints": list,
	}, "", "  ")
	if err != nil {
		return "", err
	}
	file := filepath.Join(w.dir, fmt.Sprintf("spread-%d-%d-%d.json", s.endpoints, s.issuers, s.backends))
	return file, os.WriteFile(file, text, 0o600)
}

// serveSpread starts a gateway with that configuration and has it ask every issuer for its keys.
func (w *world) serveSpread(ctx context.Context, name, binary string, s spread) error {
	file, err := w.spreadFile(s)
	if err != nil {
		return err
	}
	list, err := w.askedOver(spread{endpoints: s.endpoints, issuers: s.issuers})
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	p, err := start(w.dir, name, []string{"UPSTREAM=" + w.origin}, binary, "run", "-c", file, "-p", port)
	if err != nil {
		return err
	}
	t := &target{name: name, url: "http://127.0.0.1:" + port, process: p}
	w.targets[name] = t
	for _, first := range list[:max(1, s.issuers)] {
		if err := p.answers(ctx, t.url+first.path, first.token); err != nil {
			return err
		}
	}
	return nil
}

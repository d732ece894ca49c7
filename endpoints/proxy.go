package endpoints

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/rawjson"
	"gatehouse/validator"
)

// ProxyConfig is the namespace proxy of an endpoint: how its backends are asked and made one.
type ProxyConfig struct {
	Sequential *bool                `json:"sequential" doc:"Ask the backends one after another; {respN_key} in a later url_pattern is a value of an earlier answer." default:"false"`
	Strategy   string               `json:"strategy" enum:"sequential|parallel" doc:"The same as sequential, in a word."`
	Propagated []string             `json:"sequential_propagated_params" doc:"Values of earlier answers (resp0_a.b) that expressions and scripts of later backends see as parameters."`
	Flatmap    []backends.FlatmapOp `json:"flatmap_filter" doc:"Edit the merged answer by these operations, one after another; a single backend has its own."`
	Static     *StaticConfig        `json:"static" doc:"Data of ours that is put into the answer."`
	Sandboxed  bool                 `json:"force_sandboxed_request" doc:"Accepted for KrakenD's sake; backends never see what another has changed."`
}

// StaticConfig is proxy.static (krakend.md 2.7).
type StaticConfig struct {
	Data     json.RawMessage `json:"data" conf:"open" doc:"The keys and values to put in; they win over those of backends."`
	Strategy string          `json:"strategy" enum:"always|success|errored|complete|incomplete" doc:"When: in any case, unless everything failed, if everything failed, if no part is missing, if one is." default:"always"`
}

func (c *ProxyConfig) sequential() bool {
	return c != nil && (conf.Value(c.Sequential, false) || c.Strategy == "sequential")
}

// compileBackends makes one ask of all backends; it is the only place where they are wired together.
func (e *Endpoint) compileBackends(cfg Config, env Env, params []string, wants *validator.Wants, at func(error, ...any)) {
	e.stream = cfg.OutputEncoding == "no-op"
	proxy := cfg.Extra.Proxy
	benv := backends.Env{Params: params, EmptyOK: conf.Value(cfg.PassStatus, true), Hosts: env.Hosts, Tokens: env.Tokens, Log: env.Log,
		Life: env.Life, Timeout: e.timeout, Transport: env.Transport, House: env.House, Secrets: cfg.secrets(),
		Scripted: env.Scripted || cfg.Extra.LuaEndpoint != nil || cfg.Extra.LuaProxy != nil}
	if cfg.Extra.Validator != nil {
		benv.Claim = func(name string) (int, error) { return claimSlot(name, wants) }
		benv.Tokened = true
	}
	calls := conf.Value(cfg.ConcurrentCalls, 1)
	if calls < 1 || calls > 32 {
		at(fmt.Errorf("got %d, want 1 to 32", calls), "concurrent_calls")
	}
	var match []byte // of endpoints that share a path, each has entries of its own
	if cfg.Match != nil {
		match, _ = json.Marshal(cfg.Match) // strings and lists of them
	}
	var parts []part
	var shadows []shadow
	for i, b := range taking(cfg) {
		if proxy.sequential() {
			benv.Earlier = len(parts)
		}
		if e.stream {
			b.Encoding = "no-op"
		} else if b.Encoding == "no-op" {
			at(errors.New("a no-op backend hands its answer through as it is; the endpoint's output_encoding must be no-op too"), "backend", i, "encoding")
		}
		benv.Needs = func(slot int, name string) {
			if b.When == "" && !shadowed(b) {
				e.needs = append(e.needs, need{slot, name})
			}
		}
		benv.Entry = fmt.Sprintf("%s %s%s %d", cfg.Method, cfg.Endpoint, match, i)
		fetch, err := backends.New(b, benv)
		at(err, "backend", i)
		if shadowed(b) {
			shadows = append(shadows, shadow{fetch: fetch, timeout: b.Extra.Proxy.ShadowTimeout.Or(e.timeout)})
			continue
		}
		parts = append(parts, part{fetch: race(calls, fetch), required: b.Required})
	}
	switch {
	case len(cfg.Backend) == 0:
		at(errors.New("has no backend, want at least one"), "backend")
	case len(parts) == 0:
		at(errors.New("has only shadow backends, whose answers nobody gets"), "backend")
	case e.stream && len(parts) > 1:
		at(fmt.Errorf("no-op hands one answer through as it is, but there are %d backends", len(parts)), "output_encoding")
	}
	mode := rawjson.Mode(conf.Value(cfg.Merge, string(rawjson.Shallow)))
	e.ask = merge(parts, mode)
	if len(parts) == 1 && proxy == nil && len(shadows) == 0 {
		e.only = parts[0].fetch
	}
	if proxy != nil {
		values, err := propagated(proxy.Propagated, len(parts))
		at(err, "extra_config", "proxy", "sequential_propagated_params")
		if proxy.sequential() && len(parts) > 1 {
			e.ask = sequence(parts, mode, values)
		}
		e.ask = flatmapped(proxy.Flatmap, len(parts), env, e.ask, at)
	}
	if proxy != nil && proxy.Static != nil && !e.stream { // a stream has no place for it, which gateway tells
		wrapped, err := static(*proxy.Static, e.ask)
		at(err, "extra_config", "proxy", "static")
		e.ask = wrapped
	}
	if len(shadows) > 0 {
		e.ask = e.cast(shadows, e.ask)
	}
}

// taking is the backends as they take part: where there are several, what one that failed says is no part of a whole.
func taking(cfg Config) []backends.Config {
	list := slices.Clone(cfg.Backend)
	answering := 0
	for _, b := range list {
		if !shadowed(b) {
			answering++
		}
	}
	fail := "fail"
	for i := range list {
		if answering > 1 {
			list[i].OnError = &fail
		}
	}
	return list
}

func shadowed(b backends.Config) bool { return b.Extra.Proxy != nil && b.Extra.Proxy.Shadow }

// propagated reads sequential_propagated_params: resp0, resp1_a.b.
func propagated(names []string, steps int) (list []backends.Earlier, err error) {
	var errs []error
	for i, name := range names {
		value, step, ok := backends.NewEarlier(name)
		switch {
		case !ok:
			errs = append(errs, conf.At(fmt.Errorf("got %q, want respN or respN_key", name), i))
		case step >= steps:
			errs = append(errs, conf.At(fmt.Errorf("%q points at backend %d of %d", name, step, steps), i))
		}
		list = append(list, value)
	}
	return list, conf.Join(errs...)
}

// repeats is how often a body may have to be sent.
func repeats(cfg Config) int {
	return len(cfg.Backend) * max(1, conf.Value(cfg.ConcurrentCalls, 1))
}

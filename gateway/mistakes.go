package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// checkService finds what the service says and cannot mean.
func checkService(cfg Config) error {
	var errs []error
	if p := conf.Value(cfg.Port, 8080); p < 0 || p > 65535 {
		errs = append(errs, conf.At(fmt.Errorf("got %d, want 0 to 65535", p), "port"))
	}
	errs = append(errs, conf.At(cfg.Compression.Check(), "compression"))
	if !validIP(cfg.ListenIP) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want an address such as \"127.0.0.1\"", cfg.ListenIP), "listen_ip"))
	}
	if n := conf.Value(cfg.MaxHeaderBytes, 1); n < 1 {
		errs = append(errs, conf.At(fmt.Errorf("got %d, want at least 1 byte", n), "max_header_bytes"))
	}
	for key, d := range map[string]*conf.Duration{"read_timeout": cfg.ReadTimeout, "write_timeout": cfg.WriteTimeout, "idle_timeout": cfg.IdleTimeout,
		"read_header_timeout": cfg.ReadHeaderTimeout, "max_shutdown_wait_time": cfg.MaxShutdownWait} {
		if d.Or(0) < 0 {
			errs = append(errs, conf.At(fmt.Errorf("got %s, want 0s or more", d), key))
		}
	}
	if p := conf.Value(routerOf(cfg).HealthPath, "/"); !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "{}*?#\\ ") {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want a path such as \"/health\"", p), "extra_config", "router", "health_path"))
	}
	return conf.Join(errs...)
}

// checkEndpoints finds what endpoints leave out, or leave empty, and what a default would turn into something that nobody
// has asked for.
func checkEndpoints(cfg Config) error {
	var errs []error
	service := cfg.Extra.Validator.inherited(cfg.Version)
	if service != nil && !slices.ContainsFunc(cfg.Endpoints, func(e endpoints.Config) bool {
		return e.Extra.Validator != nil && (e.Extra.Validator.Roles != nil || e.Extra.Validator.Scopes != nil)
	}) {
		errs = append(errs, conf.At(askedFor(service, nil), "extra_config", "auth/validator"))
	}
	for i, e := range cfg.Endpoints {
		at := func(err error, path ...any) {
			errs = append(errs, conf.At(err, append([]any{"endpoints", i}, path...)...))
		}
		if strings.TrimSpace(e.Endpoint) == "" {
			at(errors.New("is missing, want a path such as \"/users/{id}\""), "endpoint")
		}
		if l := e.Extra.RateLimit; l != nil && cfg.Version >= 4 && l.MaxRate == 0 && l.ClientMaxRate == 0 {
			at(errors.New(limitsNothing), "extra_config", "qos/ratelimit/router")
		}
		if cfg.Version >= 4 {
			at(idleShapes(cfg, e))
		}
		v := e.Extra.Validator
		if v == nil {
			continue
		}
		if cfg.Version < 4 && v.Alg == "" && len(v.Algs) == 0 {
			at(errors.New("is missing, want the algorithm that tokens are signed by, such as \"RS256\""), "extra_config", "auth/validator", "alg")
		}
		errs = append(errs, conf.At(askedFor(v, service), "endpoints", i, "extra_config", "auth/validator"))
		if cfg.Version >= 4 && cfg.Extra.Validator == nil {
			for key, list := range map[string][]string{"audience": v.Audience, "roles": v.Roles, "scopes": v.Scopes} {
				if list != nil && len(list) == 0 {
					at(errors.New(emptyList), "extra_config", "auth/validator", key)
				}
			}
		}
	}
	return conf.Join(errs...)
}

// askedFor refuses a validator that says where roles or scopes are and asks for none: its author meant to.
func askedFor(v, parent *validator.Config) error {
	if parent == nil {
		parent = &validator.Config{}
	}
	var errs []error
	if v.RolesKey != nil && len(v.Roles) == 0 && len(parent.Roles) == 0 {
		errs = append(errs, conf.At(errors.New("says where roles are, but no roles are asked for; want roles as well, or neither"), "roles_key"))
	}
	if v.ScopesKey != nil && len(v.Scopes) == 0 && len(parent.Scopes) == 0 {
		errs = append(errs, conf.At(errors.New("says where scopes are, but no scopes are asked for; want scopes as well, or neither"), "scopes_key"))
	}
	return conf.Join(errs...)
}

// idleShapes finds what an endpoint and its backends say of their answers' fields and what does nothing.
func idleShapes(cfg Config, e endpoints.Config) error {
	stream := cmp.Or(e.OutputEncoding, cfg.OutputEncoding) == "no-op"
	var errs []error
	if p := e.Extra.Proxy; stream && p != nil && p.Static != nil {
		errs = append(errs, conf.At(errors.New("no-op hands the answer through as it comes: this does nothing"), "extra_config", "proxy", "static"))
	}
	for i, b := range e.Backend {
		if b.Extra.Proxy == nil || !b.Extra.Proxy.Shadow {
			errs = append(errs, conf.At(b.Idle(stream), "backend", i))
		}
	}
	return conf.Join(errs...)
}

const (
	limitsNothing = "limits nothing, want max_rate or client_max_rate"
	emptyList     = "is empty and asks for nothing; name something, or take it away"
)

// idle warns of what does nothing in files of KrakenD, which passes over it as well.
func idle(cfg Config) error {
	if cfg.Version >= 4 {
		return nil
	}
	m := mannersOf(cfg.Version)
	var errs []error
	for i, e := range cfg.Endpoints {
		errs = append(errs, conf.At(idleShapes(cfg, e), "endpoints", i))
		if l := e.Extra.RateLimit; l != nil && l.MaxRate == 0 && l.ClientMaxRate == 0 {
			errs = append(errs, conf.At(errors.New(limitsNothing), "endpoints", i, "extra_config", "qos/ratelimit/router"))
		} else if l != nil && m.shortened(l) {
			errs = append(errs, conf.At(fmt.Errorf("got %s, which counts as %s, as in KrakenD; version 4 takes it as it is written", l.Every, m.leastEvery),
				"endpoints", i, "extra_config", "qos/ratelimit/router", "every"))
		}
		if v := e.Extra.Validator; v != nil {
			for key, list := range map[string][]string{"audience": v.Audience, "roles": v.Roles, "scopes": v.Scopes} {
				if list != nil && len(list) == 0 {
					errs = append(errs, conf.At(errors.New(emptyList), "endpoints", i, "extra_config", "auth/validator", key))
				}
			}
		}
	}
	return conf.Join(errs...)
}

// whereWritten moves the mistakes of what an endpoint or a backend has inherited to where it is written, and tells each of
// them once.
func whereWritten(cfg Config, err error) error {
	var out []error
	told := map[string]bool{}
	for _, m := range conf.Flatten(err) {
		moved := *m
		if path, inherited := inheritedFrom(cfg, m.Path); inherited {
			moved.Path = path
		}
		if text := moved.Error(); !told[text] {
			told[text] = true
			out = append(out, &moved)
		}
	}
	return conf.Join(out...)
}

// inheritedFrom is the place at the level of the service of what stands nowhere in an endpoint.
func inheritedFrom(cfg Config, path conf.Path) (conf.Path, bool) {
	if len(path) < 3 || path[0] != "endpoints" {
		return nil, false
	}
	index, ok := path[1].(int)
	if !ok || index >= len(cfg.Endpoints) {
		return nil, false
	}
	e, rest := cfg.Endpoints[index], path[2:]
	switch {
	case rest[0] == "timeout" && e.Timeout == nil && cfg.Timeout != nil,
		rest[0] == "cache_ttl" && e.CacheTTL == nil && cfg.CacheTTL != nil:
		return rest, true
	case len(rest) > 1 && rest[0] == "extra_config" && rest[1] == "auth/validator":
		return rest, e.Extra.Validator == nil
	case len(rest) > 2 && rest[0] == "backend":
		n, ok := rest[1].(int)
		if !ok || n >= len(e.Backend) {
			return nil, false
		}
		b, own := e.Backend[n], rest[2:]
		switch {
		case own[0] == "method":
			return conf.Path{"endpoints", index, "method"}, b.Method == ""
		case own[0] == "host" && len(own) > 1:
			return own, len(b.Host) == 0
		case len(own) > 3 && own[0] == "extra_config" && own[1] == "backend/http/client":
			return own[2:], b.Extra.Client == nil
		}
	}
	return nil, false
}

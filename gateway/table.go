package gateway

import (
	"errors"
	"strings"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// Row is one line of the table that check prints: an endpoint with what it inherited.
type Row struct {
	Method, Path, Who, Timeout string
	Backends                   []string
}

// Table lists the endpoints in the order of the file.
func Table(cfg Config) []Row {
	var rows []Row
	for _, e := range inherit(cfg, mannersOf(cfg.Version)) {
		row := Row{Method: e.Method, Path: e.Endpoint, Who: whoMayPass(e), Timeout: e.Timeout.Or(endpoints.DefaultTimeout).String()}
		for _, b := range e.Backend {
			row.Backends = append(row.Backends, b.Method+" "+strings.Join(trimmed(b.Host), ",")+"/"+strings.TrimPrefix(b.URLPattern, "/"))
		}
		rows = append(rows, row)
	}
	return rows
}

// trimmed are hosts without the slash that may stand at their end.
func trimmed(hosts []string) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = strings.TrimSuffix(h, "/")
	}
	return out
}

// whoMayPass says in a few words whom an endpoint lets in.
func whoMayPass(e endpoints.Config) string {
	v := e.Extra.Validator
	var ways []string
	if e.Extra.APIKeys != nil {
		ways = append(ways, strings.Join(append([]string{"API key"}, e.Extra.APIKeys.Roles...), " "))
	}
	if e.Extra.Basic != nil {
		ways = append(ways, "user and password")
	}
	switch {
	case e.Public:
		return "anybody (public)"
	case v != nil:
		ways = append([]string{tokenOf(v)}, ways...)
	case len(ways) == 0:
		return "anybody"
	}
	if conf.Value(e.AuthMatch, "any") == "all" {
		return strings.Join(ways, "; and ")
	}
	return strings.Join(ways, "; or ")
}

// tokenOf says in a few words which tokens a validator takes.
func tokenOf(v *validator.Config) string {
	parts := []string{"token of " + issuerOf(v)}
	add := func(label, match string, list []string) {
		if len(list) > 0 {
			parts = append(parts, label+" "+strings.Join(list, " "+match+" "))
		}
	}
	match := map[string]string{"any": "or", "all": "and"}
	add("audience", match[conf.Value(v.AudienceMatch, "any")], v.Audience)
	add("role", "or", v.Roles)
	add("scope", match[conf.Value(v.ScopesMatcher, "any")], v.Scopes)
	who := strings.Join(parts, ", ")
	if !conf.Value(v.Required, true) {
		who += "; or a guest"
	}
	return who
}

func issuerOf(v *validator.Config) string {
	switch {
	case len(v.Providers) > 0:
		return strings.Join(v.Providers, " or ")
	case v.Issuer != "":
		return v.Issuer
	case v.URL != "":
		return v.URL
	}
	return v.File
}

// RequireAuth is a mistake for every endpoint that anybody may call without the file saying so.
func RequireAuth(cfg Config) error {
	var errs []error
	for i, e := range inherit(cfg, mannersOf(cfg.Version)) {
		if !e.Protected() && !e.Public {
			errs = append(errs, conf.At(errors.New(`anybody may pass: it has no auth/validator and does not say "public": true`), "endpoints", i))
		}
	}
	return conf.Join(errs...)
}

// Warnings are what a configuration may do and had better not.
func Warnings(cfg Config) error {
	errs := []error{idle(cfg)}
	for name, p := range cfg.Providers {
		errs = append(errs, conf.At(p.Warnings(), "providers", name))
	}
	if r := cfg.Extra.Revoker; r != nil {
		errs = append(errs, conf.At(r.Warnings(), "extra_config", "auth/revoker"))
	}
	for i, e := range inherit(cfg, mannersOf(cfg.Version)) {
		if v := e.Extra.Validator; v != nil {
			errs = append(errs, conf.At(v.Warnings(), "endpoints", i, "extra_config", "auth/validator"))
		}
		if k := e.Extra.Signer; k != nil {
			errs = append(errs, conf.At(k.Warnings(), "endpoints", i, "extra_config", "auth/signer"))
		}
		if k := e.Extra.APIKeys; k != nil {
			errs = append(errs, conf.At(k.Warnings(), "endpoints", i, "extra_config", "auth/api-keys"))
		}
	}
	if c := cfg.Extra.CORS; c != nil && cfg.Version < 4 {
		errs = append(errs, conf.At(c.doubts(), "extra_config", "security/cors"))
	}
	return conf.Join(errs...)
}

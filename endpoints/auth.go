package endpoints

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// Protected reports whether a client must say who it is.
func (c Config) Protected() bool {
	return c.Extra.Validator != nil || c.Extra.APIKeys != nil || c.Extra.Basic != nil
}

// Propagated are all headers that this endpoint makes of claims.
func (c Config) Propagated() (list []validator.Propagate) {
	if v := c.Extra.Validator; v != nil {
		list = append(list, v.Propagated()...)
	}
	if k := c.Extra.APIKeys; k != nil {
		list = append(list, k.Propagated()...)
	}
	return list
}

// secrets are the headers, besides Authorization, in which clients may say who they are.
func (c Config) secrets() (names []string) {
	add := func(name *string) {
		if name != nil && !strings.EqualFold(*name, "Authorization") && !slices.Contains(names, http.CanonicalHeaderKey(*name)) {
			names = append(names, http.CanonicalHeaderKey(*name))
		}
	}
	if v := c.Extra.Validator; v != nil {
		add(v.AuthHeader)
	}
	if k := c.Extra.APIKeys; k != nil && conf.Value(k.Strategy, "header") == "header" {
		add(k.Identifier)
	}
	return names
}

// compileAuth makes one way in of all that the file lists. Several: any of them in version 4, all of them in 2 and 3
// (auth_match). A door with ways in that none opens stays closed.
func (e *Endpoint) compileAuth(cfg Config, env Env, wants *validator.Wants, at func(error, ...any)) {
	var ways []validator.Authenticator
	if v := cfg.Extra.Validator; v != nil {
		made, err := validator.New(*v, env.Auth, wants)
		at(err, "extra_config", "auth/validator")
		if err == nil {
			one := alike(env.Alike, "validator "+made.Rules(), made)
			if one != made {
				made.Close()
				made = one
			}
			e.validator = made
			e.closers = append(e.closers, made.Close)
			ways = append(ways, made)
		}
	}
	if k := cfg.Extra.APIKeys; k != nil {
		made, err := validator.NewAPIKeys(*k, wants)
		at(err, "extra_config", "auth/api-keys")
		ways = append(ways, made)
	}
	if b := cfg.Extra.Basic; b != nil {
		made, err := validator.NewBasic(*b, wants)
		at(err, "extra_config", "auth/basic")
		ways = append(ways, made)
	}
	if cfg.Public && cfg.Protected() {
		at(errors.New("is true, but the endpoint says who may pass: take one of the two away"), "public")
	}
	switch {
	case !cfg.Protected():
		return
	case len(ways) == 1:
		e.auth = ways[0]
	case conf.Value(cfg.AuthMatch, "any") == "all":
		e.auth = validator.All(ways...)
	default:
		e.auth = validator.Any(ways...)
	}
}

// need is a claim that a url_pattern names, as written.
type need struct {
	slot int
	name string
}

// lacks refuses a caller whose token does not say what is needed, before any backend is asked (security.md 24): the others
// would have done their part of a request that cannot be done.
func (e *Endpoint) lacks(claims *validator.Claims) error {
	for i := range e.needs {
		if e.needs[i].missing(claims) {
			return backends.MissingValue(e.needs[i].name)
		}
	}
	return nil
}

func (n *need) missing(claims *validator.Claims) bool {
	value, ok := claims.Value(n.slot)
	return !ok || value == ""
}

// authenticate lets a client in, or says why not.
func (e *Endpoint) authenticate(ctx context.Context, x *Exchange, r *http.Request) (*validator.Claims, error) {
	if e.auth == nil {
		return nil, nil
	}
	began := time.Now()
	claims, err := e.auth.Authenticate(ctx, r)
	x.Auth = time.Since(began)
	return claims, err
}

// Explanation is what an endpoint makes of a token.
type Explanation struct {
	*validator.Explanation
	Lacks []string // what url_patterns name and its claims do not say: who may pass is refused for it (claim_missing)
}

// Explain says of each check of this endpoint's validator what it makes of a request, and what backends lack who are asked
// as whom the token names; nil if there is no validator.
func (e *Endpoint) Explain(ctx context.Context, r *http.Request) *Explanation {
	if e.validator == nil {
		return nil
	}
	x := &Explanation{Explanation: e.validator.Explain(ctx, r)}
	for i := range e.needs {
		n := &e.needs[i]
		step := validator.Step{Check: "url_pattern", Verdict: validator.Pass, Expected: "a claim for {" + n.name + "}"}
		step.Actual, _ = x.Claims.Value(n.slot)
		switch {
		case x.Reason != "":
			step = validator.Step{Check: "url_pattern", Verdict: validator.Skipped}
		case n.missing(x.Claims):
			step.Verdict, step.Actual, step.Reason = validator.Fail, "none", validator.Reason(backends.ReasonMissingClaim)
			x.Lacks = append(x.Lacks, n.name)
		}
		x.Steps = append(x.Steps, step)
	}
	return x
}

// Package validator answers one question: may this client pass? It finds the token, checks its form, its signature and its
// claims, and says of a client that may pass what the endpoint asked to know.
package validator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/conf"
)

// Authenticator is one way in. A nil error means: may pass; nil Claims then mean a guest. Any other error is a [*Refusal].
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request) (*Claims, error)
}

// Deps are what a validator is compiled against. Keys outlive a configuration, the rest belongs to one.
type Deps struct {
	Keys      *Keys                // where key sets come from; required
	Providers map[string]*Provider // the service's providers
	Cache     *Cache               // of verified tokens; nil: each token is verified each time
	Revoked   *Revoked             // the deny-list; nil: there is none
	Log       *slog.Logger         // nil: nobody is told
}

// Validator lets in who shows a token that it trusts. What a token needs that was seen before comes first: of thousands of
// validators one is not in the processor's caches.
type Validator struct {
	from     source
	cache    *Cache
	digest   *digester
	revoked  *Revoked
	rules    ruleID
	required bool

	wants    *Wants
	issuers  []*issuer
	byName   map[string]*issuer // several, by iss
	attempts sync.Pool          // of *attempt
	realm    string

	leeway, maxAge moment
	requireExp     bool
	roles          []string
	rolesKey       Ref
	scopes         []string
	scopesKeys     []Ref
	scopesMatch    string

	keys            *Keys
	closed          sync.Once
	noToken, noKeys onceRefused
}

// onceRefused is a refusal that is made once, when it is first needed, since it is what a flood gets.
type onceRefused struct{ made atomic.Pointer[Refusal] }

func (o *onceRefused) of(refuse func() *Refusal) *Refusal {
	r := o.made.Load()
	if r == nil {
		r = refuse()
		o.made.Store(r)
	}
	return r
}

// New compiles a validator. wants are the claims that the endpoint will ask for; nothing may be added to them afterwards.
// All mistakes are told at once, each under its key. No network is asked. Close gives back what the validator holds.
func New(cfg Config, deps Deps, wants *Wants) (*Validator, error) {
	v := cfg.demands()
	v.wants, v.keys, v.cache, v.revoked = wants, deps.Keys, deps.Cache, deps.Revoked
	var errs [3]error
	v.issuers, errs[0] = cfg.issuers(&deps)
	errs[1] = cfg.check()
	v.rules, errs[2] = cfg.rules(&deps, wants)
	if err := conf.Join(errs[:]...); err != nil {
		v.Close()
		return nil, err
	}
	if v.hasIssuers() {
		v.byName = make(map[string]*issuer, len(v.issuers))
		for _, is := range v.issuers {
			v.byName[is.iss] = is
		}
	}
	if v.digest = newDigester(); v.cache != nil {
		v.digest = v.cache.digest
	}
	return v, nil
}

// sources are where keys come from, as the log may have them.
func (v *Validator) sources() string {
	var names []string
	for _, is := range v.issuers {
		names = append(names, is.ring.status().From)
	}
	return either(names)
}

// demands is a validator with what the configuration asks of tokens, and with nothing else yet.
func (c *Config) demands() *Validator {
	v := &Validator{
		required:    conf.Value(c.Required, true),
		realm:       or(c.Realm, "gatehouse"),
		leeway:      span(c.Leeway.Or(time.Second)),
		maxAge:      span(c.MaxTokenAge.Or(0)),
		requireExp:  conf.Value(c.RequireExp, true),
		roles:       slices.Clone(c.Roles),
		rolesKey:    conf.Value(c.RolesKey, ParseRef("roles")),
		scopes:      slices.Clone(c.Scopes),
		scopesKeys:  []Ref{ParseRef("scope"), ParseRef("scp")},
		scopesMatch: conf.Value(c.ScopesMatcher, "any"),
		from: source{
			header: http.CanonicalHeaderKey(conf.Value(c.AuthHeader, "Authorization")),
			bearer: conf.Value(c.RequireBearer, true),
			cookie: conf.Value(c.CookieKey, "access_token"),
		},
	}
	if c.ScopesKey != nil {
		v.scopesKeys = []Ref{*c.ScopesKey}
	}
	return v
}

// check finds what is wrong beside the source.
func (c *Config) check() error {
	var errs []error
	at := func(err error, path ...any) { errs = append(errs, conf.At(err, path...)) }
	if d := c.Leeway.Or(time.Second); d < 0 || d > 5*time.Minute {
		at(fmt.Errorf("got %s, want from 0s to 5m", d), "leeway")
	}
	if c.MaxTokenAge != nil && c.MaxTokenAge.Or(0) <= 0 {
		at(errors.New("want more than nothing"), "max_token_age")
	}
	for key, list := range map[string][]string{"roles": c.Roles, "scopes": c.Scopes} {
		if i := slices.Index(list, ""); i >= 0 {
			at(errors.New("an empty name is one that no token has"), key, i)
		}
	}
	if name := conf.Value(c.AuthHeader, "Authorization"); !isHeaderName(name) {
		at(fmt.Errorf("%q is not the name of a header", name), "auth_header_name")
	}
	for i, p := range c.PropagateClaims {
		if !isHeaderName(p.Header) {
			at(fmt.Errorf("%q is not the name of a header", p.Header), "propagate_claims", i)
		}
	}
	return conf.Join(errs...)
}

// isHeaderName reports whether a text is a token (RFC 9110 section 5.6.2).
func isHeaderName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case slices.Contains([]byte("!#$%&'*+-.^_`|~"), c):
		default:
			return false
		}
	}
	return s != ""
}

// Warnings are settings that work and deserve a second thought, each under its key.
func (c *Config) Warnings() error { return c.warnings() }

// Close gives back the key sets. Tokens that were verified before are not believed for the sake of this validator again.
func (v *Validator) Close() {
	v.closed.Do(func() {
		for _, is := range v.issuers {
			if is != nil {
				v.keys.release(is.ring, is.wish)
			}
		}
	})
}

// Authenticate judges the token of a request. It waits only where keys have to be fetched first, no longer than ctx says
// and never more than 2 s.
func (v *Validator) Authenticate(ctx context.Context, r *http.Request) (*Claims, error) {
	token, malformed := v.from.find(r.Header)
	if token == "" {
		return nil, v.tokenless(malformed)
	}
	now := time.Now()
	print := v.digest.print(&v.rules, token)
	deny, _ := v.revoked.current()
	if claims := v.cache.find(&print, momentOf(now), deny, v.keys.lost()); claims != nil {
		return claims, nil
	}
	a := v.begin(ctx, now, token)
	defer v.end(a)
	if refusal := v.judge(a); refusal != nil {
		// What has the form of a token is always a token68, so only what has not is looked at again.
		if a.form.input == nil && !isToken68(token) {
			return nil, v.tokenless(malformed)
		}
		return nil, refusal
	}
	e := &entry{claims: Claims{print: print}, key: a.key}
	if text, ok := a.values.packed(); ok && !v.wants.split() && !v.keepsPayload() {
		e.claims.text = text
	} else {
		e.claims.rest = &rest{values: a.values}
		if v.keepsPayload() {
			e.claims.rest.payload = slices.Clone(a.form.payload)
		}
	}
	if v.cache != nil {
		e.from, e.until = v.window(a)
		e.list.Store(deny)
		v.cache.keep(e, momentOf(now))
	}
	return &e.claims, nil
}

// keepsPayload reports whether somebody may look at claims that are not compiled.
func (v *Validator) keepsPayload() bool { return v.wants == nil || v.wants.whole || v.revoked != nil }

// TokenOf is the way to the token that a request shows to an authenticator, for those who hand it on or exchange it; nil
// where no token is asked for. It looks the token up anew, because verified ones are not kept.
func TokenOf(a Authenticator) func(*http.Request) string {
	switch a := a.(type) {
	case *Validator:
		return func(r *http.Request) string {
			token, _ := a.from.find(r.Header)
			return token
		}
	case anyOf:
		return tokenOfSome(a)
	case allOf:
		return tokenOfSome(a)
	}
	return nil
}

func tokenOfSome(ways []Authenticator) func(*http.Request) string {
	for _, way := range ways {
		if shown := TokenOf(way); shown != nil {
			return shown
		}
	}
	return nil
}

// tokenless is what becomes of a request without a token that could be looked at; nil: a guest.
func (v *Validator) tokenless(reason Reason) error {
	switch {
	case reason == TokenMissing && !v.required:
		return nil
	case reason == TokenMissing:
		return v.noToken.of(func() *Refusal { return v.refuse(TokenMissing, v.from.detail(TokenMissing)) })
	}
	return v.refuse(reason, v.from.detail(reason))
}

// judge runs the checks up to the first that fails.
func (v *Validator) judge(a *attempt) error {
	for c := range v.checks() {
		reason := c.test(v, a)
		if reason == "" {
			continue
		}
		if reason == KeysUnavailable {
			return v.withoutKeys(a)
		}
		return v.refusal(a, c, reason)
	}
	return nil
}

// withoutKeys is what can be said of a token whose signature cannot be looked at: that it would be refused anyway (401),
// or that nobody can tell (503).
func (v *Validator) withoutKeys(a *attempt) error {
	for c := range v.checks() {
		if !c.keyless {
			continue
		}
		if reason := c.test(v, a); reason != "" {
			return v.refusal(a, c, reason)
		}
	}
	return v.noKeys.of(func() *Refusal {
		return v.refuse(KeysUnavailable, []any{"check", "signature", "expected", "keys from " + v.sources(), "actual", "none have come; the log says why"})
	})
}

func (v *Validator) refusal(a *attempt, c *check, reason Reason) *Refusal {
	expected, actual := c.say(v, a)
	r := v.refuse(reason, []any{"check", c.name, "expected", expected, "actual", actual})
	if reason == ClaimUnfit {
		r.Kind = a.kind
	}
	if a.header.hasKid {
		r.Detail = append(r.Detail, "kid", clip(a.header.kid))
	}
	if iss, ok := a.text("iss"); ok && c.name != "issuer" {
		r.Detail = append(r.Detail, "iss", clip(iss))
	}
	return r
}

func (v *Validator) refuse(reason Reason, detail []any) *Refusal {
	r := &Refusal{Reason: reason, Kind: reason.Kind(), Challenge: bearer(v.realm, reason, v.scopes), Detail: detail}
	if r.Kind == Unavailable {
		r.RetryIn = 1
	}
	return r
}

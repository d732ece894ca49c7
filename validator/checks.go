package validator

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
)

// check is one thing that must hold of a token. Serving runs them in order up to the first that fails; explaining runs
// all that can be run.
type check struct {
	name string
	// asked reports whether this validator wants it to hold; nil: each does.
	asked func(*Validator) bool
	// test returns why the token is refused, "" if it holds.
	test func(*Validator, *attempt) Reason
	// say tells an operator what was wanted and what there was, once test has run.
	say func(*Validator, *attempt) (expected, actual string)
	// vital: nothing after it can be looked at if it fails.
	vital bool
	// keyless: it says something of a token whose signature could not be looked at, because no keys are to be had.
	keyless bool
}

// checks are what validators look at, in the order in which they do: form and header, then whose token it says it is,
// then the signature, then what the claims say. Nothing else that a token claims is judged before its signature is; a
// token of another issuer would be refused anyway, and its true fault is not its signature.
var checks = []check{
	{name: "form", test: (*Validator).readForm, say: (*Validator).sayForm, vital: true},
	{name: "header", test: (*Validator).readHeader, say: (*Validator).sayHeader, vital: true},
	{name: "algorithm", test: (*Validator).pickAlgorithm, say: (*Validator).sayAlgorithm, vital: true},
	{name: "claims", test: (*Validator).readClaims, say: (*Validator).sayClaims, vital: true},
	{name: "issuer", test: (*Validator).pickIssuer, say: (*Validator).sayIssuer, asked: (*Validator).hasOneIssuer},
	{name: "issuer", test: (*Validator).pickIssuer, say: (*Validator).sayIssuer, asked: (*Validator).hasIssuers, vital: true},
	{name: "signature", test: (*Validator).verify, say: (*Validator).saySignature},
	{name: "audience", test: (*Validator).checkAudience, say: (*Validator).sayAudience, keyless: true},
	{name: "times", test: (*Validator).readTimes, say: (*Validator).sayTimes, vital: true, keyless: true},
	{name: "exp", test: (*Validator).checkExpiry, say: (*Validator).sayExpiry, keyless: true},
	{name: "nbf", test: (*Validator).checkNotBefore, say: (*Validator).sayNotBefore, keyless: true},
	{name: "iat", test: (*Validator).checkIssuedAt, say: (*Validator).sayIssuedAt, keyless: true},
	{name: "age", test: (*Validator).checkAge, say: (*Validator).sayAge, asked: (*Validator).hasMaxAge, keyless: true},
	{name: "revocation", test: (*Validator).checkRevoked, say: (*Validator).sayRevoked, asked: (*Validator).hasDenylist},
	{name: "roles", test: (*Validator).checkRoles, say: (*Validator).sayRoles, asked: (*Validator).hasRoles},
	{name: "scopes", test: (*Validator).checkScopes, say: (*Validator).sayScopes, asked: (*Validator).hasScopes},
	{name: "values", test: (*Validator).compile, say: (*Validator).sayValues, asked: (*Validator).hasWants},
}

func (v *Validator) hasOneIssuer() bool { return len(v.issuers) <= 1 }
func (v *Validator) hasIssuers() bool   { return len(v.issuers) > 1 }
func (v *Validator) hasMaxAge() bool    { return v.maxAge > 0 }
func (v *Validator) hasDenylist() bool  { return v.revoked != nil }
func (v *Validator) hasRoles() bool     { return len(v.roles) > 0 }
func (v *Validator) hasScopes() bool    { return len(v.scopes) > 0 }
func (v *Validator) hasWants() bool     { return v.wants != nil && len(v.wants.list) > 0 }

// checks are those of the list that this validator asks for.
func (v *Validator) checks() iter.Seq[*check] {
	return func(yield func(*check) bool) {
		for i := range checks {
			if c := &checks[i]; (c.asked == nil || c.asked(v)) && !yield(c) {
				return
			}
		}
	}
}

func (v *Validator) readForm(a *attempt) Reason {
	err := a.form.parse(a.token)
	if err == nil {
		return ""
	}
	a.note = err.Error()
	if isJWE(a.token) {
		a.note = "five parts: an encrypted token (JWE)"
		return TokenEncrypted
	}
	return TokenMalformed
}

func (v *Validator) sayForm(a *attempt) (string, string) {
	return "three parts of base64url", or(a.note, "so it is")
}

func (v *Validator) readHeader(a *attempt) Reason {
	fields, err := a.scan.parse(a.form.header, a.room)
	if err != nil {
		a.note = err.Error()
		return HeaderMalformed
	}
	a.room = fields // the claims come after it
	var reason Reason
	if a.header, reason, err = parseHeader(fields); err != nil {
		a.note = err.Error()
	}
	return reason
}

func (v *Validator) sayHeader(a *attempt) (string, string) {
	return "a JSON object with unique names, typ JWT or at+jwt, no crit", or(a.note, "so it is")
}

// pickAlgorithm compares the token's alg with the validator's own, exactly. Which of several issuers it is for is not yet
// known; pickIssuer looks again.
func (v *Validator) pickAlgorithm(a *attempt) Reason {
	for _, is := range v.issuers {
		if alg, ok := is.allows(a.header.alg); ok {
			a.alg = alg
			return ""
		}
	}
	return AlgorithmNotAllowed
}

func (v *Validator) sayAlgorithm(a *attempt) (string, string) {
	var all []jose.Alg
	for _, is := range v.issuers {
		if a.issuer != nil && a.issuer != is {
			continue
		}
		for _, alg := range is.algs {
			if !slices.Contains(all, alg) {
				all = append(all, alg)
			}
		}
	}
	return "alg " + either(all), named("alg", a.header.alg)
}

func (v *Validator) readClaims(a *attempt) Reason {
	var err error
	if a.claims, err = a.scan.parse(a.form.payload, a.room); err != nil {
		a.note = err.Error()
		return ClaimsMalformed
	}
	a.room = a.claims
	return ""
}

func (v *Validator) sayClaims(a *attempt) (string, string) {
	return "a JSON object with unique names", or(a.note, "so it is")
}

// pickIssuer finds who may have issued the token. With several of them the unverified iss decides, and everything after it
// is judged by that issuer alone (security.md 20). It is compared whole, byte for byte.
func (v *Validator) pickIssuer(a *attempt) Reason {
	iss, ok := a.text("iss")
	if len(v.issuers) == 1 {
		a.issuer = v.issuers[0]
		if a.issuer.iss != "" && (!ok || iss != a.issuer.iss) {
			return IssuerWrong
		}
		return ""
	}
	is := v.byName[iss]
	if !ok || is == nil {
		return IssuerWrong
	}
	if a.issuer = is; !slices.Contains(is.algs, a.alg) {
		return AlgorithmNotAllowed
	}
	return ""
}

func (v *Validator) sayIssuer(a *attempt) (string, string) {
	if is := a.issuer; is != nil && !slices.Contains(is.algs, a.alg) {
		return fmt.Sprintf("alg %s for %q", either(is.algs), is.iss), "alg " + string(a.alg)
	}
	var names []string
	for _, is := range v.issuers {
		if is.iss == "" {
			return "any iss", a.shown("iss")
		}
		names = append(names, fmt.Sprintf("%q", is.iss))
	}
	return "iss " + either(names), a.shown("iss")
}

func named(name, value string) string {
	if value == "" {
		return "no " + name
	}
	if clip(value) != value || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Sprintf("%s %q", name, clip(value)) // it goes to a terminal too
	}
	return name + " " + value
}

// checkAudience compares whole values, byte for byte. An aud of which any member is not a string is not understood.
func (v *Validator) checkAudience(a *attempt) Reason {
	wanted := a.issuer.audience
	if len(wanted) == 0 {
		return ""
	}
	raw, _ := a.claims.get("aud")
	for item := range items(raw) {
		if item[0] != '"' {
			return AudienceWrong
		}
	}
	if !names(raw, false, wanted, a.issuer.match) {
		return AudienceWrong
	}
	return ""
}

func (v *Validator) sayAudience(a *attempt) (string, string) {
	if len(a.issuer.audience) == 0 {
		return "any aud", a.shown("aud")
	}
	return fmt.Sprintf("%s of %q in aud", a.issuer.match, a.issuer.audience), a.shown("aud")
}

// readTimes reads exp, nbf and iat. One that is there must be a sensible number, whether or not it is asked for.
func (v *Validator) readTimes(a *attempt) Reason {
	for _, t := range []struct {
		name  string
		into  *moment
		there *bool
	}{{"exp", &a.exp, &a.hasExp}, {"nbf", &a.nbf, &a.hasNbf}, {"iat", &a.iat, &a.hasIat}} {
		raw, there := a.claims.get(t.name)
		if !there {
			continue
		}
		var ok bool
		if *t.into, ok = numericDate(raw); !ok {
			a.note = t.name
			return TimeMalformed
		}
		*t.there = true
	}
	return ""
}

func (v *Validator) sayTimes(a *attempt) (string, string) {
	if a.note != "" {
		return "numbers of seconds since 1970, before the year 10000", a.note + " is " + a.shown(a.note)
	}
	return "numbers of seconds since 1970, before the year 10000", "so they are"
}

func (v *Validator) checkExpiry(a *attempt) Reason {
	switch {
	case a.hasExp && momentOf(a.came) >= a.exp+v.leeway:
		return TokenExpired
	case !a.hasExp && v.requireExp:
		return ExpiryMissing
	}
	return ""
}

func (v *Validator) sayExpiry(a *attempt) (string, string) {
	if !a.hasExp {
		if v.requireExp {
			return "an exp", "none"
		}
		return "an exp to come, if there is one", "none"
	}
	return "to come", v.shown(a, a.exp)
}

func (v *Validator) checkNotBefore(a *attempt) Reason {
	if a.hasNbf && a.nbf > momentOf(a.came)+v.leeway {
		return TokenNotYetValid
	}
	return ""
}

func (v *Validator) sayNotBefore(a *attempt) (string, string) {
	if !a.hasNbf {
		return "not to come", "none"
	}
	return "not to come", v.shown(a, a.nbf)
}

func (v *Validator) checkIssuedAt(a *attempt) Reason {
	if a.hasIat && a.iat > momentOf(a.came)+v.leeway {
		return TokenNotYetValid
	}
	return ""
}

func (v *Validator) sayIssuedAt(a *attempt) (string, string) {
	if !a.hasIat {
		return "not to come", "none"
	}
	return "not to come", v.shown(a, a.iat)
}

func (v *Validator) checkAge(a *attempt) Reason {
	if !a.hasIat || momentOf(a.came) >= a.iat+v.maxAge+v.leeway {
		return TokenTooOld
	}
	return ""
}

func (v *Validator) sayAge(a *attempt) (string, string) {
	expected := "issued no longer ago than " + conf.Duration(time.Duration(v.maxAge)*time.Microsecond).String()
	if !a.hasIat {
		return expected, "no iat"
	}
	return expected, v.shown(a, a.iat)
}

// shown is a moment and its distance from now.
func (v *Validator) shown(a *attempt, m moment) string {
	d := time.Duration(momentOf(a.came)-m) * time.Microsecond
	if d >= 0 {
		return fmt.Sprintf("%s, %s ago (leeway %s)", m, d.Round(time.Millisecond), time.Duration(v.leeway)*time.Microsecond)
	}
	return fmt.Sprintf("%s, in %s (leeway %s)", m, (-d).Round(time.Millisecond), time.Duration(v.leeway)*time.Microsecond)
}

// shown is a claim as an operator may see it, clipped.
func (a *attempt) shown(name string) string {
	raw, there := a.claims.get(name)
	if !there {
		return "none"
	}
	return clip(string(compact(raw)))
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

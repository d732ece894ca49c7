package validator

import (
	"fmt"
	"strings"
	"time"
)

// The signature: the keys that a token may be signed with, and what an operator is told of them.

// verify finds the keys that the token may be signed with and tries them. A token that no known key has signed may be of
// a new one: the key set is asked whether there is a newer one, once for what it has in the air and once for this token.
func (v *Validator) verify(a *attempt) Reason {
	ring := a.issuer.ring
	set := ring.current()
	for range 3 {
		reason := KeyUnknown
		if set != nil {
			if reason = a.try(set); reason == "" {
				return ""
			}
		}
		newer, err := ring.renew(a.ctx, set, a.came)
		if err != nil || newer == nil {
			return KeysUnavailable
		}
		if newer == set {
			return reason
		}
		set = newer
	}
	return a.try(set)
}

// try verifies the token with the keys of a set that it may be signed with.
func (a *attempt) try(set *keySet) Reason {
	var room [maxTries]*verifier
	keys := set.find(room[:0], &a.header, a.alg, a.issuer.strategy)
	for _, key := range keys {
		if key.Verify(a.alg, a.form.input, a.form.signature) {
			a.key = key
			return ""
		}
	}
	if len(keys) == 0 {
		a.note = "no key fits it"
		return KeyUnknown
	}
	a.note = "no key that fits it has signed this"
	return SignatureInvalid
}

func (v *Validator) saySignature(a *attempt) (string, string) {
	kid := "no kid"
	if a.header.hasKid {
		kid = fmt.Sprintf("kid %q", clip(a.header.kid))
	}
	kid += fmt.Sprintf(" with %s: ", a.alg)
	if a.key != nil {
		return "a signature by a key of the issuer", kid + "verified"
	}
	set := a.issuer.ring.current()
	if set == nil {
		return "a signature by a key of the issuer", kid + "no keys are to be had"
	}
	kids := make([]string, len(set.keys))
	for i, key := range set.keys[:min(len(kids), mostNamed)] {
		kids[i] = fmt.Sprintf("%q for %s", clip(key.ID), either(key.Algs()))
	}
	return fmt.Sprintf("a signature by a key of the issuer; it has %s (as of %s ago)", either(kids), time.Since(set.fetched).Round(time.Second)), kid + a.note
}

// mostNamed is how many of a list an operator is told.
const mostNamed = 5

// either lists what would do, the first few of it.
func either[T ~string](list []T) string {
	var b strings.Builder
	for i, s := range list[:min(len(list), mostNamed)] {
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(string(s))
	}
	if more := len(list) - mostNamed; more > 0 {
		fmt.Fprintf(&b, " or one of %d more", more)
	}
	return b.String()
}

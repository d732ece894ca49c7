package validator

import (
	"fmt"
	"slices"
)

// Roles and scopes: what a token that is valid lets its bearer do.

func (v *Validator) checkRoles(a *attempt) Reason {
	raw, _ := v.rolesKey.find(a.claims)
	if !names(raw, true, v.roles, "any") {
		return RoleMissing
	}
	return ""
}

func (v *Validator) sayRoles(a *attempt) (string, string) {
	return fmt.Sprintf("any of %q in %s", v.roles, v.rolesKey), shownAt(a, v.rolesKey)
}

// checkScopes looks where scopes_key says; by default in scope (RFC 8693), and in scp where that is missing.
func (v *Validator) checkScopes(a *attempt) Reason {
	raw, _ := v.scopesRef(a).find(a.claims)
	if !names(raw, true, v.scopes, v.scopesMatch) {
		return ScopeMissing
	}
	return ""
}

// scopesRef is the first of the places for scopes that the token has.
func (v *Validator) scopesRef(a *attempt) Ref {
	i := slices.IndexFunc(v.scopesKeys, func(r Ref) bool {
		_, there := r.find(a.claims)
		return there
	})
	return v.scopesKeys[max(i, 0)]
}

func (v *Validator) sayScopes(a *attempt) (string, string) {
	return fmt.Sprintf("%s of %q in %s", v.scopesMatch, v.scopes, v.scopesRef(a)), shownAt(a, v.scopesRef(a))
}

func shownAt(a *attempt, ref Ref) string {
	raw, there := ref.find(a.claims)
	if !there {
		return "none"
	}
	return clip(string(compact(raw)))
}

// compile writes the claims that the endpoint wants. A value that cannot go where it is meant to go refuses the request
// (security.md 22, 24).
func (v *Validator) compile(a *attempt) Reason {
	values, bad := v.wants.compile(a.claims)
	if bad != nil {
		a.note = bad.ref.String() + ": " + bad.err.Error()
		a.kind = Unauthorized
		if bad.use == Segment {
			a.kind = Malformed
		}
		return ClaimUnfit
	}
	a.values = values
	return ""
}

func (v *Validator) sayValues(a *attempt) (string, string) {
	return "claims that fit where they go", or(a.note, "so they do")
}

package validator

import (
	"context"
	"time"

	"gatehouse/internal/jose"
)

// attempt is one token on its way through the checks: what is known of it so far. Each check may rely on what the ones
// before it have filled in.
type attempt struct {
	ctx   context.Context
	came  time.Time // by the wall clock for the token's times, by the monotonic one for waiting
	token string

	form   form
	header jwsHeader
	claims object
	issuer *issuer
	alg    jose.Alg
	key    *verifier // the one that has signed the token

	exp, nbf, iat          moment
	hasExp, hasNbf, hasIat bool
	slots                  []slot

	note string // more about what is wrong, for the operator
	kind Kind   // of a refusal whose reason does not tell
}

// text reads a claim that must be a string.
func (a *attempt) text(name string) (string, bool) {
	raw, there := a.claims.get(name)
	if !there {
		return "", false
	}
	return unquote(raw)
}

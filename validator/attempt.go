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
	values                 values

	note string // more about what is wrong, for the operator
	kind Kind   // of a refusal whose reason does not tell

	scan scanner // what reads the token's JSON
	room object  // memory for the members of what it reads
}

// maxRoom is how much memory an attempt may keep for the next one, in bytes of a token taken apart.
const maxRoom = 8 << 10

// begin is an attempt with the memory of one that has ended; whoever begins one ends it. Nothing of an attempt outlives
// it: what claims and refusals say is copied out.
func (v *Validator) begin(ctx context.Context, came time.Time, token string) *attempt {
	a, _ := v.attempts.Get().(*attempt)
	if a == nil {
		a = &attempt{}
	}
	a.ctx, a.came, a.token = ctx, came, token
	return a
}

func (v *Validator) end(a *attempt) {
	buf, names, room := a.form.buf, a.scan.names, a.room
	*a = attempt{}
	if cap(buf) <= maxRoom && cap(names) <= 64 && cap(room) <= 64 {
		a.form.buf, a.scan.names, a.room = buf, names, room
	}
	v.attempts.Put(a)
}

// text reads a claim that must be a string.
func (a *attempt) text(name string) (string, bool) {
	raw, there := a.claims.get(name)
	if !there {
		return "", false
	}
	return unquote(raw)
}

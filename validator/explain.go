package validator

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Explanation is what a validator thinks of a request, check by check: the answer to "why is this token refused".
type Explanation struct {
	Steps  []Step
	Reason Reason      // why it is refused when it is served; "" if it may pass
	Guest  bool        // it may pass without a token
	Keys   []KeyStatus // the key sets that were asked
	Claims *Claims     // what the endpoint asked to know of who may pass; nil: a guest, or refused
}

// Step is one check.
type Step struct {
	Check    string
	Verdict  string // "pass", "fail", or "skipped" where it could not be looked at
	Reason   Reason // of a failure
	Expected string
	Actual   string
}

// The verdicts of a step.
const (
	Pass    = "pass"
	Fail    = "fail"
	Skipped = "skipped"
)

// Explain runs the checks that serve, all that can be run and not only up to the first that fails. It may wait for keys
// as Authenticate does. What it says is for operators: it quotes the token's claims.
func (v *Validator) Explain(ctx context.Context, r *http.Request) *Explanation {
	x := &Explanation{}
	token, malformed := v.from.find(r.Header)
	if token == "" || !isToken68(token) {
		x.Reason = malformed
		x.Guest = malformed == TokenMissing && !v.required
		if x.Guest {
			x.Reason = ""
		}
	}
	x.add("token", v.from.say(), v.found(token, malformed), x.Reason)
	a := &attempt{ctx: ctx, came: time.Now(), token: token}
	over := x.Reason != "" || x.Guest
	for c := range v.checks() {
		blind := x.Reason == KeysUnavailable
		over = x.run(v, c, a, over)
		// Without keys, what can be judged without them decides, as it does where it counts (see withoutKeys).
		if last := x.Steps[len(x.Steps)-1]; blind && c.keyless && last.Verdict == Fail {
			x.Reason = last.Reason
		}
	}
	if x.Reason == "" && !x.Guest {
		x.Claims = &Claims{rest: &rest{values: a.values}}
	}
	for _, is := range v.issuers {
		if a.issuer == is {
			x.Keys = append(x.Keys, is.ring.status())
		}
	}
	return x
}

// run runs one check, unless it is over, and reports whether it is over then.
func (x *Explanation) run(v *Validator, c *check, a *attempt, over bool) bool {
	if over {
		x.Steps = append(x.Steps, Step{Check: c.name, Verdict: Skipped})
		return true
	}
	a.note = ""
	reason := c.test(v, a)
	expected, actual := c.say(v, a)
	x.add(c.name, expected, actual, reason)
	return c.vital && reason != ""
}

func (x *Explanation) add(name, expected, actual string, reason Reason) {
	s := Step{Check: name, Verdict: Pass, Reason: reason, Expected: expected, Actual: actual}
	if reason != "" {
		s.Verdict = Fail
		if x.Reason == "" {
			x.Reason = reason
		}
	}
	x.Steps = append(x.Steps, s)
}

// detail is what the log is told of a request without a token that could be judged.
func (s *source) detail(reason Reason) []any {
	return []any{"check", "token", "expected", s.say(), "actual", unread(reason)}
}

// unread is why there is no token that could be judged, in words.
func unread(reason Reason) string {
	switch reason {
	case TokenMissing:
		return "none"
	case SchemeWrong:
		return "another scheme, or none"
	case TokenTooLong:
		return fmt.Sprintf("more than %d bytes", maxToken)
	case CookieMalformed:
		return "two cookies of the name, or one that is no token at all"
	}
	return "two headers, a list, or something that is no token at all"
}

// say is where a token may come from, in words.
func (s *source) say() string {
	text := "in the header " + s.header
	if s.bearer {
		text += ", after Bearer"
	}
	if s.cookie != "" {
		text += fmt.Sprintf(", or in the cookie %s", s.cookie)
	}
	return text
}

func (v *Validator) found(token string, malformed Reason) string {
	switch {
	case token == "" && malformed == TokenMissing && !v.required:
		return "none: a guest"
	case token == "" || !isToken68(token):
		return unread(malformed)
	}
	return fmt.Sprintf("%d bytes", len(token))
}

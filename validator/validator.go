// Package validator answers one question: may this client pass? It finds the token, checks its form, its signature and its
// claims, and says of a client that may pass what the endpoint asked to know.
package validator

import (
	"context"
	"net/http"
)

// Authenticator is one way in. A nil error means: may pass; nil Claims then mean a guest. Any other error is a [*Refusal].
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request) (*Claims, error)
}

// Claims are what a verified client says of itself. They are shared between requests and never change.
type Claims struct {
	todo int
}

// Value is what the claim of this slot (see [Wants.Add]) says, ready for its use; false: missing or null.
func (c *Claims) Value(slot int) (string, bool) { panic("todo") }

// Values is Value for formats of several values ("repeat").
func (c *Claims) Values(slot int) []string { panic("todo") }

// ID tells one client from another wherever answers are shared: equal IDs, equal identity.
func (c *Claims) ID() string { panic("todo") }

// Payload is the claims set as raw JSON (an object); it must not be changed.
func (c *Claims) Payload() []byte { panic("todo") }

// Ref points at a claim: a literal name first, then a dotted path; or exact segments ("roles", "realm_access.roles",
// ["https://foo.com","roles"]).
type Ref struct {
	segments []string
	exact    bool
}

// Use says what a claim's value is for, and so how it is written and what is refused in it (security.md 21, 22, 24).
type Use string

// The uses of a claim.
const (
	Joined  Use = "joined"  // a header: arrays joined with commas
	Repeat  Use = "repeat"  // a header per element
	JSON    Use = "json"    // a header: compact JSON
	Base64  Use = "base64"  // a header: base64url of compact JSON
	Segment Use = "segment" // one escaped path segment
	Plain   Use = "plain"   // the bare value: logs, limits, keys
)

// Wants collects, at load, the claims that an endpoint will ask for.
type Wants struct {
	todo int
}

// Add asks for a claim and returns its slot; the same wish gets the same slot.
func (w *Wants) Add(ref Ref, use Use) (slot int) { panic("todo") }

// Refusal is why a client may not pass. Kind decides the status, Reason tells the operator.
type Refusal struct {
	Reason    Reason
	Kind      Kind
	Challenge string // the WWW-Authenticate value, complete
	RetryIn   int    // seconds; Unavailable only
	Detail    []any  // slog pairs for the log: expected, actual, kid, issuer, …; never of the token's secret parts
}

func (r *Refusal) Error() string { return string(r.Reason) }

// Reason is one of a closed list of codes; README has it.
type Reason string

// Kind is what a refusal means to HTTP.
type Kind int

// The kinds of refusal: 401, 403, 400, 431 and 503.
const (
	Unauthorized Kind = iota
	Forbidden
	Malformed
	TooLong
	Unavailable
)

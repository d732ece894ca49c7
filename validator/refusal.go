package validator

import (
	"strings"
)

// Refusal is why a client may not pass. Kind decides the status, Reason tells the operator.
type Refusal struct {
	Reason    Reason
	Kind      Kind
	Challenge string // the WWW-Authenticate value, complete; several ways in: joined with commas
	RetryIn   int    // seconds; Unavailable only
	Detail    []any  // slog pairs for the log: expected, actual, kid, issuer, …; never of the token's secret parts
}

func (r *Refusal) Error() string { return string(r.Reason) }

// Reason is one of a closed list of codes; docs/refusals.md has it.
type Reason string

// The reasons of a refusal.
const (
	TokenMissing           Reason = "token_missing"           // no token where one is looked for
	AuthorizationMalformed Reason = "authorization_malformed" // a doubled, listed or broken header
	CookieMalformed        Reason = "cookie_malformed"        // a doubled or broken cookie
	SchemeWrong            Reason = "scheme_wrong"            // another scheme than Bearer
	TokenTooLong           Reason = "token_too_long"          // over 16 KiB
	TokenMalformed         Reason = "token_malformed"         // not three parts of strict base64url
	TokenEncrypted         Reason = "token_encrypted"         // a JWE: five parts
	HeaderMalformed        Reason = "header_malformed"        // not one JSON object with unique, well-typed members
	HeaderUnsupported      Reason = "header_unsupported"      // crit, b64, zip, enc, cty or a typ that we do not take
	AlgorithmNotAllowed    Reason = "algorithm_not_allowed"   // alg missing or not one of the validator's
	ClaimsMalformed        Reason = "claims_malformed"        // not one JSON object with unique members
	KeyUnknown             Reason = "key_unknown"             // no key of the set fits the token
	SignatureInvalid       Reason = "signature_invalid"       // no key that fits has signed this
	IssuerWrong            Reason = "issuer_wrong"            // iss is missing or not ours
	AudienceWrong          Reason = "audience_wrong"          // aud is missing or does not name us
	TimeMalformed          Reason = "time_malformed"          // exp, nbf or iat is not a sensible number
	ExpiryMissing          Reason = "expiry_missing"          // no exp where one is wanted
	TokenExpired           Reason = "token_expired"           // exp is past
	TokenNotYetValid       Reason = "token_not_yet_valid"     // nbf or iat is to come
	TokenTooOld            Reason = "token_too_old"           // issued longer ago than max_token_age
	TokenRevoked           Reason = "token_revoked"           // on the deny-list
	ClaimUnfit             Reason = "claim_unfit"             // a claim's value cannot go where it is meant to go
	RoleMissing            Reason = "role_missing"            // none of the roles
	ScopeMissing           Reason = "scope_missing"           // not the scopes
	KeysUnavailable        Reason = "keys_unavailable"        // the provider's keys are not to be had
	RevocationUnavailable  Reason = "revocation_unavailable"  // the deny-list has not come yet
	APIKeyMissing          Reason = "api_key_missing"         // no API key where one is looked for
	APIKeyMalformed        Reason = "api_key_malformed"       // two API keys
	APIKeyUnknown          Reason = "api_key_unknown"         // no such API key
	CredentialsMissing     Reason = "credentials_missing"     // no user and password
	CredentialsMalformed   Reason = "credentials_malformed"   // a Basic header that cannot be read
	CredentialsWrong       Reason = "credentials_wrong"       // no such user, or not the password
	CredentialsBusy        Reason = "credentials_busy"        // too many passwords are being tried
)

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

// Kind is what the reason means to HTTP. A claim that does not fit its place is the token's fault (401), but for a path
// (400, security.md 24), which whoever makes the refusal says.
func (r Reason) Kind() Kind {
	switch r {
	case AuthorizationMalformed, CookieMalformed, APIKeyMalformed, CredentialsMalformed:
		return Malformed
	case TokenTooLong:
		return TooLong
	case RoleMissing, ScopeMissing:
		return Forbidden
	case KeysUnavailable, RevocationUnavailable, CredentialsBusy:
		return Unavailable
	}
	return Unauthorized
}

// missing reports whether the client has shown nothing at all, so that another way in may be tried.
func (r Reason) missing() bool {
	return r == TokenMissing || r == SchemeWrong || r == APIKeyMissing || r == CredentialsMissing
}

// bearer is the challenge of a refused token (RFC 6750 section 3): nothing but the realm where none was shown, an error
// code otherwise, and the scopes that would do.
func bearer(realm string, reason Reason, scopes []string) string {
	var b strings.Builder
	b.WriteString("Bearer realm=")
	b.WriteString(quoted(realm))
	code := ""
	switch reason.Kind() {
	case Malformed, TooLong:
		code = "invalid_request"
	case Forbidden:
		code = "insufficient_scope"
	case Unauthorized:
		if !reason.missing() {
			code = "invalid_token"
		}
	}
	if code != "" {
		b.WriteString(`, error="` + code + `"`)
	}
	if reason == ScopeMissing && len(scopes) > 0 {
		b.WriteString(", scope=" + quoted(strings.Join(scopes, " ")))
	}
	return b.String()
}

// quoted is a quoted-string (RFC 9110 section 5.6.4). What may not stand in one is left out.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= 0x20 && c < 0x7f:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Public is what a client may be told of a reason, beside its code: what to do about it, and nothing of what is wanted
// here or of what the token says.
func (r Reason) Public() string {
	switch r {
	case TokenMissing:
		return "a token is required"
	case SchemeWrong:
		return "a Bearer token is required"
	case AuthorizationMalformed:
		return "the Authorization header cannot be read"
	case CookieMalformed:
		return "the cookie with the token cannot be read"
	case TokenTooLong:
		return "the token is too long"
	case TokenExpired, TokenTooOld:
		return "the token has expired"
	case TokenNotYetValid:
		return "the token is not valid yet"
	case RoleMissing, ScopeMissing:
		return "the token does not allow this"
	case KeysUnavailable, RevocationUnavailable:
		return "the token cannot be checked just now"
	case ClaimUnfit:
		return "the token has a value that cannot be used here"
	case APIKeyMissing, APIKeyUnknown:
		return "a valid API key is required"
	case APIKeyMalformed:
		return "the API key cannot be read"
	case CredentialsMissing, CredentialsWrong:
		return "a valid user and password are required"
	case CredentialsBusy:
		return "the password cannot be checked just now"
	case CredentialsMalformed:
		return "the user and password cannot be read"
	}
	return "the token is not valid"
}

// Reasons lists every reason there is.
func Reasons() []Reason {
	return []Reason{TokenMissing, AuthorizationMalformed, CookieMalformed, SchemeWrong, TokenTooLong, TokenMalformed,
		TokenEncrypted, HeaderMalformed, HeaderUnsupported, AlgorithmNotAllowed, ClaimsMalformed, KeyUnknown,
		SignatureInvalid, IssuerWrong, AudienceWrong, TimeMalformed, ExpiryMissing, TokenExpired, TokenNotYetValid,
		TokenTooOld, TokenRevoked, ClaimUnfit, RoleMissing, ScopeMissing, KeysUnavailable, RevocationUnavailable,
		APIKeyMissing, APIKeyMalformed, APIKeyUnknown, CredentialsMissing, CredentialsMalformed, CredentialsWrong, CredentialsBusy}
}

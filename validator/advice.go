package validator

// Advice is what an operator is told of a reason: what it means, and what to do about it. docs/refusals.md has the same.
func (r Reason) Advice() (means, do string) {
	switch r {
	case TokenMissing:
		return "no token where one is looked for", "send Authorization: Bearer …, or the cookie; see auth_header_name, cookie_key"
	case SchemeWrong:
		return "the header has another scheme, or none", "write Bearer before the token, or see require_bearer"
	case AuthorizationMalformed:
		return "two headers, a list, or no credentials in it", "send one header with one token"
	case CookieMalformed:
		return "two cookies of the name, or one that is no token", "send one cookie; see cookie_key"
	case TokenTooLong:
		return "more than 16 KiB", "put less into the token"
	case TokenMalformed:
		return "not three parts of strict base64url", "a token was cut, padded or changed on its way"
	case TokenEncrypted:
		return "a JWE of five parts", "let the provider sign tokens, not encrypt them"
	case HeaderMalformed:
		return "the token's header is not one JSON object with unique, well-typed members", "the provider makes odd tokens"
	case HeaderUnsupported:
		return "crit, b64, zip, enc, a nested token, or a typ that is no access token's", "send an access token, not a logout token, a DPoP proof or the like"
	case AlgorithmNotAllowed:
		return "alg is missing or not the validator's", "see alg and algs"
	case ClaimsMalformed:
		return "the claims are not one JSON object with unique members", "the provider makes odd tokens"
	case IssuerWrong:
		return "iss is missing or another one; with providers: none of theirs", "compare iss and issuer byte for byte: a slash at the end counts"
	case KeyUnknown:
		return "no key of the set fits the token's kid and alg", "a token of another provider, or of a key that was removed; unknown keys are asked for every 30 s"
	case SignatureInvalid:
		return "no key that fits has signed this", "a token of another environment whose keys have the same names, or a forged one"
	case AudienceWrong:
		return "aud is missing or does not name us", "ask the provider for a token for this API; see audience, audience_match"
	case TimeMalformed:
		return "exp, nbf or iat is not a sensible number", "the provider makes odd tokens"
	case ExpiryMissing:
		return "no exp", "see require_exp"
	case TokenExpired:
		return "exp is past", "get a new token; compare the clocks, see leeway"
	case TokenNotYetValid:
		return "nbf or iat is to come", "compare the clocks, see leeway"
	case TokenTooOld:
		return "issued longer ago than max_token_age, or nobody knows when", "get a new token"
	case TokenRevoked:
		return "on the deny-list", "see auth/revoker"
	case ClaimUnfit:
		return "a claim's value cannot go where it is meant to go: control characters in a header (401), what is no single segment in a path (400)", "the log names the claim"
	case RoleMissing:
		return "none of the roles", "see roles, roles_key"
	case ScopeMissing:
		return "not the scopes", "see scopes, scopes_key, scopes_matcher"
	case KeysUnavailable:
		return "the provider's keys are not to be had", "the log says why they cannot be fetched"
	case RevocationUnavailable:
		return "the deny-list has not come yet", "the log says why it cannot be fetched"
	case APIKeyMissing:
		return "no API key where one is looked for", "see strategy, identifier"
	case APIKeyMalformed:
		return "two API keys", "send one"
	case APIKeyUnknown:
		return "no such API key", "compare the key with the file, and hash and salt with how it was hashed"
	case CredentialsMissing:
		return "no user and password", "send Authorization: Basic …"
	case CredentialsMalformed:
		return "a Basic header that cannot be read", "send one, base64 of user, a colon and password"
	case CredentialsWrong:
		return "no such user, or not the password", "the log says which of the two; see htpasswd_path, users"
	case CredentialsBusy:
		return "too many passwords are being tried at once", "wait"
	}
	return "", ""
}

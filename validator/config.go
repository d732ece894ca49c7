package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gatehouse/internal/conf"
)

// Config is auth/validator as written: who may pass. Fields that depend on the file's version are filled by the caller;
// where they are nil, version 4's default holds.
type Config struct {
	Source
	Providers     []string       `json:"providers" since:"4" doc:"Names of the service's providers; a token is judged by the one that its iss names, alone."`
	Alg           string         `json:"alg" enum:"EdDSA|HS256|HS384|HS512|RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512" doc:"The only signature algorithm that is accepted; see algs." default:"RS256 and ES256"`
	Algs          []string       `json:"algs" since:"4" doc:"The signature algorithms that are accepted." default:"RS256 and ES256"`
	Audience      []string       `json:"audience" doc:"Values that the token's aud must name; see audience_match." default:"aud is not looked at"`
	AudienceMatch *string        `json:"audience_match" since:"4" enum:"any|all" doc:"Whether one of audience is enough." default:"any (versions 2 and 3: all)"`
	RequireExp    *bool          `json:"require_exp" since:"4" doc:"Refuse tokens that never expire." default:"true (versions 2 and 3: false)"`
	Leeway        *conf.Duration `json:"leeway" doc:"How far clocks may differ, from 0 to 5 minutes." default:"1s"`
	MaxTokenAge   *conf.Duration `json:"max_token_age" since:"4" doc:"Refuse tokens that were issued longer ago (iat), and those that do not say when." default:"no limit"`
	Required      *bool          `json:"required" since:"4" doc:"Whether a token must be there; without one the client is a guest. A bad token is refused in any case." default:"true"`
	Realm         string         `json:"realm" since:"4" doc:"The realm that a refused client is told." default:"gatehouse"`

	Roles            []string `json:"roles" doc:"One of these must be among the token's roles." default:"roles are not looked at"`
	RolesKey         *Ref     `json:"roles_key" doc:"The claim that holds the roles: a name, a dotted path, or a list of exact names." default:"roles"`
	RolesKeyIsNested *bool    `json:"roles_key_is_nested" doc:"Accepted for KrakenD's sake; a dotted roles_key needs no flag."`
	Scopes           []string `json:"scopes" doc:"Scopes that the token must have; see scopes_matcher." default:"scopes are not looked at"`
	ScopesKey        *Ref     `json:"scopes_key" doc:"The claim that holds the scopes: a name, a dotted path, or a list of exact names." default:"scope, and scp where that is missing"`
	ScopesMatcher    *string  `json:"scopes_matcher" enum:"any|all" doc:"Whether one of scopes is enough." default:"any"`

	PropagateClaims []Propagate `json:"propagate_claims" old:"propagate-claims" doc:"Claims that reach the backends as headers: pairs of claim and header, or objects that say the format too." default:"none"`
	PreserveArray   *bool       `json:"propagate_claims_preserve_array" doc:"Write an array as one header per element, where the entry says no format." default:"false"`

	AuthHeader    *string `json:"auth_header_name" doc:"The header that holds the token." default:"Authorization"`
	RequireBearer *bool   `json:"require_bearer" since:"4" doc:"The header must say Bearer before the token." default:"true (version 3: false)"`
	CookieKey     *string `json:"cookie_key" doc:"The cookie that holds the token where the header is absent; \"\" for none." default:"access_token"`

	Cooldown *conf.Duration `json:"failed_jwk_key_cooldown" doc:"Accepted for KrakenD's sake; unknown keys are looked up at most once in 30 s, always."`
	Debug    *bool          `json:"operation_debug" doc:"Accepted for KrakenD's sake; every refusal is logged with its reason, always."`
}

// Provider is one of the service's providers: a named identity provider that validators refer to.
type Provider struct {
	Source
	Audience []string `json:"audience" since:"4" doc:"Values that aud must name in a token of this provider." default:"the validator's audience"`
	Algs     []string `json:"algs" since:"4" doc:"The signature algorithms that are accepted from this provider." default:"the validator's algs"`
}

// Source says who issues tokens, where its keys are, and how they are fetched.
type Source struct {
	Issuer    string         `json:"issuer" doc:"The iss that tokens must have, compared byte for byte. Without a place for the keys it is asked for them (OpenID discovery)." conf:"filled"`
	URL       string         `json:"jwk_url" old:"jwk-url" doc:"Where the issuer publishes its keys (a JWK set), https." conf:"filled"`
	File      string         `json:"jwk_local_path" doc:"A file with the keys (a JWK set); read again when it changes." conf:"filled"`
	SecretURL string         `json:"secret_url" doc:"What decrypts cypher_key: base64key:// and the key." conf:"secret"`
	CypherKey string         `json:"cypher_key" doc:"The encrypted key, base64, that jwk_local_path is encrypted with (AES-GCM)." conf:"secret"`
	Identify  *string        `json:"key_identify_strategy" enum:"kid|x5t|x5t#S256|kid_x5t" doc:"Which member of the token's header names the key." default:"kid"`
	Cache     *bool          `json:"cache" doc:"Accepted for KrakenD's sake; keys are always cached."`
	Duration  *int           `json:"cache_duration" doc:"Seconds for which keys are fresh; they are fetched again ahead of that." default:"900"`
	MaxStale  *conf.Duration `json:"max_stale" since:"4" doc:"How long keys go on working while their provider cannot be reached." default:"24h"`

	DisableSecurity *bool             `json:"disable_jwk_security" doc:"KrakenD's way to say both dangerously_allow_http and dangerously_skip_tls_verify." default:"false"`
	AllowHTTP       *bool             `json:"dangerously_allow_http" since:"4" doc:"Fetch keys without TLS: whoever is on the way may replace them. Loopback needs no permission." default:"false"`
	SkipVerify      *bool             `json:"dangerously_skip_tls_verify" since:"4" doc:"Fetch keys from a server that cannot prove who it is." default:"false"`
	LocalCA         string            `json:"jwk_local_ca" doc:"A file with certificates to trust besides the system's." `
	Fingerprints    []string          `json:"jwk_fingerprints" doc:"Pins: one certificate of the server's chain must have one of these SHA-256 fingerprints of its public key, base64url."`
	CipherSuites    []uint16          `json:"cipher_suites" doc:"TLS 1.2 cipher suites that may be used, by number." default:"Go's"`
	ClientCert      string            `json:"jwk_client_cert" since:"4" doc:"A file with the client certificate to show, PEM."`
	ClientKey       string            `json:"jwk_client_key" since:"4" doc:"A file with the key of jwk_client_cert, PEM."`
	Headers         map[string]string `json:"jwk_headers" since:"4" doc:"Headers to send when keys are fetched." conf:"open,secret"`
	Proxy           string            `json:"jwk_proxy" since:"4" doc:"The URL of an HTTP proxy to fetch keys through." default:"HTTPS_PROXY of the environment"`
}

// Propagate is one claim that reaches the backends as a header: in a file a pair, or an object that says the format too.
type Propagate struct {
	Claim  Ref    `json:"claim" doc:"The claim."`
	Header string `json:"header" doc:"The header."`
	Format Use    `json:"format" enum:"joined|repeat|json|base64" doc:"How arrays and objects are written." default:"joined"`
}

// UnmarshalJSON reads the pair or the object.
func (p *Propagate) UnmarshalJSON(data []byte) error {
	if c := data[0]; c != '[' && c != '{' {
		return fmt.Errorf(`got %s, want a pair of claim and header: ["sub", "X-User"]`, data)
	}
	var pair []json.RawMessage
	if json.Unmarshal(data, &pair) == nil && pair != nil {
		if len(pair) != 2 || json.Unmarshal(pair[1], &p.Header) != nil {
			return fmt.Errorf(`got %s, want a pair of claim and header: ["sub", "X-User"]`, data)
		}
		return json.Unmarshal(pair[0], &p.Claim)
	}
	type plain Propagate
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode((*plain)(p)); err != nil {
		return fmt.Errorf(`got %s, want ["sub", "X-User"] or {"claim": "sub", "header": "X-User", "format": "joined"}: %w`, data, err)
	}
	switch p.Format {
	case "", Joined, Repeat, JSON, Base64:
	default:
		return fmt.Errorf(`format %q, want "joined", "repeat", "json" or "base64"`, p.Format)
	}
	if p.Claim.IsZero() || p.Header == "" {
		return errors.New(`want both "claim" and "header"`)
	}
	return nil
}

// Use is how the claim is written: its format, joined where it says none.
func (p Propagate) Use() Use {
	if p.Format == "" {
		return Joined
	}
	return p.Format
}

// Propagated are the claims to propagate, each with its format: the entry's own, else what
// propagate_claims_preserve_array says.
func (c *Config) Propagated() []Propagate {
	list := make([]Propagate, len(c.PropagateClaims))
	for i, p := range c.PropagateClaims {
		if p.Format == "" && conf.Value(c.PreserveArray, false) {
			p.Format = Repeat
		}
		list[i] = p
	}
	return list
}

func (c *Config) warnings() error { return c.Source.warnings() }

// Inherit fills what is not written from the parent, field by field; a list replaces. Three groups go together, because
// their members exclude each other: alg and algs, jwk_url and jwk_local_path, and providers with what they stand for.
func (c Config) Inherit(parent *Config) Config {
	if parent == nil {
		return c
	}
	from := *parent
	if c.Alg != "" || c.Algs != nil {
		from.Alg, from.Algs = "", nil
	}
	if c.URL != "" || c.File != "" {
		from.URL, from.File = "", ""
	}
	if c.Issuer != "" || c.URL != "" || c.File != "" {
		from.Providers = nil
	}
	if c.Providers != nil {
		from.Issuer, from.URL, from.File = "", "", ""
	}
	return inherit(c, from)
}

// inherit is a struct with what is zero in it taken from another.
func inherit[T any](into, from T) T {
	fill(reflect.ValueOf(&into).Elem(), reflect.ValueOf(&from).Elem())
	return into
}

// fill copies what is zero in a struct from another of its type.
func fill(into, from reflect.Value) {
	for i := range into.NumField() {
		field := into.Field(i)
		if field.Kind() == reflect.Struct {
			fill(field, from.Field(i))
		} else if field.IsZero() {
			field.Set(from.Field(i))
		}
	}
}

package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gatehouse/internal/jose"
)

const (
	audience      = "https://api.example.com" // of the API that the gateway serves
	gatewayClient = "gateway"                 // the gateway's own client, for the inventory
	gatewaySecret = "gateway-secret"          // known to everybody who reads this
	claimsGrant   = "urn:gatehouse:demo:claims"
)

// TokenLife is how long tokens of the provider are valid.
const TokenLife = time.Hour

// provider is an identity provider: OpenID discovery, a key set, tokens.
type provider struct {
	issuer string // its address; also the iss of its tokens
	keys   *keyring
}

func newProvider(grace time.Duration) (*provider, error) {
	keys, err := newKeyring(grace)
	return &provider{keys: keys}, err
}

func (p *provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /.well-known/jwks.json", p.jwks)
	mux.HandleFunc("POST /oauth/token", p.token)
	mux.HandleFunc("POST /rotate", p.rotate)
	return mux
}

// discovery is OpenID Connect Discovery 1.0, as far as there is something to discover.
func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": p.issuer, "jwks_uri": p.issuer + "/.well-known/jwks.json", "token_endpoint": p.issuer + "/oauth/token",
		"grant_types_supported":                 []string{"client_credentials", "password", claimsGrant},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"id_token_signing_alg_values_supported": []jose.Alg{jose.RS256, jose.ES256},
		"response_types_supported":              []string{"token"}, "subject_types_supported": []string{"public"},
	})
}

func (p *provider) jwks(w http.ResponseWriter, _ *http.Request) {
	set, err := p.keys.published(time.Now())
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = w.Write(set)
}

func (p *provider) rotate(w http.ResponseWriter, _ *http.Request) {
	if err := p.keys.rotate(time.Now()); err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"rotated": "new tokens have new keys", "old_keys_for": p.keys.grace.String()})
}

// grant is what a token is to say.
type grant struct {
	alg    jose.Alg
	life   time.Duration
	scope  string
	claims map[string]any // over the provider's own
}

// sign makes a token of a grant.
func (p *provider) sign(g grant, now time.Time) (string, error) {
	key, err := p.keys.signer(g.alg)
	if err != nil {
		return "", err
	}
	claims := map[string]any{"iss": p.issuer, "aud": audience, "iat": now.Unix(), "exp": now.Add(g.life).Unix()}
	if g.scope != "" {
		claims["scope"] = g.scope
	}
	for name, value := range g.claims {
		claims[name] = value
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return key.Sign(map[string]any{"typ": "JWT"}, payload)
}

// verify checks a token of ours as a backend does that trusts this provider alone: signature, audience and time.
func (p *provider) verify(token, wanted string, now time.Time) (subject string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("not a token")
	}
	if err := p.verifySignature(parts, now); err != nil {
		return "", err
	}
	var claims struct {
		Sub, Aud string
		Exp      int64
	}
	if err := unpack(parts[1], &claims); err != nil {
		return "", err
	}
	if claims.Aud != wanted || now.Unix() >= claims.Exp {
		return "", fmt.Errorf("for another audience, or too old")
	}
	return claims.Sub, nil
}

func (p *provider) verifySignature(parts []string, now time.Time) error {
	var header struct{ Alg, Kid string }
	if err := unpack(parts[0], &header); err != nil {
		return err
	}
	sig, err := encoding().DecodeString(parts[2])
	if err != nil {
		return err
	}
	data, err := p.keys.published(now)
	if err != nil {
		return err
	}
	set, err := jose.ParseSet(data, jose.Fetched)
	if err != nil {
		return err
	}
	for _, k := range set.Keys {
		if alg := jose.Alg(header.Alg); k.ID == header.Kid && k.Fits(alg) && k.Verify(alg, []byte(parts[0]+"."+parts[1]), sig) {
			return nil
		}
	}
	return fmt.Errorf("no key of this provider signed it")
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}

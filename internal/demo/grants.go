package demo

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/jose"
)

// account is somebody who may have tokens: a person with a password, or a machine with a secret.
type account struct {
	secret string
	alg    jose.Alg
	claims map[string]any
	scopes []string // a machine may ask for these
}

// people by name. Their passwords are their names.
func people() map[string]account {
	return map[string]account{
		"alice": {secret: "alice", alg: jose.RS256, claims: map[string]any{"name": "Alice", "roles": []string{"user"}}},
		"bob":   {secret: "bob", alg: jose.ES256, claims: map[string]any{"name": "Bob", "roles": []string{"user", "admin"}}},
	}
}

// machines by client id.
func machines() map[string]account {
	return map[string]account{
		gatewayClient: {secret: gatewaySecret, alg: jose.RS256, scopes: []string{"stock:read"}},
		"robot": {secret: "robot-secret", alg: jose.RS256, claims: map[string]any{"roles": []string{"user"}},
			scopes: []string{"orders:read", "orders:write"}},
	}
}

// refusal is an error answer of a token endpoint (RFC 6749 section 5.2).
type refusal struct {
	status      int
	code, about string
}

func (r *refusal) Error() string { return r.code + ": " + r.about }

func bad(code, format string, args ...any) error {
	return &refusal{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// token is the token endpoint (RFC 6749 section 3.2): parameters as a form or as JSON, the client in Basic or in them.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	answer, err := p.grant(r)
	if err == nil {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	var refused *refusal
	if !errors.As(err, &refused) {
		refused = &refusal{http.StatusBadRequest, "invalid_request", err.Error()}
	}
	if refused.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="demo"`)
	}
	writeJSON(w, refused.status, map[string]string{"error": refused.code, "error_description": refused.about})
}

func (p *provider) grant(r *http.Request) (map[string]any, error) {
	params, err := parameters(r)
	if err != nil {
		return nil, err
	}
	var g grant
	switch kind := params.Get("grant_type"); kind {
	case "client_credentials":
		g, err = machineGrant(r, params)
	case "password":
		g, err = personGrant(params)
	case claimsGrant:
		g, err = anyGrant(params)
	case "":
		err = bad("invalid_request", "grant_type is missing")
	default:
		err = bad("unsupported_grant_type", "%q is not one of client_credentials, password", kind)
	}
	if err != nil {
		return nil, err
	}
	if alg := params.Get("alg"); alg != "" {
		g.alg = jose.Alg(alg)
	}
	signed, err := p.sign(g, time.Now())
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"access_token": signed, "token_type": "Bearer", "expires_in": int(g.life / time.Second)}
	if g.scope != "" {
		answer["scope"] = g.scope
	}
	return answer, nil
}

// parameters reads a form or a JSON object; in the latter, what is not a string is kept as JSON.
func parameters(r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, 64<<10)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		if err := r.ParseForm(); err != nil {
			return nil, bad("invalid_request", "the body is not a form: %v", err)
		}
		return r.PostForm, nil
	}
	var body map[string]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, bad("invalid_request", "the body is not a JSON object: %v", err)
	}
	params := url.Values{}
	for name, raw := range body {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		params.Set(name, text)
	}
	return params, nil
}

// machineGrant is RFC 6749 section 4.4.
func machineGrant(r *http.Request, params url.Values) (grant, error) {
	id, secret, err := credentials(r, params)
	if err != nil {
		return grant{}, err
	}
	client, known := machines()[id]
	if !known || client.secret != secret {
		return grant{}, &refusal{http.StatusUnauthorized, "invalid_client", "no client of this id and secret"}
	}
	g := grant{alg: client.alg, life: TokenLife, scope: params.Get("scope"), claims: map[string]any{"sub": id, "gty": "client-credentials"}}
	for name, value := range client.claims {
		g.claims[name] = value
	}
	for _, s := range strings.Fields(g.scope) {
		if !slices.Contains(client.scopes, s) {
			return grant{}, bad("invalid_scope", "%s may not have %q", id, s)
		}
	}
	if aud := params.Get("audience"); aud != "" {
		g.claims["aud"] = aud
	}
	return g, nil
}

// credentials are the client's, from Basic (each part is form-encoded, RFC 6749 section 2.3.1) or from the parameters.
func credentials(r *http.Request, params url.Values) (id, secret string, err error) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		return params.Get("client_id"), params.Get("client_secret"), nil
	}
	if params.Has("client_secret") {
		return "", "", bad("invalid_request", "the client's secret came twice")
	}
	if id, err = url.QueryUnescape(id); err == nil {
		secret, err = url.QueryUnescape(secret)
	}
	if err != nil {
		return "", "", bad("invalid_request", "Authorization: %v", err)
	}
	return id, secret, nil
}

// personGrant is RFC 6749 section 4.3, which nobody should offer any more; here it saves a browser.
func personGrant(params url.Values) (grant, error) {
	name := params.Get("username")
	who, known := people()[name]
	if !known || who.secret != params.Get("password") {
		return grant{}, bad("invalid_grant", "no such name and password; there are alice and bob, and their names are their passwords")
	}
	g := grant{alg: who.alg, life: TokenLife, claims: map[string]any{"sub": name}}
	for claim, value := range who.claims {
		g.claims[claim] = value
	}
	return g, nil
}

// anyGrant signs whatever is asked for: this is how `gatehouse token` makes tokens of the running demo.
func anyGrant(params url.Values) (grant, error) {
	g := grant{alg: jose.RS256, life: TokenLife}
	if err := json.Unmarshal([]byte(params.Get("claims")), &g.claims); err != nil {
		return g, bad("invalid_request", "claims: %v", err)
	}
	return g, nil
}

func encoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// unpack decodes a part of a token.
func unpack(part string, into any) error {
	raw, err := encoding().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"gatehouse/internal/jose"
)

// ErrNoDemo says that nobody answers where the demo should be.
var ErrNoDemo = errors.New("nobody answers")

// Address is where a demo is found that was started without flags.
const Address = "http://127.0.0.1:8080"

// TokenOptions say what a token is to claim and who signs it.
type TokenOptions struct {
	Subject  string
	Audience []string
	Roles    []string
	Scopes   []string
	Claims   []string      // name=value; a value that is JSON is taken as such
	Life     time.Duration // from now
	KeyFile  string        // a private JWK or a set of them; the first key signs. Without it the running demo signs
	Issuer   string        // with KeyFile the iss claim, otherwise where the demo is ([Address] where it is empty)
}

// Token makes a signed token.
func Token(ctx context.Context, opt TokenOptions) (string, error) {
	now := time.Now()
	claims, err := opt.claims(now)
	if err != nil {
		return "", err
	}
	if opt.KeyFile == "" {
		return askDemo(ctx, opt, claims)
	}
	data, err := os.ReadFile(opt.KeyFile)
	if err != nil {
		return "", err
	}
	keys, err := jose.ParsePrivateSet(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", opt.KeyFile, err)
	}
	if _, written := claims["iss"]; !written && opt.Issuer != "" {
		claims["iss"] = opt.Issuer
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return keys[0].Sign(map[string]any{"typ": "JWT"}, payload)
}

// claims are the claims that the options write; --claim goes over the others.
func (o TokenOptions) claims(now time.Time) (map[string]any, error) {
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(o.Life).Unix()}
	if o.Subject != "" {
		claims["sub"] = o.Subject
	}
	switch len(o.Audience) {
	case 0:
	case 1:
		claims["aud"] = o.Audience[0]
	default:
		claims["aud"] = o.Audience
	}
	if len(o.Roles) > 0 {
		claims["roles"] = o.Roles
	}
	if len(o.Scopes) > 0 {
		claims["scope"] = strings.Join(o.Scopes, " ")
	}
	for _, pair := range o.Claims {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--claim %q: want name=value", pair)
		}
		claims[name] = claimValue(text)
	}
	return claims, nil
}

// claimValue is the JSON that the text is, or the text itself.
func claimValue(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

// askDemo has the provider of a running demo sign; aud and iss are its own unless the claims say otherwise.
func askDemo(ctx context.Context, opt TokenOptions, claims map[string]any) (string, error) {
	base := strings.TrimSuffix(opt.Issuer, "/")
	if base == "" {
		base = Address
	}
	body, err := json.Marshal(map[string]any{"grant_type": claimsGrant, "claims": claims})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/oauth/token", bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("--issuer: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return "", fmt.Errorf("no demo at %s: %w (%w); start one with \"gatehouse demo\", say where it is with --issuer, or sign with --key FILE",
			base, ErrNoDemo, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
		About string `json:"error_description"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Token == "" && answer.Error == "" {
		return "", fmt.Errorf("%s/oauth/token is not a demo's: status %d", base, res.StatusCode)
	}
	if answer.Token == "" {
		return "", errors.New(answer.Error + ": " + answer.About)
	}
	return answer.Token, nil
}

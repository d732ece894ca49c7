package gatewaytest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func get(t *testing.T, url string) (int, string, error) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Get(url)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 2<<20))
	return res.StatusCode, string(body), err
}

// verify checks a token with a library that is not ours, against the keys as they are published.
func verify(t *testing.T, k *KeyServer, token string) ([]byte, error) {
	t.Helper()
	_, body, err := get(t, k.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.RS512, jose.PS256, jose.PS384,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA})
	if err != nil {
		return nil, err
	}
	return parsed.Verify(set)
}

func TestTokensVerifyAgainstThePublishedKeys(t *testing.T) {
	k := StartKeys(t)
	for _, alg := range []string{"RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			if _, err := verify(t, k, k.Sign(Token{Alg: alg})); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := verify(t, k, k.Sign(Token{Signature: "broken"})); err == nil {
		t.Error("a broken signature verifies")
	}
	if token := k.Sign(Token{Signature: "none"}); !strings.HasSuffix(token, ".") {
		t.Errorf("got %s, want no signature", token)
	}
}

func TestRotationKeepsOldKeysUntilTheyRetire(t *testing.T) {
	k := StartKeys(t)
	before := k.Sign(Token{})
	k.Rotate()
	after := k.Sign(Token{})
	for name, token := range map[string]string{"before": before, "after": after} {
		if _, err := verify(t, k, token); err != nil {
			t.Errorf("a token of %s the rotation: %v", name, err)
		}
	}
	k.Retire()
	if _, err := verify(t, k, before); err == nil {
		t.Error("a token of a retired key verifies")
	}
	if _, err := verify(t, k, after); err != nil {
		t.Errorf("a token of the newest key: %v", err)
	}
	if k.Fetches() != 4 {
		t.Errorf("got %d fetches, want 4", k.Fetches())
	}
}

func TestTokensSayWhatThePageSays(t *testing.T) {
	k := StartKeys(t)
	for _, row := range []struct{ name, text, header, claims string }{
		{"the plain one", `{"sub": "a"}`, `{"alg":"RS256","typ":"JWT","kid":"rs256-1"}`, `{"sub": "a","iss":"ISS","iat":IAT,"exp":EXP}`},
		{"nothing written", "", `{"alg":"RS256","typ":"JWT","kid":"rs256-1"}`, `{"iss":"ISS","iat":IAT,"exp":EXP}`},
		{"another kid, and no exp", "kid: other\nwithout: exp, iat\n{}", `{"alg":"RS256","typ":"JWT","kid":"other"}`, `{"iss":"ISS"}`},
		{"no kid", "kid: -\nwithout: exp, iat, iss\n{}", `{"alg":"RS256","typ":"JWT"}`, `{}`},
		{"a header of its own", `header: {"alg":"none"}` + "\n" + `{"iss":"x","iat":1,"exp":2}`, `{"alg":"none"}`, `{"iss":"x","iat":1,"exp":2}`},
		{"claims exactly as they stand", "claims: exactly\n" + `{"a":1, "a":2}`, `{"alg":"RS256","typ":"JWT","kid":"rs256-1"}`, `{"a":1, "a":2}`},
		{"a shared secret", "alg: HS256\nsecret: " + strings.Repeat("s", 32) + "\nclaims: exactly\n{}", `{"alg":"HS256","typ":"JWT","kid":"secret"}`, `{}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			token, _, err := parseToken(row.text)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(k.Sign(token), ".")
			header, _ := base64.RawURLEncoding.DecodeString(parts[0])
			claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
			want := strings.ReplaceAll(row.claims, "ISS", k.Issuer())
			var times struct{ Iat, Exp json.Number }
			if err := json.Unmarshal(claims, &times); err != nil {
				t.Fatal(err)
			}
			want = strings.NewReplacer("IAT", times.Iat.String(), "EXP", times.Exp.String()).Replace(want)
			if string(header) != row.header || string(claims) != want {
				t.Errorf("got  %s %s\nwant %s %s", header, claims, row.header, want)
			}
		})
	}
	if _, _, err := parseToken("algorithm: x\n{}"); err == nil {
		t.Error("an unknown line is taken")
	}
}

func TestModesOfAProvider(t *testing.T) {
	k := StartKeys(t)
	k.Header("Cache-Control", "max-age=60")
	for _, row := range []struct {
		mode   Mode
		status int
		body   string
	}{
		{Up, 200, `"kid":"rs256-1"`},
		{Broken, 200, `{"keys":[`},
		{Empty, 200, `{"keys":[]}`},
		{HTML, 200, "<html>"},
		{Failing, 500, `"kid":"rs256-1"`},
		{Huge, 200, "xxxx"},
		{Redirect, 200, `"kid":"rs256-1"`},
	} {
		t.Run(string(row.mode), func(t *testing.T) {
			k.Answer(row.mode)
			status, body, err := get(t, k.JWKS())
			if err != nil || status != row.status || !strings.Contains(body, row.body) {
				t.Errorf("got %d %.200s %v, want %d and %s", status, body, err, row.status, row.body)
			}
		})
	}
	k.Answer(Down)
	if _, _, err := get(t, k.JWKS()); err == nil {
		t.Error("an answer of a provider that is down")
	}
}

func TestAHangingProviderLetsGo(t *testing.T) {
	k := StartKeys(t)
	k.Answer(Hang)
	came := make(chan string, 1)
	go func() {
		_, body, _ := get(t, k.JWKS())
		came <- body
	}()
	if !k.Await(1, patience) {
		t.Fatal("nobody asked")
	}
	select {
	case body := <-came:
		t.Fatalf("got %s, want nothing yet", body)
	default:
	}
	k.Answer(Up)
	if body := <-came; !strings.Contains(body, "rs256-1") {
		t.Errorf("got %s, want the keys", body)
	}
}

func TestTheTLSSideIsTrustedByItsCA(t *testing.T) {
	k := StartKeys(t)
	pem, err := os.ReadFile(k.WriteCA(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), "GET", "https://"+k.Domain()+"/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var found struct{ Issuer string }
	if err := json.NewDecoder(res.Body).Decode(&found); err != nil || found.Issuer != "https://"+k.Domain() {
		t.Errorf("issuer %q, %v", found.Issuer, err)
	}
}

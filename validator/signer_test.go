package validator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"gatehouse/internal/jose"
)

func TestSigning(t *testing.T) {
	hmac, ec := key(t, jose.HS256, "h"), key(t, jose.ES256, "e")
	set, err := jose.PrivateSet(ec, hmac)
	if err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, "keys.json", set)
	keys := NewKeys(KeysConfig{})
	t.Cleanup(keys.Close)
	const payload = `{"b":1,"a":12345678901234567890}`
	none := ""
	rows := []struct {
		name, header string
		cfg          SignerConfig
	}{
		{"compact", `{"alg":"HS256","kid":"h","typ":"JWT"}`, SignerConfig{Alg: "HS256", Kid: "h"}},
		{"another key", `{"alg":"ES256","kid":"e","typ":"JWT"}`, SignerConfig{Alg: "ES256", Kid: "e"}},
		{"no typ", `{"alg":"HS256","kid":"h"}`, SignerConfig{Alg: "HS256", Kid: "h", Typ: &none}},
		{"the JSON serialisation", `{"alg":"ES256","kid":"e","typ":"JWT"}`, SignerConfig{Alg: "ES256", Kid: "e", Full: true}},
	}
	for _, row := range rows {
		row.cfg.File, row.cfg.KeysToSign = file, []string{"token"}
		s, err := NewSigner(row.cfg, keys)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		raw, err := s.Sign(t.Context(), []byte(payload))
		var token string
		if err != nil || json.Unmarshal(raw, &token) != nil {
			t.Errorf("%s: got %s, %v", row.name, raw, err)
			continue
		}
		parse := gojose.ParseSignedCompact
		if row.cfg.Full {
			parse = gojose.ParseSignedJSON
		}
		jws, err := parse(token, []gojose.SignatureAlgorithm{gojose.HS256, gojose.ES256})
		if err != nil {
			t.Errorf("%s: %q: %v", row.name, token, err)
			continue
		}
		if row.cfg.Full != strings.HasPrefix(token, "{") {
			t.Errorf("%s: got %s", row.name, token)
		}
		if got := string(jws.UnsafePayloadWithoutVerification()); got != payload {
			t.Errorf("%s: payload %s, want %s", row.name, got, payload)
		}
		protected, _, _ := strings.Cut(token, ".")
		if row.cfg.Full {
			var full struct{ Protected string }
			if err := json.Unmarshal([]byte(token), &full); err != nil {
				t.Fatal(err)
			}
			protected = full.Protected
		}
		header, err := base64.RawURLEncoding.DecodeString(protected)
		if err != nil || string(header) != row.header {
			t.Errorf("%s: header %s, want %s", row.name, header, row.header)
		}
		s.Close()
	}
}

func TestSigningWithAFetchedKey(t *testing.T) {
	k := key(t, jose.ES256, "e")
	private, err := jose.PrivateSet(k)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		p.do(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		s, err := NewSigner(SignerConfig{Alg: "ES256", Kid: "e", KeysToSign: []string{"t"}, URL: providerURL + "/private"}, p.keys(nil))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		if _, err := s.Sign(t.Context(), []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "not to be had") {
			t.Errorf("got %v, want a key that is not to be had", err)
		}
		p.publish(private)
		time.Sleep(2 * time.Second)
		raw, err := s.Sign(t.Context(), claims(nil))
		if err != nil {
			t.Fatal(err)
		}
		var token string
		if err := json.Unmarshal(raw, &token); err != nil {
			t.Fatal(err)
		}
		p.serve(k)
		ends(t, p.validator(Config{}, nil), token, "ok", "a token of ours")
		p.do(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(2 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.Sign(ctx, []byte(`{}`)); err != nil {
			t.Errorf("while the address hangs: %v", err)
		}
	})
}

func TestSignersThatCannotBe(t *testing.T) {
	set := publicSet(t, key(t, jose.ES256, "e"), key(t, jose.HS256, "h"))
	file := writeFile(t, "keys.json", set)
	names := []string{"t"}
	keys := NewKeys(KeysConfig{})
	t.Cleanup(keys.Close)
	rows := []struct {
		name string
		cfg  SignerConfig
		want string
	}{
		{"nothing", SignerConfig{}, "alg: unknown algorithm \"\", want one of [HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA]\nkid: is missing: which key of the set signs?\nhas no key to sign with, want jwk_url or jwk_local_path"},
		{"no such key", SignerConfig{Alg: "HS256", Kid: "x", KeysToSign: names, File: file}, `jwk_local_path: no key "x" that could sign`},
		{"a public key", SignerConfig{Alg: "ES256", Kid: "e", KeysToSign: names, File: file}, `jwk_local_path: no key "e" that could sign`},
		{"a key of another kind", SignerConfig{Alg: "ES256", Kid: "h", KeysToSign: names, File: file}, `jwk_local_path: a symmetric key does not fit ES256`},
		{"no file", SignerConfig{Alg: "HS256", Kid: "h", KeysToSign: names, File: "/nowhere"}, `jwk_local_path: no such file or directory`},
		{"no TLS", SignerConfig{Alg: "HS256", Kid: "h", KeysToSign: names, URL: "http://id.example/"}, "jwk_url: keys fetched over http can be replaced by whoever is on the way; want https, or dangerously_allow_http"},
	}
	for _, row := range rows {
		_, err := NewSigner(row.cfg, keys)
		if got := messages(err); got != row.want {
			t.Errorf("%s:\ngot  %s\nwant %s", row.name, got, row.want)
		}
	}
}

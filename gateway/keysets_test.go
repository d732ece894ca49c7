package gateway_test

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/gatewaytest"
	"gatehouse/internal/jose"
)

// jwk is a key as its provider publishes it, with members changed; nil takes one away.
func jwk(t *testing.T, k *jose.PrivateKey, change map[string]any) json.RawMessage {
	t.Helper()
	set, err := jose.PublicSet(k)
	if k.Alg().Symmetric() {
		set, err = jose.PrivateSet(k)
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Keys []map[string]any }
	if err := json.Unmarshal(set, &doc); err != nil {
		t.Fatal(err)
	}
	one := doc.Keys[0]
	for name, value := range change {
		if one[name] = value; value == nil {
			delete(one, name)
		}
	}
	data, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newKey(t *testing.T, alg jose.Alg, kid string) *jose.PrivateKey {
	t.Helper()
	k, err := jose.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k.WithID(kid)
}

// published is a gateway whose provider has this set, and the statuses of tokens that are signed so.
func published(t *testing.T, keys []json.RawMessage) (send func(k *jose.PrivateKey, header map[string]any) int, provider *gatewaytest.Upstream) {
	t.Helper()
	set, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	provider = gatewaytest.StartUpstream(t, "keys", "GET /jwks\n  Content-Type: application/jwk-set+json\n\n  "+string(set))
	f := &fort{t: t, log: &synced{}, backend: gatewaytest.StartUpstream(t, "orders", "GET /orders\n\n  {}")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	boot(t, gatewaytest.Site{File: "gateway.json", Log: f.log, Listener: l, JSON: fmt.Appendf(nil, `{"version": 4, "endpoints": [{"endpoint": "/orders", "backend": [{"host": [%q], "url_pattern": "/orders"}],
		"extra_config": {"auth/validator": {"issuer": "https://id.test", "jwk_url": "%s/jwks", "algs": ["RS256", "PS256", "ES256", "ES384", "EdDSA"]}}}]}`, f.backend.URL(), provider.URL())})
	n := 0
	return func(k *jose.PrivateKey, header map[string]any) int {
		n++
		token, err := k.Sign(header, fmt.Appendf(nil, `{"iss":"https://id.test","exp":%d,"jti":"%d"}`, time.Now().Unix()+600, n))
		if err != nil {
			t.Fatal(err)
		}
		res, all, _ := f.send("GET /orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + "\r\n\r\n")
		if res == nil {
			t.Fatalf("no answer: %q", all)
		}
		return res.StatusCode
	}, provider
}

// Security.md 6, 7, 8: an odd key in a set costs nobody else anything, and signs only what it is for.
func TestOddKeysOverHTTP(t *testing.T) {
	ec, ed, hs := newKey(t, jose.ES256, "ec"), newKey(t, jose.EdDSA, "ed"), newKey(t, jose.HS256, "hs")
	twins := []*jose.PrivateKey{newKey(t, jose.ES256, "twin"), newKey(t, jose.ES256, "twin"), newKey(t, jose.ES384, "twin")}
	enc, ops, other, private, nameless := newKey(t, jose.ES256, "enc"), newKey(t, jose.ES256, "ops"), newKey(t, jose.ES256, "other"), newKey(t, jose.ES256, "private"), newKey(t, jose.ES256, "")
	secret, err := private.JWK()
	if err != nil {
		t.Fatal(err)
	}
	send, _ := published(t, []json.RawMessage{
		[]byte(`null`), []byte(`7`), []byte(`"x"`), []byte(`[]`), []byte(`{}`), []byte(`{"kty":"XYZ","kid":"ec"}`), []byte(`{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08","kid":"ec"}`),
		[]byte(`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"ec"}`), []byte(`{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"ec"}`), []byte(`{"kty":"RSA","kid":5}`), []byte(`{"kty":"EC","crv":"P-256","x":"!","y":"!"}`),
		jwk(t, ec, nil), jwk(t, ed, nil), jwk(t, hs, nil), jwk(t, twins[0], nil), jwk(t, twins[1], nil), jwk(t, twins[2], nil),
		jwk(t, enc, map[string]any{"use": "enc"}), jwk(t, ops, map[string]any{"use": nil, "key_ops": []string{"encrypt"}}), jwk(t, other, map[string]any{"alg": "ES384"}), secret, jwk(t, nameless, map[string]any{"kid": nil}),
		jwk(t, ec, map[string]any{"x5c": []string{"not a certificate"}, "kid": "ec-x5c", "unknown": map[string]any{"a": 1}}),
	})
	for _, row := range []struct {
		name   string
		key    *jose.PrivateKey
		header map[string]any
		want   int
	}{
		{"a key among odd ones", ec, nil, 200}, {"Ed25519", ed, nil, 200}, {"the first of a name", twins[0], nil, 200}, {"the second of it", twins[1], nil, 200}, {"another curve of that name", twins[2], nil, 200},
		{"a key with a certificate that nobody can read", ec.WithID("ec-x5c"), nil, 200}, {"no kid: the key is found", ec.WithID(""), nil, 200}, {"a key without a name, for a token without one", nameless, nil, 200},
		{"a key for encryption", enc, nil, 401}, {"a key whose key_ops do not let it verify", ops, nil, 401}, {"a key whose alg is another", other, nil, 401}, {"a private key that was published", private, nil, 401},
		{"a secret that was published", hs, nil, 401}, {"a secret that was published, as ES256", hs, map[string]any{"alg": "ES256"}, 401},
		{"a key without a name, under the name of another", nameless.WithID("ec"), nil, 401}, {"a key without a name, under an empty one", nameless, map[string]any{"kid": ""}, 401},
		{"a good key under the name of an encryption key", ec.WithID("enc"), nil, 401}, {"still: a key among odd ones", ec, nil, 200},
	} {
		if got := send(row.key, row.header); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

// Security.md 16: whatever the kids of forged tokens, their provider is asked once more for one that is unknown and for one
// signature that is bad; and those who have good tokens go on.
func TestForgedKidsOverHTTP(t *testing.T) {
	good, forger := newKey(t, jose.ES256, "good"), newKey(t, jose.ES256, "forged")
	send, provider := published(t, []json.RawMessage{jwk(t, good, nil)})
	if got := send(good, nil); got != 200 {
		t.Fatalf("the good token: got %d", got)
	}
	statuses := []int{}
	for i := range 300 {
		kid := fmt.Sprint("forged-", i)
		if i%3 == 0 {
			kid = "good"
		}
		statuses = append(statuses, send(forger.WithID(kid+strings.Repeat("x", i%7)), nil))
		if got := send(good, nil); got != 200 {
			t.Fatalf("the good token after %d forged ones: got %d", i+1, got)
		}
	}
	if slices.ContainsFunc(statuses, func(s int) bool { return s != 401 }) {
		t.Errorf("got %v, want 401 for each", statuses)
	}
	if n := provider.Asked(); n > 3 {
		t.Errorf("%d fetches, want no more than at the start and for what is unknown", n)
	}
}

package validator

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

// Security.md 19.
func TestRotation(t *testing.T) {
	k1, k2, k3 := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2"), key(t, jose.ES256, "k3")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k1)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, nil)
		token := func(k *jose.PrivateKey) string {
			return sign(t, k, nil, claims(map[string]any{"exp": time.Now().Unix() + 86400}))
		}
		first := token(k1)
		ends(t, v, first, "ok", "the first key")
		p.serve(k1, k2)
		ends(t, v, token(k2), "ok", "a new key, in its own request")
		p.serve(k1, k2, k3)
		ends(t, v, token(k3), string(KeyUnknown), "another one within 30 s")
		time.Sleep(forcedPause)
		ends(t, v, token(k3), "ok", "after 30 s")
		p.serve(k3)
		ends(t, v, first, "ok", "a removed key, before the refresh")
		time.Sleep(900 * time.Second)
		ends(t, v, first, string(KeyUnknown), "a removed key, after the refresh; its verdict was cached")
		p.serve(k1, k3)
		time.Sleep(forcedPause)
		ends(t, v, first, "ok", "a key that came back")
	})
}

// TestRotationByTheRealClock: in a bubble no time passes between asking for a fetch and its beginning; outside it does,
// and what was fetched then must not be taken for something newer than itself.
func TestRotationByTheRealClock(t *testing.T) {
	k1, k2 := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2")
	p := newProvider(t, k1)
	v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil)}, nil)
	ends(t, v, sign(t, k1, nil, claims(nil)), "ok", "the first key")
	p.serve(k1, k2)
	ends(t, v, sign(t, k2, nil, claims(nil)), "ok", "a new key, in its own request")
}

// Security.md 16, 19: a new key under an old name.
func TestAKeyThatChangesUnderItsName(t *testing.T) {
	old, renewed, forged := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k1, renewed").WithID("k1"), key(t, jose.ES256, "k1, forged").WithID("k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, old)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, nil)
		first := sign(t, old, nil, claims(nil))
		ends(t, v, first, "ok", "the old key")
		p.serve(renewed)
		ends(t, v, sign(t, renewed, nil, claims(nil)), "ok", "the new key, in its own request")
		ends(t, v, first, string(SignatureInvalid), "the old key's cached verdict")
		before := p.fetches()
		for range 1000 {
			ends(t, v, sign(t, forged, nil, claims(nil)), string(SignatureInvalid), "forged")
		}
		if n := p.fetches() - before; n != 0 {
			t.Errorf("%d fetches for bad signatures within 30 s, want none", n)
		}
	})
}

// Security.md 7, 8: several keys of one name, and tokens without a name.
func TestKeysOfOneNameAndOfNone(t *testing.T) {
	var all []*jose.PrivateKey
	for i := range maxTries + 2 {
		all = append(all, key(t, jose.ES256, fmt.Sprint("many-", i)).WithID(fmt.Sprint("k", i)))
	}
	rsa := key(t, jose.RS256, "r")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, append([]*jose.PrivateKey{rsa}, all...)...)
		v := p.validator(Config{}, nil)
		for i, k := range all {
			wanted := "ok"
			if i >= maxTries {
				wanted = string(SignatureInvalid)
			}
			ends(t, v, sign(t, k.WithID(""), nil, claims(nil)), wanted, fmt.Sprint("without a kid, key ", i))
			ends(t, v, sign(t, k, nil, claims(nil)), "ok", fmt.Sprint("with its kid, key ", i))
			ends(t, v, sign(t, k, map[string]any{"kid": ""}, claims(nil)), string(KeyUnknown), "with an empty kid")
		}
		ends(t, v, sign(t, rsa.WithID(""), nil, claims(nil)), "ok", "the only RSA key, without its kid")
	})
	synctest.Test(t, func(t *testing.T) {
		same := []*jose.PrivateKey{rsa.WithID("k"), all[0].WithID("k"), all[1].WithID("k")}
		v := newProvider(t, same...).validator(Config{}, nil)
		for i, k := range same {
			ends(t, v, sign(t, k, nil, claims(nil)), "ok", fmt.Sprint("one name for three keys, key ", i))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		v := newProvider(t, all[0].WithID("")).validator(Config{}, nil)
		ends(t, v, sign(t, all[0].WithID(""), nil, claims(nil)), "ok", "neither has a name")
		ends(t, v, sign(t, all[0], nil, claims(nil)), string(KeyUnknown), "a name that no key has")
		ends(t, v, sign(t, all[0], map[string]any{"kid": ""}, claims(nil)), string(KeyUnknown), "the empty name, that no key has")
	})
}

// Security.md 7: HMAC works where the validator names it, and nowhere else.
func TestSymmetricKeysOfAFetchedSet(t *testing.T) {
	hmac, rsa := key(t, jose.HS256, "k1"), key(t, jose.RS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, hmac, rsa)
		token := sign(t, hmac, nil, claims(nil))
		ends(t, p.validator(Config{Alg: "HS256"}, nil), token, "ok", "named")
		ends(t, p.validator(Config{Algs: []string{"RS256", "HS256"}}, nil), token, "ok", "named beside another")
		ends(t, p.validator(Config{}, nil), token, string(AlgorithmNotAllowed), "not named")
		ends(t, p.validator(Config{Alg: "HS384"}, nil), token, string(AlgorithmNotAllowed), "another one named")
	})
}

// KrakenD's key_identify_strategy: which member of the token's header names the key.
func TestHowATokenNamesItsKey(t *testing.T) {
	a, b := key(t, jose.ES256, "same"), key(t, jose.ES256, "same, but another").WithID("same")
	rows := []struct {
		strategy string
		header   map[string]any
		want     string
	}{
		{"kid", map[string]any{"kid": "same"}, "ok"},
		{"kid", map[string]any{"x5t": "rubbish"}, "ok"}, // only the kid is asked
		{"x5t", map[string]any{"x5t": "t-a"}, "ok"},
		{"x5t", map[string]any{"x5t": "t-b"}, string(SignatureInvalid)},
		{"x5t", map[string]any{"x5t": "t-x"}, string(KeyUnknown)},
		{"x5t", nil, "ok"}, // without an x5t the kid is asked
		{"x5t#S256", map[string]any{"x5t#S256": "s-a", "x5t": "t-b"}, "ok"},
		{"x5t#S256", map[string]any{"x5t#S256": "s-b"}, string(SignatureInvalid)},
		{"kid_x5t", map[string]any{"kid": "same", "x5t": "t-a"}, "ok"},
		{"kid_x5t", map[string]any{"kid": "same", "x5t": "t-b"}, string(SignatureInvalid)},
		{"kid_x5t", map[string]any{"kid": "other", "x5t": "t-a"}, string(KeyUnknown)},
		{"kid_x5t", map[string]any{"kid": "same"}, "ok"},
	}
	for _, row := range rows {
		t.Run(fmt.Sprint(row.strategy, row.header), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var doc struct {
					Keys []map[string]any `json:"keys"`
				}
				if err := json.Unmarshal(publicSet(t, a, b), &doc); err != nil {
					t.Fatal(err)
				}
				doc.Keys[0]["x5t"], doc.Keys[0]["x5t#S256"] = "t-a", "s-a"
				doc.Keys[1]["x5t"], doc.Keys[1]["x5t#S256"] = "t-b", "s-b"
				set, err := json.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				p := newProvider(t)
				p.publish(set)
				v := p.validator(Config{Source: Source{URL: providerURL + "/jwks", Identify: &row.strategy}}, nil)
				ends(t, v, sign(t, a, row.header, claims(nil)), row.want, "a token of the first key")
			})
		})
	}
}

package jose

import (
	"encoding/json"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What we sign, somebody else's library verifies: for every algorithm, from a fresh key and from its printed form.
func TestSignaturesAreReadByOthers(t *testing.T) {
	for _, alg := range Algs() {
		t.Run(string(alg), func(t *testing.T) {
			fresh, err := GenerateKey(alg)
			if err != nil {
				t.Fatal(err)
			}
			printed, err := fresh.JWK()
			if err != nil {
				t.Fatal(err)
			}
			read, err := ParsePrivate(printed)
			if err != nil {
				t.Fatal(err)
			}
			if read.ID() != fresh.ID() || read.Alg() != alg {
				t.Fatalf("read back as %s %q, want %s %q", read.Alg(), read.ID(), alg, fresh.ID())
			}
			for _, k := range []*PrivateKey{fresh, read} {
				token, err := k.Sign(map[string]any{"typ": "JWT"}, []byte(`{"sub":"a"}`))
				if err != nil {
					t.Fatal(err)
				}
				checkWithGoJose(t, k, alg, token)
			}
		})
	}
}

func checkWithGoJose(t *testing.T, k *PrivateKey, alg Alg, token string) {
	t.Helper()
	jws, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(k.public())
	if err != nil || string(payload) != `{"sub":"a"}` {
		t.Fatalf("payload %q, error %v", payload, err)
	}
	if got := jws.Signatures[0].Header.KeyID; got != k.ID() {
		t.Errorf("kid %q, want %q", got, k.ID())
	}
}

func TestPublicSetNeverHasSecrets(t *testing.T) {
	var keys []*PrivateKey
	for _, alg := range []Alg{RS256, ES256, ES512, EdDSA, HS256} {
		k, err := GenerateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.WithID("k-"+string(alg)))
	}
	set, err := PublicSet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct{ Keys []map[string]string }
	if err := json.Unmarshal(set, &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Keys) != 4 {
		t.Errorf("got %d keys, want the 4 asymmetric ones", len(parsed.Keys))
	}
	for _, k := range parsed.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, there := k[private]; there {
				t.Errorf("key %s shows its %q", k["kid"], private)
			}
		}
		if k["use"] != "sig" || k["alg"] != strings.TrimPrefix(k["kid"], "k-") {
			t.Errorf("got %v, want use sig and its algorithm", k)
		}
	}
}

func TestKeysThatCannotSignAreRefused(t *testing.T) {
	public, err := GenerateKey(ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := PublicSet(public)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{
		"a public set":              string(set),
		"no JSON":                   `{`,
		"an empty set":              `{"keys":[]}`,
		"a short secret":            `{"kty":"oct","k":"c2VjcmV0"}`,
		"a secret for RS256":        `{"kty":"oct","alg":"RS256","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}`,
		"an algorithm nobody knows": `{"kty":"oct","alg":"hs256","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}`,
	}
	for name, data := range rows {
		t.Run(name, func(t *testing.T) {
			if keys, err := ParsePrivateSet([]byte(data)); err == nil {
				t.Errorf("got %d keys, want an error", len(keys))
			}
		})
	}
}

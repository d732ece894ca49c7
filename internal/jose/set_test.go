package jose

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwkOf is a public JWK as a map, so that rows can change it.
func jwkOf(t *testing.T, k *PrivateKey) map[string]any {
	t.Helper()
	set, err := PublicSet(k)
	if k.Alg().Symmetric() {
		set, err = PrivateSet(k)
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Keys []map[string]any }
	if err := json.Unmarshal(set, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Keys[0]
}

func generate(t testing.TB, alg Alg) *PrivateKey {
	t.Helper()
	k, err := GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A key is for exactly what its set says (security.md 6, 7).
func TestWhatAKeyIsFor(t *testing.T) {
	rsaKey, ecKey, edKey, hmacKey := generate(t, RS256), generate(t, ES256), generate(t, EdDSA), generate(t, HS512)
	all := func(algs ...Alg) []Alg { return algs }
	allRSA := all(RS256, RS384, RS512, PS256, PS384, PS512)
	rows := []struct {
		name   string
		key    *PrivateKey
		change map[string]any // nil values take a member away
		algs   []Alg          // nil: skipped
		why    string
	}{
		{"RSA with its alg", rsaKey, nil, all(RS256), ""},
		{"RSA without an alg", rsaKey, map[string]any{"alg": nil}, allRSA, ""},
		{"RSA without alg and use", rsaKey, map[string]any{"alg": nil, "use": nil}, allRSA, ""},
		{"RSA for PS512", rsaKey, map[string]any{"alg": "PS512"}, all(PS512), ""},
		{"RSA for encryption", rsaKey, map[string]any{"use": "enc"}, nil, `its use is "enc"`},
		{"RSA for something else", rsaKey, map[string]any{"use": "Sig"}, nil, `its use is "Sig"`},
		{"an empty use", rsaKey, map[string]any{"use": ""}, nil, `its use is ""`},
		{"a use that is no string", rsaKey, map[string]any{"use": 1}, nil, `"use" is not a string`},
		{"RSA-OAEP", rsaKey, map[string]any{"alg": "RSA-OAEP"}, nil, "unknown algorithm"},
		{"alg in other letters", rsaKey, map[string]any{"alg": "rs256"}, nil, `did you mean "RS256"?`},
		{"alg of another type", rsaKey, map[string]any{"alg": "ES256"}, nil, "an RSA key does not fit ES256"},
		{"alg of HMAC", rsaKey, map[string]any{"alg": "HS256"}, nil, "an RSA key does not fit HS256"},
		{"alg none", rsaKey, map[string]any{"alg": "none"}, nil, "unknown algorithm"},
		{"alg that is no string", rsaKey, map[string]any{"alg": []string{"RS256"}}, nil, `"alg" is not a string`},
		{"key_ops verify", rsaKey, map[string]any{"key_ops": []string{"verify"}}, all(RS256), ""},
		{"key_ops verify among others", rsaKey, map[string]any{"key_ops": []string{"encrypt", "verify"}}, all(RS256), ""},
		{"key_ops sign alone", rsaKey, map[string]any{"key_ops": []string{"sign"}}, nil, `without "verify"`},
		{"key_ops encrypt", rsaKey, map[string]any{"key_ops": []string{"encrypt"}}, nil, `without "verify"`},
		{"no key_ops at all", rsaKey, map[string]any{"key_ops": []string{}}, nil, `without "verify"`},
		{"key_ops that are no list", rsaKey, map[string]any{"key_ops": "verify"}, nil, "not an array of strings"},
		{"key_ops null", rsaKey, map[string]any{"key_ops": json.RawMessage("null")}, nil, "not an array of strings"},
		{"a kid that is no string", rsaKey, map[string]any{"kid": 1}, nil, `"kid" is not a string`},
		{"an x5t that is no string", rsaKey, map[string]any{"x5t": 1}, nil, `"x5t" is not a string`},
		{"a certificate that cannot be read", rsaKey, map[string]any{"x5c": []string{"rubbish"}, "x5u": 7}, all(RS256), ""},
		{"members that nobody knows", rsaKey, map[string]any{"x": map[string]any{"y": 1}}, all(RS256), ""},
		{"an even exponent", rsaKey, map[string]any{"e": b64([]byte{1, 0, 0})}, nil, "an RSA exponent of 65536"},
		{"exponent one", rsaKey, map[string]any{"e": b64([]byte{1})}, nil, "an RSA exponent of 1,"},
		{"exponent zero", rsaKey, map[string]any{"e": b64([]byte{0})}, nil, "an RSA exponent of 0,"},
		{"exponent three", rsaKey, map[string]any{"e": b64([]byte{3})}, all(RS256), ""},
		{"an exponent that would wrap around", rsaKey, map[string]any{"e": b64([]byte{1, 0, 0, 0, 0, 0, 0, 0, 3})}, nil, "an RSA exponent over 31 bits"},
		{"no exponent", rsaKey, map[string]any{"e": nil}, nil, "not a key that we can read"},
		{"no modulus", rsaKey, map[string]any{"n": nil}, nil, "not a key that we can read"},
		{"an even modulus", rsaKey, map[string]any{"n": b64(append([]byte{0x80}, make([]byte, 255)...))}, nil, "an even RSA modulus"},
		{"a short modulus", rsaKey, map[string]any{"n": b64(append([]byte{0x80}, make([]byte, 126)...)) + "E"}, nil, "bits is too short, want 2048"},
		{"a modulus of 2047 bits", rsaKey, map[string]any{"n": b64(append([]byte{0x7f}, odd(255)...))}, nil, "2047 bits is too short"},
		{"a modulus of a megabyte", rsaKey, map[string]any{"n": b64(append([]byte{0x80}, odd(20000)...))}, nil, "is too long"},
		{"EC with its alg", ecKey, nil, all(ES256), ""},
		{"EC without an alg", ecKey, map[string]any{"alg": nil}, all(ES256), ""},
		{"EC for another curve's alg", ecKey, map[string]any{"alg": "ES384"}, nil, "a key on curve P-256 does not fit ES384"},
		{"EC for HMAC", ecKey, map[string]any{"alg": "HS256"}, nil, "a key on curve P-256 does not fit HS256"},
		{"EC on another curve than it says", ecKey, map[string]any{"crv": "P-384", "alg": nil}, nil, "not on its curve"},
		{"EC off its curve", ecKey, map[string]any{"x": b64(odd(32))}, nil, "not on its curve"},
		{"EC at infinity", ecKey, map[string]any{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}, nil, "not on its curve"},
		{"EC without a half", ecKey, map[string]any{"y": nil}, nil, "not a key that we can read"},
		{"EC on no curve", ecKey, map[string]any{"crv": nil}, nil, "not a key that we can read"},
		{"EC on secp256k1", ecKey, map[string]any{"crv": "secp256k1", "alg": nil}, nil, "not a key that we can read"},
		{"EdDSA with its alg", edKey, nil, all(EdDSA), ""},
		{"EdDSA without an alg", edKey, map[string]any{"alg": nil}, all(EdDSA), ""},
		{"EdDSA for ES256", edKey, map[string]any{"alg": "ES256"}, nil, "an Ed25519 key does not fit ES256"},
		{"EdDSA, too short", edKey, map[string]any{"x": b64(make([]byte, 31))}, nil, "31 bytes"},
		{"EdDSA, too long", edKey, map[string]any{"x": b64(make([]byte, 33))}, nil, "33 bytes"},
		{"Ed448", edKey, map[string]any{"crv": "Ed448"}, nil, "not a key that we can read"},
		{"X25519", edKey, map[string]any{"crv": "X25519", "alg": nil, "x": b64(x25519(t))}, nil, "cannot verify"},
		{"HMAC with its alg", hmacKey, nil, all(HS512), ""},
		{"HMAC without an alg", hmacKey, map[string]any{"alg": nil}, all(HS256, HS384, HS512), ""},
		{"HMAC as long as HS256", hmacKey, map[string]any{"alg": nil, "k": b64(make([]byte, 32))}, all(HS256), ""},
		{"HMAC too short for its alg", hmacKey, map[string]any{"k": b64(make([]byte, 63))}, nil, "a secret of 63 bytes is too short for HS512, want 64"},
		{"HMAC too short for any", hmacKey, map[string]any{"alg": nil, "k": b64(make([]byte, 31))}, nil, "a secret of 31 bytes is too short for HS256, want 32"},
		{"HMAC, empty", hmacKey, map[string]any{"alg": nil, "k": ""}, nil, ""},
		{"HMAC for RS256", hmacKey, map[string]any{"alg": "RS256"}, nil, "a symmetric key does not fit RS256"},
		{"HMAC for AES", hmacKey, map[string]any{"alg": "A256GCM"}, nil, "unknown algorithm"},
		{"no type", rsaKey, map[string]any{"kty": nil}, nil, "not a key that we can read"},
		{"another type", rsaKey, map[string]any{"kty": "AKP"}, nil, "not a key that we can read"},
		{"a type in other letters", rsaKey, map[string]any{"kty": "rsa"}, nil, "not a key that we can read"},
		{"a type that does not fit the members", rsaKey, map[string]any{"kty": "EC"}, nil, "not a key that we can read"},
		{"a type that is no string", rsaKey, map[string]any{"kty": 5}, nil, "not a key that we can read"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			jwk := jwkOf(t, row.key)
			for name, value := range row.change {
				if jwk[name] = value; value == nil {
					delete(jwk, name)
				}
			}
			raw, err := json.Marshal(jwk)
			if err != nil {
				t.Fatal(err)
			}
			set, err := ParseSet(fmt.Appendf(nil, `{"keys":[%s]}`, raw), Fetched)
			if err != nil {
				t.Fatal(err)
			}
			if row.algs != nil {
				if len(set.Keys) != 1 || !slices.Equal(set.Keys[0].Algs(), row.algs) {
					t.Errorf("got %d keys, %v, want one for %v", len(set.Keys), set.Skipped, row.algs)
				}
				return
			}
			if len(set.Keys) != 0 || len(set.Skipped) != 1 || !strings.Contains(set.Skipped[0].Error(), row.why) {
				t.Errorf("got %d keys, skipped %v, want one skipped for %q", len(set.Keys), set.Skipped, row.why)
			}
		})
	}
}

// odd is an odd number of n bytes.
func odd(n int) []byte {
	b := make([]byte, n)
	b[n-1] = 1
	return b
}

func x25519(t *testing.T) []byte {
	t.Helper()
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k.PublicKey().Bytes()
}

func TestSetsThatAreNone(t *testing.T) {
	for _, data := range []string{``, `null`, `[]`, `"x"`, `{}`, `{"keys":null}`, `{"keys":{}}`, `{"keys":"x"}`, `{"keys":[]`, `{"keys":[]}x`, `{"keys":[]}{}`, `{"keys":[],"keys":[]}`, `{"KEYS":[]}`, "\xef\xbb\xbf{\"keys\":[]}"} {
		if set, err := ParseSet([]byte(data), Fetched); err == nil {
			t.Errorf("%q: got %d keys, want a mistake", data, len(set.Keys))
		}
	}
	for _, data := range []string{`{"keys":[]}`, `{"keys":[],"x":1}`, ` { "keys" : [ ] } `, `{"keys":[1,null,"x",[],{},true]}`, `{"keys":[{"kty":"RSA","kty":"EC"}]}`} {
		if set, err := ParseSet([]byte(data), Fetched); err != nil || len(set.Keys) != 0 {
			t.Errorf("%q: got %v, want a set without keys", data, err)
		}
	}
}

// Warnings name keys by their place, and nothing of what they are made of.
func TestWarningsKeepSecrets(t *testing.T) {
	secret := generate(t, HS256)
	raw, err := secret.JWK()
	if err != nil {
		t.Fatal(err)
	}
	jwk := jwkOf(t, secret)
	for _, broken := range []string{`{"keys":[{"kty":"oct","use":"enc","k":"` + jwk["k"].(string) + `"}]}`, `{"keys":[{"kty":"oct","alg":"HS512","k":"` + jwk["k"].(string) + `"}]}`, string(raw), `{"keys":[{"kty":"oct","k":"` + jwk["k"].(string) + `!"}]}`} {
		set, err := ParseSet([]byte(broken), Fetched)
		said := fmt.Sprint(err)
		if err == nil {
			said = fmt.Sprint(set.Skipped)
		}
		if strings.Contains(said, jwk["k"].(string)) {
			t.Errorf("%s shows the secret", said)
		}
	}
}

func TestPrivateKeysInSets(t *testing.T) {
	for _, alg := range []Alg{RS256, ES256, EdDSA} {
		k := generate(t, alg)
		private, err := PrivateSet(k)
		if err != nil {
			t.Fatal(err)
		}
		fetched, err := ParseSet(private, Fetched)
		if err != nil || len(fetched.Keys) != 0 || !strings.Contains(fmt.Sprint(fetched.Skipped), "a private key in a published set") {
			t.Errorf("%s, fetched: got %d keys, %v", alg, len(fetched.Keys), fetched.Skipped)
		}
		local, err := ParseSet(private, Local)
		if err != nil || len(local.Keys) != 1 {
			t.Fatalf("%s, local: got %v %v", alg, local.Skipped, err)
		}
		sig, err := k.SignBytes([]byte("message"))
		if err != nil {
			t.Fatal(err)
		}
		if !local.Keys[0].Verify(alg, []byte("message"), sig) {
			t.Errorf("%s: the public half of a private key does not verify", alg)
		}
	}
}

// Prints are equal for equal keys and differ where anything differs.
func TestPrints(t *testing.T) {
	k := generate(t, ES256)
	base := jwkOf(t, k)
	print := func(change func(map[string]any)) [32]byte {
		jwk := map[string]any{}
		for name, value := range base {
			jwk[name] = value
		}
		change(jwk)
		raw, err := json.Marshal(jwk)
		if err != nil {
			t.Fatal(err)
		}
		set, err := ParseSet(fmt.Appendf(nil, `{"keys":[%s]}`, raw), Fetched)
		if err != nil || len(set.Keys) != 1 {
			t.Fatal(err, set)
		}
		return set.Keys[0].Print()
	}
	same := print(func(map[string]any) {})
	if print(func(m map[string]any) { m["x-note"] = "y" }) != same {
		t.Error("a member that means nothing changes the print")
	}
	seen := map[[32]byte]string{same: "the key itself"}
	for name, change := range map[string]func(map[string]any){
		"another kid": func(m map[string]any) { m["kid"] = "x" }, "an empty kid": func(m map[string]any) { m["kid"] = "" }, "no kid": func(m map[string]any) { delete(m, "kid") }, "an x5t": func(m map[string]any) { m["x5t"] = "x" },
		"another key": func(m map[string]any) { other := jwkOf(t, generate(t, ES256)); m["x"], m["y"] = other["x"], other["y"] },
	} {
		p := print(change)
		if old, twice := seen[p]; twice {
			t.Errorf("%s has the print of %s", name, old)
		}
		seen[p] = name
	}
}

// FuzzParseSet reads any document, and good keys with any one member changed: nothing panics, every key that is taken fits
// something, and reading is repeatable.
func FuzzParseSet(f *testing.F) {
	// The keys are the same in every run, so that what is found once is found again.
	file, err := os.ReadFile("testdata/fuzzed-keys.json")
	if err != nil {
		f.Fatal(err)
	}
	var set struct{ Keys []map[string]json.RawMessage }
	if err := json.Unmarshal(file, &set); err != nil {
		f.Fatal(err)
	}
	bases := set.Keys
	for _, seed := range [][2]string{{"", `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","use":"sig","key_ops":["verify"]}]}`}, {"", `{"keys":[null,{"kid":1}]}`}, {"", `{`},
		{"alg", `"PS512"`}, {"use", `"enc"`}, {"key_ops", `["verify"]`}, {"kty", `"OKP"`}, {"crv", `"P-384"`}, {"n", `"AQ"`}, {"e", `"Aw"`}, {"x", `"AA"`}, {"d", `null`}, {"k", `""`}, {"kid", `5`}, {"x5c", `[1]`}} {
		for which := range bases {
			f.Add(which, seed[0], []byte(seed[1]))
		}
	}
	f.Fuzz(func(t *testing.T, which int, name string, value []byte) {
		data := value
		if name != "" && which >= 0 && which < len(bases) && json.Valid(value) {
			changed := maps.Clone(bases[which])
			changed[name] = value
			one, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			data = fmt.Appendf(nil, `{"keys":[%s]}`, one)
		}
		for _, from := range []Origin{Fetched, Local} {
			set, err := ParseSet(data, from)
			if err != nil {
				continue
			}
			again, err := ParseSet(data, from)
			if err != nil || len(again.Keys) != len(set.Keys) {
				t.Fatalf("read again as %d keys (%v), want %d", len(again.Keys), err, len(set.Keys))
			}
			for i, k := range set.Keys {
				if len(k.Algs()) == 0 || k.Print() != again.Keys[i].Print() {
					t.Fatal("a key that fits nothing, or that has two prints")
				}
				for _, alg := range Algs() {
					if k.Verify(alg, []byte("message"), make([]byte, 64)) {
						t.Fatalf("a signature of zeros verified with %s", alg)
					}
				}
			}
		}
		if _, err := ParsePrivateSet(data); err == nil && !json.Valid(data) {
			t.Fatal("keys in what is no JSON")
		}
	})
}

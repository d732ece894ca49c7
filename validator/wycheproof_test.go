package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"gatehouse/internal/jose"
)

// vectors is one file of Wycheproof.
type vectors struct {
	TestGroups []struct {
		Comment string
		Private json.RawMessage
		Public  json.RawMessage
		Tests   []struct {
			TcID    int
			Comment string
			JWS     any // a string, or the object of a JSON serialisation
			JWE     any
			Result  string
		}
	}
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/wycheproof/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// text is a token as a client would send it.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	data, _ := json.Marshal(v)
	return string(data)
}

// keysOf is the key set of a group: one key or a set, the public half where there is one.
func keysOf(t *testing.T, public, private json.RawMessage) (*keySet, map[string]bool) {
	t.Helper()
	raw := public
	if raw == nil {
		raw = private
	}
	var doc struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Keys == nil {
		raw = json.RawMessage(fmt.Sprintf(`{"keys":[%s]}`, raw))
		doc.Keys = []json.RawMessage{raw}
	}
	set, err := jose.ParseSet(raw, jose.Local)
	if err != nil {
		t.Fatal(err)
	}
	algs := map[string]bool{}
	for _, k := range set.Keys {
		for _, alg := range k.Algs() {
			algs[string(alg)] = true
		}
	}
	return newKeySet(set.Keys, nil, fixedTime(), nil), algs
}

// verifies runs a token through form, header and signature, with the algorithms that the keys are for. The payloads are no
// claim sets, so the rest is not asked.
func verifies(set *keySet, algs map[string]bool, token string) bool {
	var f form
	if f.parse(token) != nil {
		return false
	}
	fields, err := parseObject(f.header)
	if err != nil {
		return false
	}
	h, _, err := parseHeader(fields)
	if err != nil || !algs[h.alg] {
		return false
	}
	a := &attempt{form: f, header: h, alg: jose.Alg(h.alg), issuer: &issuer{strategy: "kid"}}
	return a.try(set) == ""
}

func TestWycheproofSignatures(t *testing.T) {
	var file vectors
	readVectors(t, "json_web_signature_test", &file)
	var arbitration struct {
		Rules []struct {
			TcID    []int
			Verdict string
		}
		Firm int
	}
	readVectors(t, "arbitration", &arbitration)
	ruled := map[int]string{}
	for _, rule := range arbitration.Rules {
		for _, id := range rule.TcID {
			ruled[id] = rule.Verdict
		}
	}
	firm := 0
	for _, group := range file.TestGroups {
		set, algs := keysOf(t, group.Public, group.Private)
		for _, tc := range group.Tests {
			want := tc.Result == "valid"
			switch ruled[tc.TcID] {
			case "VOID":
				continue
			case "INVALID":
				want = false
			default:
				firm++
			}
			if got := verifies(set, algs, text(tc.JWS)); got != want {
				t.Errorf("%d %s, %s: verified %v, want %v", tc.TcID, group.Comment, tc.Comment, got, want)
			}
		}
	}
	if firm != arbitration.Firm {
		t.Errorf("%d firm cases, want %d", firm, arbitration.Firm)
	}
}

func TestWycheproofKeys(t *testing.T) {
	// Verdicts that differ from security.md.
	ours := map[string]map[int]string{
		"json_web_key_test": {
			1: "a set of symmetric and asymmetric keys is fine: a key fits its own algorithms alone (line 7)",
			4: "of keys that share a kid those that fit are tried in order (line 7)",
		},
		"json_web_crypto_test": {
			47: "a set of symmetric and asymmetric keys is fine: a key fits its own algorithms alone (line 7)",
		},
	}
	for name, differing := range ours {
		t.Run(name, func(t *testing.T) {
			var file vectors
			readVectors(t, name, &file)
			cases := 0
			for _, group := range file.TestGroups {
				for _, tc := range group.Tests {
					if tc.JWS == nil {
						continue
					}
					cases++
					set, algs := keysOf(t, group.Public, group.Private)
					want := tc.Result == "valid"
					if why := differing[tc.TcID]; why != "" {
						want = !want
					}
					if got := verifies(set, algs, text(tc.JWS)); got != want {
						t.Errorf("%d %s, %s: verified %v, want %v", tc.TcID, group.Comment, tc.Comment, got, want)
					}
				}
			}
			if want := map[string]int{"json_web_key_test": 26, "json_web_crypto_test": 49}[name]; cases != want {
				t.Errorf("%d cases, want %d", cases, want)
			}
		})
	}
}

func TestEveryJWEOfWycheproofIsRefused(t *testing.T) {
	k := key(t, jose.RS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		v := newProvider(t, k).validator(Config{}, nil)
		for _, name := range []string{"json_web_encryption_test", "json_web_crypto_test"} {
			var file vectors
			readVectors(t, name, &file)
			cases := 0
			for _, group := range file.TestGroups {
				for _, tc := range group.Tests {
					if tc.JWE == nil {
						continue
					}
					cases++
					_, err := v.Authenticate(t.Context(), request(text(tc.JWE)))
					var refusal *Refusal
					if !errors.As(err, &refusal) || refusal.Kind != Unauthorized && refusal.Kind != Malformed {
						t.Errorf("%s %d: got %v, want a refusal", name, tc.TcID, err)
					}
				}
			}
			if cases == 0 {
				t.Errorf("%s: no JWE in it", name)
			}
		}
	})
}

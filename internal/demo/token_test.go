package demo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/jose"
)

// keyFile writes a new private key and returns its path and the set that verifies.
func keyFile(t *testing.T) (path, keySet string) {
	t.Helper()
	key, err := jose.GenerateKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	private, err := jose.PrivateSet(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := jose.PublicSet(key)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, private, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, string(public)
}

func TestTokenOfAKeyFile(t *testing.T) {
	path, keys := keyFile(t)
	for _, row := range []struct {
		name string
		opt  TokenOptions
		want string
	}{
		{"nothing said", TokenOptions{}, `{}`},
		{"all said", TokenOptions{Subject: "a", Audience: []string{"x"}, Roles: []string{"r"}, Scopes: []string{"s1", "s2"}, Issuer: "i"},
			`{"aud":"x","iss":"i","roles":["r"],"scope":"s1 s2","sub":"a"}`},
		{"several audiences", TokenOptions{Audience: []string{"x", "y"}}, `{"aud":["x","y"]}`},
		{"claims are JSON where they can be", TokenOptions{Claims: []string{`realm_access={"roles":["u"]}`, "n=12345678901234567", "s=a=b", "q=\"1\""}},
			`{"n":12345678901234567,"q":"1","realm_access":{"roles":["u"]},"s":"a=b"}`},
		{"a claim goes over the rest", TokenOptions{Subject: "a", Issuer: "i", Claims: []string{"sub=b", "iss=j"}}, `{"iss":"j","sub":"b"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.opt.KeyFile, row.opt.Life = path, time.Minute
			token, err := Token(t.Context(), row.opt)
			if err != nil {
				t.Fatal(err)
			}
			claims, err := claimsOf(t, keys, token)
			if err != nil {
				t.Fatal(err)
			}
			if claims["exp"].(float64)-claims["iat"].(float64) != 60 {
				t.Errorf("iat %v, exp %v, want a minute", claims["iat"], claims["exp"])
			}
			delete(claims, "iat")
			delete(claims, "exp")
			var want map[string]any
			if err := json.Unmarshal([]byte(row.want), &want); err != nil {
				t.Fatal(err)
			}
			got, _ := json.Marshal(claims)
			wanted, _ := json.Marshal(want)
			if string(got) != string(wanted) {
				t.Errorf("got  %s\nwant %s", got, wanted)
			}
		})
	}
}

func TestTokenOfTheRunningDemo(t *testing.T) {
	w := start(t)
	issuer, _ := w.Lookup("ISSUER")
	token, err := Token(t.Context(), TokenOptions{Subject: "carol", Life: TokenLife, Roles: []string{"admin"}, Issuer: issuer + "/"})
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := fetch(t, "GET", issuer+"/.well-known/jwks.json", "", "")
	claims, err := claimsOf(t, keys, token)
	if err != nil {
		t.Fatal(err)
	}
	if claims["sub"] != "carol" || claims["aud"] != audience || claims["iss"] != issuer {
		t.Errorf("got %v", claims)
	}
}

func TestTokensThatCannotBeMade(t *testing.T) {
	w := start(t)
	at, _ := w.Lookup("CATALOG_URL")
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		opt  TokenOptions
		want string
	}{
		{"a claim without a value", TokenOptions{Claims: []string{"x"}}, `--claim "x": want name=value`},
		{"a file that is not there", TokenOptions{KeyFile: "/nowhere/key.json"}, "open /nowhere/key.json: no such file or directory"},
		{"a file without a key", TokenOptions{KeyFile: broken}, broken + ": no key that can sign"},
		{"no demo there", TokenOptions{Issuer: "http://127.0.0.1:1"}, "no demo at http://127.0.0.1:1"},
		{"something else there", TokenOptions{Issuer: at}, at + "/oauth/token is not a demo's: status 404"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := Token(t.Context(), row.opt); err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

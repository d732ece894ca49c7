package demo

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// claimsOf verifies a token with a library that is not ours, against the published keys, and returns its claims.
func claimsOf(t *testing.T, keySet, token string) (map[string]any, error) {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keySet), &set); err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return nil, err
	}
	payload, err := parsed.Verify(set)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, json.Unmarshal(payload, &claims)
}

func TestDiscoveryLeadsToTheKeys(t *testing.T) {
	w := start(t)
	issuer, _ := w.Lookup("ISSUER")
	_, body, _ := fetch(t, "GET", issuer+"/.well-known/openid-configuration", "", "")
	var found struct {
		Issuer string
		Keys   string `json:"jwks_uri"`
		Token  string `json:"token_endpoint"`
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil {
		t.Fatal(err)
	}
	if found.Issuer != issuer || found.Token != issuer+"/oauth/token" {
		t.Errorf("got %+v, want the issuer %s", found, issuer)
	}
	_, keys, header := fetch(t, "GET", found.Keys, "", "")
	if !strings.Contains(keys, `"RS256"`) || !strings.Contains(keys, `"ES256"`) || header.Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("got %s %s, want an RSA and an EC key", header.Get("Content-Type"), keys)
	}
}

func TestGrants(t *testing.T) {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	}
	w := start(t)
	issuer, _ := w.Lookup("ISSUER")
	_, keys, _ := fetch(t, "GET", issuer+"/.well-known/jwks.json", "", "")
	for _, row := range []struct {
		name, kind, body, auth string
		status                 int
		want                   string // the claims without iss, iat and exp, or the error's code
	}{
		{"a machine, by form", form, "grant_type=client_credentials&client_id=robot&client_secret=robot-secret", "", 200,
			`{"aud":"https://api.example.com","gty":"client-credentials","roles":["user"],"sub":"robot"}`},
		{"a machine, by JSON, as Auth0 has it", object,
			`{"grant_type":"client_credentials","client_id":"robot","client_secret":"robot-secret","audience":"a","scope":"orders:read"}`, "", 200,
			`{"aud":"a","gty":"client-credentials","roles":["user"],"scope":"orders:read","sub":"robot"}`},
		{"a machine, by Basic, percent-encoded", form, "grant_type=client_credentials&audience=inventory&scope=stock%3Aread", basic("gateway", "gateway%2Dsecret"), 200,
			`{"aud":"inventory","gty":"client-credentials","scope":"stock:read","sub":"gateway"}`},
		{"a wrong secret", form, "grant_type=client_credentials", basic("gateway", "guess"), 401, "invalid_client"},
		{"an unknown client", form, "grant_type=client_credentials&client_id=x&client_secret=", "", 401, "invalid_client"},
		{"the secret twice", form, "grant_type=client_credentials&client_secret=a", basic("robot", "robot-secret"), 400, "invalid_request"},
		{"a scope that it may not have", form, "grant_type=client_credentials&scope=all", basic("robot", "robot-secret"), 400, "invalid_scope"},
		{"a person", form, "grant_type=password&username=alice&password=alice", "", 200,
			`{"aud":"https://api.example.com","name":"Alice","roles":["user"],"sub":"alice"}`},
		{"an admin", form, "grant_type=password&username=bob&password=bob", "", 200,
			`{"aud":"https://api.example.com","name":"Bob","roles":["user","admin"],"sub":"bob"}`},
		{"a person with another algorithm", form, "grant_type=password&username=alice&password=alice&alg=ES256", "", 200,
			`{"aud":"https://api.example.com","name":"Alice","roles":["user"],"sub":"alice"}`},
		{"an algorithm that nobody has", form, "grant_type=password&username=alice&password=alice&alg=none", "", 400, "invalid_request"},
		{"a wrong password", form, "grant_type=password&username=alice&password=bob", "", 400, "invalid_grant"},
		{"any claims at all", object, `{"grant_type":"urn:gatehouse:demo:claims","claims":{"sub":"x","n":1}}`, "", 200,
			`{"aud":"https://api.example.com","n":1,"sub":"x"}`},
		{"no grant type", form, "", "", 400, "invalid_request"},
		{"another grant type", form, "grant_type=implicit", "", 400, "unsupported_grant_type"},
		{"no JSON", object, "{", "", 400, "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var header []string
			if row.auth != "" {
				header = []string{"Authorization", row.auth}
			}
			status, body, head := fetch(t, "POST", issuer+"/oauth/token", row.kind, row.body, header...)
			if status != row.status {
				t.Fatalf("got %d %s, want %d", status, body, row.status)
			}
			if head.Get("Cache-Control") != "no-store" || (head.Get("WWW-Authenticate") == "") != (status != 401) {
				t.Errorf("headers %v", head)
			}
			var answer struct {
				Token string `json:"access_token"`
				Type  string `json:"token_type"`
				Life  int    `json:"expires_in"`
				Error string
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatal(err)
			}
			if status != 200 {
				if answer.Error != row.want {
					t.Errorf("got %s, want %s", body, row.want)
				}
				return
			}
			claims, err := claimsOf(t, keys, answer.Token)
			if err != nil {
				t.Fatal(err)
			}
			life := claims["exp"].(float64) - claims["iat"].(float64)
			if claims["iss"] != issuer || life != 3600 || answer.Life != 3600 || answer.Type != "Bearer" {
				t.Errorf("iss %v, life %v; %s", claims["iss"], life, body)
			}
			for _, own := range []string{"iss", "iat", "exp"} {
				delete(claims, own)
			}
			if got, _ := json.Marshal(claims); string(got) != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestTheInventoryTakesOnlyItsOwnTokens(t *testing.T) {
	w := start(t)
	issuer, _ := w.Lookup("ISSUER")
	at, _ := w.Lookup("INVENTORY_URL")
	for audience, want := range map[string]int{"inventory": 200, "other": 401} {
		_, body, _ := fetch(t, "POST", issuer+"/oauth/token", "application/x-www-form-urlencoded",
			"grant_type=client_credentials&client_id=gateway&client_secret=gateway-secret&audience="+audience)
		var answer struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		status, body, _ := fetch(t, "GET", at+"/stock/lamp", "", "", "Authorization", "Bearer "+answer.Token)
		if status != want || want == 200 && body != `{"asked_by":"gateway","in_stock":12,"sku":"lamp"}`+"\n" {
			t.Errorf("a token for %s: got %d %s, want %d", audience, status, body, want)
		}
	}
}

func TestOldKeysArePublishedForTheirGraceAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newProvider(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		h := p.handler()
		keys := func() string {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
			return rec.Body.String()
		}
		sign := func() string {
			token, err := p.sign(grant{alg: "ES256", life: time.Hour}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		old := sign()
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("POST", "/rotate", nil))
		if rec.Code != 200 {
			t.Fatalf("rotate: %d %s", rec.Code, rec.Body)
		}
		fresh := sign()
		time.Sleep(59 * time.Second)
		for name, token := range map[string]string{"old": old, "fresh": fresh} {
			if _, err := claimsOf(t, keys(), token); err != nil {
				t.Errorf("the %s token within the grace: %v", name, err)
			}
		}
		time.Sleep(time.Second)
		if _, err := claimsOf(t, keys(), old); err == nil {
			t.Error("the old token passes after the grace")
		}
		if _, err := claimsOf(t, keys(), fresh); err != nil {
			t.Errorf("the fresh token after the grace: %v", err)
		}
	})
}

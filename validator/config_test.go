package validator

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/conf"
)

// decode reads a validator as a file has it.
func decode(t *testing.T, version int, text string) (Config, []*conf.Error, error) {
	t.Helper()
	doc, err := conf.Parse("gateway.json", fmt.Appendf(nil, `{"version":%d,"auth/validator":%s}`, version, text))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Version   int    `json:"version" doc:"v"`
		Validator Config `json:"auth/validator" doc:"v"`
	}
	err = doc.Decode(&file, conf.Options{})
	return file.Validator, doc.Warnings(), err
}

// Every key that KrakenD has (krakend.md 3.1) is read.
func TestEveryKeyOfKrakenDIsRead(t *testing.T) {
	const text = `{
		"alg": "RS384", "jwk_url": "https://id/jwks", "jwk_local_path": "keys.json", "secret_url": "base64key://x", "cypher_key": "x",
		"cache": true, "cache_duration": 60, "audience": ["a"], "issuer": "i", "roles": ["r"], "roles_key": "realm_access.roles", "roles_key_is_nested": true,
		"scopes": ["s"], "scopes_key": "scope", "scopes_matcher": "all", "propagate_claims": [["sub","X-User"],["realm_access.roles","X-Roles"]],
		"propagate_claims_preserve_array": true, "cookie_key": "c", "auth_header_name": "X-Token", "disable_jwk_security": true,
		"jwk_fingerprints": ["f"], "jwk_local_ca": "ca.pem", "cipher_suites": [49199], "key_identify_strategy": "x5t", "leeway": "2s",
		"failed_jwk_key_cooldown": "10s", "operation_debug": true
	}`
	for _, version := range []int{3, 4} {
		cfg, warnings, err := decode(t, version, text)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("version %d: %v %v", version, err, warnings)
		}
		var written map[string]any
		if err := json.Unmarshal([]byte(text), &written); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var read map[string]any
		if err := json.Unmarshal(again, &read); err != nil {
			t.Fatal(err)
		}
		for key, want := range written {
			got := read[key]
			if key == "propagate_claims" {
				want = []any{map[string]any{"claim": "sub", "header": "X-User", "format": ""}, map[string]any{"claim": "realm_access.roles", "header": "X-Roles", "format": ""}}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("version %d: %s is %v, want %v", version, key, got, want)
			}
		}
	}
}

func TestNewKeysAndOldNames(t *testing.T) {
	cfg, _, err := decode(t, 4, `{"issuer":"https://id","algs":["RS256","EdDSA"],"audience_match":"all","require_exp":false,"leeway":"0s","max_token_age":"1h","required":false,"realm":"r","require_bearer":false,
		"roles_key":["https://foo.com","roles"],"max_stale":"1h","dangerously_allow_http":true,"dangerously_skip_tls_verify":true,"jwk_headers":{"X":"y"},"jwk_proxy":"http://p:1","jwk_client_cert":"c","jwk_client_key":"k",
		"propagate_claims":[{"claim":["a","b"],"header":"X-A","format":"json"},["sub","X-Sub"]]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(cfg.RolesKey, cfg.PropagateClaims[0].Claim, cfg.PropagateClaims[0].Use(), cfg.PropagateClaims[1].Use(), cfg.Leeway, cfg.Headers); got != `["https://foo.com" "roles"] ["a" "b"]jsonjoined0s map[X:y]` {
		t.Errorf("got %s", got)
	}
	cfg, warnings, err := decode(t, 3, `{"jwk-url":"https://id/jwks","propagate-claims":[["sub","X-Sub"]],"alg":"RS256"}`)
	if err != nil || len(warnings) != 2 || cfg.URL != "https://id/jwks" || len(cfg.PropagateClaims) != 1 {
		t.Errorf("old names in version 3: %v %v %+v", err, warnings, cfg)
	}
	cfg, warnings, err = decode(t, 2, `{"jwk-url":"https://id/jwks","alg":"RS256"}`)
	if err != nil || len(warnings) != 0 || cfg.URL != "https://id/jwks" {
		t.Errorf("old names in version 2: %v %v %+v", err, warnings, cfg)
	}
}

func TestMistakesOfTheGrammar(t *testing.T) {
	rows := []struct{ text, want string }{
		{`{"alg":"rs256"}`, `did you mean "RS256"?`},
		{`{"audiense":["a"]}`, `did you mean "audience"?`},
		{`{"scopes_matcher":"some"}`, `want "any" or "all"`},
		{`{"roles_key":5}`, `want a claim`},
		{`{"roles_key":""}`, `an empty claim name`},
		{`{"leeway":5}`, `"3s"`},
		{`{"propagate_claims":[["sub"]]}`, `want a pair of claim and header`},
		{`{"propagate_claims":[["sub","a","b"]]}`, `want a pair of claim and header`},
		{`{"propagate_claims":["sub"]}`, `want a pair of claim and header`},
		{`{"propagate_claims":[{"claim":"sub"}]}`, `want both "claim" and "header"`},
		{`{"propagate_claims":[{"claim":"sub","header":"X","formt":"json"}]}`, `formt`},
		{`{"propagate_claims":[{"claim":"sub","header":"X","format":"xml"}]}`, `format "xml"`},
	}
	for _, row := range rows {
		_, _, err := decode(t, 4, row.text)
		if err == nil || !strings.Contains(messages(err), row.want) {
			t.Errorf("%s: got %q, want %q in it", row.text, messages(err), row.want)
		}
	}
}

// All mistakes are told at once, each under its key.
func TestMistakesOfNew(t *testing.T) {
	keys := NewKeys(KeysConfig{})
	t.Cleanup(keys.Close)
	here := writeFile(t, "keys.json", publicSet(t, key(t, "ES256", "k1")))
	rows := []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing", Config{}, "says nowhere where keys come from; want issuer, jwk_url or jwk_local_path"},
		{"http elsewhere", Config{Source: Source{URL: "http://id.example/jwks"}}, "jwk_url: keys fetched over http can be replaced by whoever is on the way; want https, or dangerously_allow_http"},
		{"http discovery elsewhere", Config{Source: Source{Issuer: "http://id.example"}}, "issuer: keys fetched over http can be replaced by whoever is on the way; want https, or dangerously_allow_http"},
		{"nearly loopback", Config{Source: Source{URL: "http://127.0.0.1.evil.example/"}}, "jwk_url: keys fetched over http can be replaced by whoever is on the way; want https, or dangerously_allow_http"},
		{"another scheme", Config{Source: Source{URL: "ftp://id.example/"}}, `jwk_url: got scheme "ftp", want https`},
		{"no URL", Config{Source: Source{URL: "id.example/jwks"}}, "jwk_url: want an absolute https URL"},
		{"no file", Config{Source: Source{File: "/nowhere"}}, "jwk_local_path: no such file or directory"},
		{"a file of something else", Config{Source: Source{File: writeFile(t, "x", []byte("{}"))}}, `jwk_local_path: not a JSON Web Key set: no "keys"`},
		{"a file without keys", Config{Source: Source{File: writeFile(t, "x", []byte(`{"keys":[]}`))}}, "jwk_local_path: no key that can be used"},
		{"no CA", Config{Source: Source{URL: "https://id", LocalCA: "/nowhere"}}, "jwk_local_ca: no such file or directory"},
		{"a CA of something else", Config{Source: Source{URL: "https://id", LocalCA: here}}, "jwk_local_ca: got " + here + ", want PEM with a certificate"},
		{"half a client certificate", Config{Source: Source{URL: "https://id", ClientCert: here}}, "jwk_client_cert: jwk_client_cert and jwk_client_key go together"},
		{"a pin that is none", Config{Source: Source{URL: "https://id", Fingerprints: []string{"AAAA"}}}, `jwk_fingerprints[0]: got "AAAA", want base64 of 32 bytes: 3 bytes`},
		{"a suite that is none", Config{Source: Source{URL: "https://id", CipherSuites: []uint16{1}}}, "cipher_suites[0]: got cipher suite 1, want one that Go knows, such as 49199"},
		{"a proxy that is none", Config{Source: Source{URL: "https://id", Proxy: "proxy:3128"}}, "jwk_proxy: want the URL of an HTTP proxy, such as http://proxy:3128"},
		{"an algorithm twice said", Config{Source: Source{File: here}, Alg: "RS256", Algs: []string{"RS256"}}, "alg: stands beside algs; want one or the other"},
		{"no algorithm at all", Config{Source: Source{File: here}, Algs: []string{}}, "algs: an empty list refuses every token"},
		{"an algorithm that is none", Config{Source: Source{File: here}, Algs: []string{"RS256", "none"}}, `algs[1]: unknown algorithm "none", want one of [HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA]`},
		{"too much leeway", Config{Source: Source{File: here}, Leeway: duration(6 * time.Minute)}, "leeway: got 6m0s, want from 0s to 5m"},
		{"no age at all", Config{Source: Source{File: here}, MaxTokenAge: duration(0)}, "max_token_age: want more than nothing"},
		{"an empty audience", Config{Source: Source{File: here}, Audience: []string{""}}, "audience: an empty audience is one that no token may have"},
		{"an empty role", Config{Source: Source{File: here}, Roles: []string{"a", ""}}, "roles[1]: an empty name is one that no token has"},
		{"no header", Config{Source: Source{File: here}, PropagateClaims: []Propagate{{Claim: ParseRef("a"), Header: "X A"}}}, `propagate_claims[0]: "X A" is not the name of a header`},
		{"providers and a source", Config{Source: Source{File: here}, Providers: []string{"p"}}, "providers: stand beside issuer, jwk_url or jwk_local_path; want one or the other"},
		{"no such provider", Config{Providers: []string{"x"}}, `providers[0]: no provider "x" among the service's providers`},
		{"providers that cannot be told apart", Config{Providers: []string{"p", "nameless"}}, `providers[1]: provider "nameless" has no issuer, by which tokens could be told apart`},
		{"providers of one issuer", Config{Providers: []string{"p", "twin"}}, `providers[1]: provider "twin" has the issuer of another one`},
		{"a provider that cannot be", Config{Providers: []string{"broken"}}, `providers[0]: provider "broken": jwk_url: want an absolute https URL`},
		{"several at once", Config{Source: Source{URL: "x"}, Alg: "none", Leeway: duration(-1)}, "alg: unknown algorithm \"none\", want one of [HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA]\njwk_url: want an absolute https URL\nleeway: got -1ns, want from 0s to 5m"},
	}
	deps := Deps{Keys: keys, Providers: map[string]*Provider{
		"p": {Source: Source{Issuer: "https://p", File: here}}, "twin": {Source: Source{Issuer: "https://p", File: here}},
		"nameless": {Source: Source{File: here}}, "broken": {Source: Source{Issuer: "https://b", URL: "x"}},
	}}
	for _, row := range rows {
		v, err := New(row.cfg, deps, nil)
		if got := messages(err); got != row.want {
			t.Errorf("%s:\ngot  %s\nwant %s", row.name, got, row.want)
		}
		if v != nil {
			v.Close()
		}
	}
	if n := len(keys.Status()); n != 0 {
		t.Errorf("%d key sets are still held after mistakes", n)
	}
}

func TestWarnings(t *testing.T) {
	yes, no := true, false
	rows := []struct {
		name string
		src  Source
		want string
	}{
		{"nothing", Source{URL: "https://id"}, ""},
		{"http", Source{URL: "http://id", AllowHTTP: &yes}, "dangerously_allow_http: keys may be fetched without TLS: whoever is on the way can let anybody in"},
		{"no verification", Source{URL: "https://id", SkipVerify: &yes}, "dangerously_skip_tls_verify: keys are fetched from servers that cannot prove who they are: whoever is on the way can let anybody in"},
		{"both, as KrakenD says it", Source{URL: "http://id", DisableSecurity: &yes}, "disable_jwk_security: keys may be fetched without TLS, and from servers that cannot prove who they are: whoever is on the way can let anybody in; say dangerously_allow_http or dangerously_skip_tls_verify for the one that is needed"},
		{"both said, and unsaid", Source{URL: "https://id", DisableSecurity: &no}, ""},
		{"a file and a URL", Source{URL: "https://id", File: "f"}, "jwk_url: is not asked, since jwk_local_path has the keys"},
	}
	for _, row := range rows {
		if got := messages((&Config{Source: row.src}).Warnings()); got != row.want {
			t.Errorf("%s:\ngot  %s\nwant %s", row.name, got, row.want)
		}
	}
}

func TestWhatMayBeFetchedWithoutTLS(t *testing.T) {
	yes := true
	for address, want := range map[string]bool{
		"https://id": true, "http://localhost/x": true, "http://LOCALHOST:80": true, "http://id.localhost": true, "http://127.0.0.1:9": true, "http://127.8.8.8": true, "http://[::1]:9/": true,
		"http://[::ffff:127.0.0.1]/": true, "http://id": false, "http://10.0.0.1": false, "http://0.0.0.0": false, "http://localhost.evil": false, "http://127.0.0.1@evil/": false, "http://127.1": false, "http://2130706433": false,
		"": false, "//id": false, "https:": false, "https://": false, "https:id": false, "file:///x": false,
	} {
		if got := (&Source{}).mayFetch(address) == nil; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if err := (&Source{AllowHTTP: &yes}).mayFetch("http://id"); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

func TestInheritance(t *testing.T) {
	yes, no, all, empty := true, false, "all", ""
	ref := ParseRef("r")
	parent := &Config{
		Source: Source{Issuer: "https://id", URL: "https://id/jwks", LocalCA: "ca", Headers: map[string]string{"A": "b"}}, Alg: "RS256", Audience: []string{"a"}, AudienceMatch: &all, RequireExp: &no, Leeway: duration(time.Second),
		Roles: []string{"r"}, RolesKey: &ref, CookieKey: &all, Realm: "realm", Required: &no, PropagateClaims: []Propagate{{Claim: ref, Header: "X"}},
	}
	rows := []struct {
		name        string
		child, want Config
	}{
		{"nothing of its own", Config{}, *parent},
		{"a list replaces", Config{Roles: []string{"x", "y"}}, changed(*parent, func(c *Config) { c.Roles = []string{"x", "y"} })},
		{"an empty list replaces", Config{Roles: []string{}, Audience: []string{}}, changed(*parent, func(c *Config) { c.Roles, c.Audience = []string{}, []string{} })},
		{"a false stays false", Config{Required: &yes, RequireExp: &yes}, changed(*parent, func(c *Config) { c.Required, c.RequireExp = &yes, &yes })},
		{"an empty name stays empty", Config{CookieKey: &empty}, changed(*parent, func(c *Config) { c.CookieKey = &empty })},
		{"its own algorithms", Config{Algs: []string{"ES256"}}, changed(*parent, func(c *Config) { c.Alg, c.Algs = "", []string{"ES256"} })},
		{"its own key URL", Config{Source: Source{URL: "https://other"}}, changed(*parent, func(c *Config) { c.URL = "https://other" })},
		{"its own key file", Config{Source: Source{File: "f"}}, changed(*parent, func(c *Config) { c.URL, c.File = "", "f" })},
		{"its own providers", Config{Providers: []string{"p"}}, changed(*parent, func(c *Config) { c.Providers, c.Issuer, c.URL = []string{"p"}, "", "" })},
	}
	for _, row := range rows {
		before, _ := json.Marshal(parent)
		got := row.child.Inherit(parent)
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", row.name, got, row.want)
		}
		if after, _ := json.Marshal(parent); string(after) != string(before) {
			t.Errorf("%s: the parent has changed", row.name)
		}
	}
	if got := (Config{Realm: "own"}).Inherit(nil); got.Realm != "own" {
		t.Error("without a parent nothing changes")
	}
	of := Config{Providers: []string{"p"}}
	if got := (Config{Source: Source{Issuer: "https://x"}}).Inherit(&of); got.Providers != nil {
		t.Error("who names an issuer inherits no providers")
	}
}

func changed(c Config, change func(*Config)) Config {
	change(&c)
	return c
}

func TestFormatsOfPropagatedClaims(t *testing.T) {
	yes := true
	cfg := Config{PropagateClaims: []Propagate{{Header: "A"}, {Header: "B", Format: JSON}}}
	if got := cfg.Propagated(); got[0].Use() != Joined || got[1].Use() != JSON {
		t.Errorf("got %v", got)
	}
	cfg.PreserveArray = &yes
	if got := cfg.Propagated(); got[0].Use() != Repeat || got[1].Use() != JSON {
		t.Errorf("with preserved arrays: got %v", got)
	}
	if cfg.PropagateClaims[0].Format != "" {
		t.Error("the configuration has changed")
	}
}

package validator

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"gatehouse/internal/jose"
)

// Security.md 15: the challenge of each kind of refusal.
func TestChallenges(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	rows := []struct {
		name, token, want string
		cfg               func(*Config)
	}{
		{"no token", "", `Bearer realm="gatehouse"`, nil},
		{"a bad token", "a.b.c", `Bearer realm="gatehouse", error="invalid_token"`, nil},
		{"a header that cannot be read", "a b", `Bearer realm="gatehouse", error="invalid_request"`, nil},
		{"a token that is too long", long(maxToken + 1), `Bearer realm="gatehouse", error="invalid_request"`, nil},
		{"no role", "good", `Bearer realm="gatehouse", error="insufficient_scope"`, func(c *Config) { c.Roles = []string{"admin"} }},
		{"no scope", "good", `Bearer realm="gatehouse", error="insufficient_scope", scope="read write"`, func(c *Config) { c.Scopes = []string{"read", "write"} }},
		{"a realm of the file", "", `Bearer realm="my \"own\" realm \\"`, func(c *Config) { c.Realm = `my "own" realm \` }},
		{"a realm that would split the header", "", `Bearer realm="ab"`, func(c *Config) { c.Realm = "a\r\nbé" }},
		{"keys that are not to be had", "good", `Bearer realm="gatehouse"`, func(c *Config) { c.URL = "http://127.0.0.1:1/" }},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := Config{}
				if row.cfg != nil {
					row.cfg(&cfg)
				}
				if row.token == "good" {
					row.token = sign(t, k, nil, claims(nil))
				}
				_, err := newProvider(t, k).validator(cfg, nil).Authenticate(t.Context(), request(row.token))
				if got := refusalOf(t, err).Challenge; got != row.want {
					t.Errorf("got %s, want %s", got, row.want)
				}
			})
		})
	}
}

// Security.md 15: nothing of the token or the keys is in what is logged or told.
func TestARefusalKeepsSecrets(t *testing.T) {
	k, other := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2")
	synctest.Test(t, func(t *testing.T) {
		var log logged
		p := newProvider(t, k)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}, Audience: []string{"other"}}, Deps{Keys: p.keys(log.logger())}, nil)
		for _, token := range []string{
			sign(t, k, nil, claims(map[string]any{"email": "alice@example.com", "iss": "https://id.example"})), sign(t, other, nil, claims(map[string]any{"iss": "https://id.example"})), sign(t, k, nil, []byte(`{"aud":`)), "a.b.c", long(300) + "." + long(300) + ".",
		} {
			_, err := v.Authenticate(t.Context(), request(token))
			refusal := refusalOf(t, err)
			told := fmt.Sprint(refusal, refusal.Challenge, refusal.Detail, refusal.Reason.Public(), log.String())
			for _, part := range append(strings.Split(token, "."), "alice@example.com", providerHost) {
				if len(part) > 4 && strings.Contains(strings.ReplaceAll(told, "keys="+providerURL, ""), part) {
					t.Errorf("%s is in %s", part, told)
				}
			}
		}
	})
}

func TestEveryReasonIsToldInWords(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if seen[r] || r == "" || strings.ToLower(string(r)) != string(r) || strings.Contains(string(r), " ") {
			t.Errorf("%q is no code", r)
		}
		seen[r] = true
		if r.Public() == "" {
			t.Errorf("%s: nothing to say", r)
		}
	}
}

// The page for operators has every reason with its status.
func TestThePageOfReasons(t *testing.T) {
	page, err := os.ReadFile("../docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	status := map[Kind]string{Unauthorized: "401", Forbidden: "403", Malformed: "400", TooLong: "431", Unavailable: "503"}
	for _, r := range Reasons() {
		if want := fmt.Sprintf("\n| `%s` | %s", r, status[r.Kind()]); !strings.Contains(string(page), want) {
			t.Errorf("the page has no line that begins with %q", want)
		}
		means, do := r.Advice()
		if want := fmt.Sprintf(" | %s | %s |\n", means, do); means == "" || do == "" || !strings.Contains(strings.ReplaceAll(string(page), "`", ""), want) {
			t.Errorf("%s: the page has no line that ends with %q", r, want)
		}
	}
	if lines := strings.Count(string(page), "\n| `"); lines != len(Reasons()) {
		t.Errorf("the page has %d reasons, want %d", lines, len(Reasons()))
	}
}

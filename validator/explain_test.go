package validator

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

// outline is an explanation in short: each check with a sign.
func (x *Explanation) outline() string {
	var b strings.Builder
	for _, s := range x.Steps {
		sign := map[string]string{Pass: "+", Fail: "-", Skipped: "?"}[s.Verdict]
		b.WriteString(sign + s.Check + " ")
	}
	return strings.TrimSpace(b.String())
}

// Each refusal is explained by the check that refuses, with what was wanted and what there was; and what is explained is
// what is served.
func TestExplanations(t *testing.T) {
	k, other := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2")
	const all = "+token +form +header +algorithm +claims +issuer +signature +audience +times +exp +nbf +iat +roles +scopes +values"
	rows := []struct {
		name, token        string
		outline            string
		check, expect, got string // of the first that fails
	}{
		{"a good one", "", all, "", "", ""},
		{"none", "none", "-token ?form ?header ?algorithm ?claims ?issuer ?signature ?audience ?times ?exp ?nbf ?iat ?roles ?scopes ?values", "token", "in the header Authorization, after Bearer, or in the cookie access_token", "none"},
		{"two parts", "a.b", strings.ReplaceAll(strings.Replace(all, "+form", "-form", 1), " +", " ?")[:len("+token -form")] + strings.ReplaceAll(all[len("+token +form"):], "+", "?"), "form", "three parts of base64url", "not three parts"},
		{"another algorithm", sign(t, k, map[string]any{"alg": "none"}, []byte("{}")), "+token +form +header -algorithm" + strings.ReplaceAll(all[len("+token +form +header +algorithm"):], "+", "?"), "algorithm", "alg RS256 or ES256", "alg none"},
		{"an unknown key", "other", strings.Replace(all, "+signature", "-signature", 1), "signature", `a signature by a key of the issuer; it has "k1" for ES256 (as of 0s ago)`, `kid "k2" with ES256: no key fits it`},
		{"expired, and another audience", "stale", strings.NewReplacer("+exp", "-exp", "+audience", "-audience").Replace(all), "audience", `any of ["api"] in aud`, `"x"`},
		{"no role", "no role", strings.Replace(all, "+roles", "-roles", 1), "roles", `any of ["user"] in realm_access.roles`, "none"},
		{"a value that fits nowhere", "unfit", strings.Replace(all, "+values", "-values", 1), "values", "claims that fit where they go", "sub: a control character in a value for a header"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := map[string]any{"realm_access": map[string]any{"roles": []string{"user"}}, "scope": "read"}
				token := row.token
				switch token {
				case "":
					token = sign(t, k, nil, claims(good))
				case "none":
					token = ""
				case "other":
					token = sign(t, other, nil, claims(good))
				case "stale":
					good["exp"], good["aud"] = time.Now().Unix()-60, "x"
					token = sign(t, k, nil, claims(good))
				case "no role":
					delete(good, "realm_access")
					token = sign(t, k, nil, claims(good))
				case "unfit":
					good["sub"] = "a\n"
					token = sign(t, k, nil, claims(good))
				}
				wants := &Wants{}
				wants.Add(ParseRef("sub"), Joined)
				roles := ParseRef("realm_access.roles")
				v := newProvider(t, k).validator(Config{Source: Source{Issuer: providerURL, URL: providerURL + "/jwks"}, Audience: []string{"api"}, Roles: []string{"user"}, RolesKey: &roles, Scopes: []string{"read"}}, wants)
				x := v.Explain(t.Context(), request(token))
				if got := x.outline(); got != row.outline {
					t.Errorf("got  %s\nwant %s", got, row.outline)
				}
				for _, s := range x.Steps {
					if s.Verdict == Fail {
						if s.Check != row.check || s.Expected != row.expect || s.Actual != row.got || s.Reason != x.Reason {
							t.Errorf("got %+v, want %s: %s, %s", s, row.check, row.expect, row.got)
						}
						break
					}
				}
				served := outcome(v, request(token))
				if explained := or(string(x.Reason), "ok"); explained != served {
					t.Errorf("explained as %s, served as %s", explained, served)
				}
			})
		})
	}
}

func TestExplanationsWithoutKeys(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		p.down()
		v := p.validator(Config{}, nil)
		for _, row := range []struct {
			more map[string]any
			want Reason
		}{{nil, KeysUnavailable}, {map[string]any{"exp": 1}, TokenExpired}} {
			r := request(sign(t, k, nil, claims(row.more)))
			x := v.Explain(t.Context(), r)
			if served := outcome(v, r); x.Reason != row.want || served != string(row.want) {
				t.Errorf("explained as %s, served as %s, want %s", x.Reason, served, row.want)
			}
			if len(x.Keys) != 1 || x.Keys[0].Error == "" {
				t.Errorf("keys %+v, want why they are not there", x.Keys)
			}
		}
	})
}

// A log line is enough to understand a refusal: it says which check, what was wanted, what there was, and of whom.
func TestTheLogLineOfARefusal(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		v := newProvider(t, k).validator(Config{Audience: []string{"shop"}}, nil)
		_, err := v.Authenticate(t.Context(), request(sign(t, k, nil, claims(map[string]any{"aud": []string{"bank", "post"}}))))
		got := fmt.Sprint(refusalOf(t, err).Detail...)
		if want := fmt.Sprint("check", "audience", "expected", `any of ["shop"] in aud`, "actual", `["bank","post"]`, "kid", "k1", "iss", providerURL); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

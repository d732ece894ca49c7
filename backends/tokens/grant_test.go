package tokens

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/outbound"
)

func TestOddAnswersOfATokenEndpoint(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name, answer string
		contentType  string
		life         time.Duration // 0: refused
	}{
		{"usual", `{"access_token":"t","token_type":"Bearer","expires_in":3600}`, "", hour},
		{"expires_in as a string", `{"access_token":"t","expires_in":"3600"}`, "", hour},
		{"expires_in with a fraction", `{"access_token":"t","expires_in":3600.0}`, "", hour},
		{"expires_in missing", `{"access_token":"t"}`, "", lifeAsked},
		{"expires_in null", `{"access_token":"t","expires_in":null}`, "", lifeAsked},
		{"expires_in an object", `{"access_token":"t","expires_in":{"s":3}}`, "", lifeAsked},
		{"expires_in in words", `{"access_token":"t","expires_in":"soon"}`, "", lifeAsked},
		{"expires_in NaN", `{"access_token":"t","expires_in":"NaN"}`, "", lifeAsked},
		{"expires_in 0", `{"access_token":"t","expires_in":0}`, "", minLife},
		{"expires_in negative", `{"access_token":"t","expires_in":-1}`, "", minLife},
		{"expires_in hugely negative", `{"access_token":"t","expires_in":-1e999}`, "", minLife},
		{"expires_in huge", `{"access_token":"t","expires_in":1e999}`, "", maxLife},
		{"expires_in past all int64", `{"access_token":"t","expires_in":99999999999999999999}`, "", maxLife},
		{"token_type null", `{"access_token":"t","token_type":null,"expires_in":3600}`, "", hour},
		{"a form", `access_token=t&token_type=bearer&expires_in=3600`, "application/x-www-form-urlencoded; charset=utf-8", hour},
		{"JSON as text/html", `{"access_token":"t","expires_in":3600}`, "text/html", hour},
		{"escapes in the token", `{"access_token":"\u0074","expires_in":3600}`, "", hour},

		{"no token", `{"token_type":"Bearer","expires_in":3600}`, "", 0},
		{"an empty token", `{"access_token":""}`, "", 0},
		{"a token null", `{"access_token":null}`, "", 0},
		{"a token that is an object", `{"access_token":{}}`, "", 0},
		{"a token with a line break", `{"access_token":"a\r\nX-Evil: 1"}`, "", 0},
		{"a token with a space", `{"access_token":"a b"}`, "", 0},
		{"a token beyond ASCII", `{"access_token":"é"}`, "", 0},
		{"a token of 20 KB", `{"access_token":"` + strings.Repeat("a", 20000) + `"}`, "", 0},
		{"another token type", `{"access_token":"t","token_type":"mac"}`, "", 0},
		{"an array", `[]`, "", 0},
		{"null", `null`, "", 0},
		{"nothing", ``, "", 0},
		{"HTML", `<html>`, "", 0},
		{"two values", `{"access_token":"t"} {}`, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := &outbound.Fetched{URL: "http://issuer.test/token", Status: 200, Body: []byte(c.answer)}
			if c.contentType != "" {
				got.Header = []outbound.Field{{Name: "Content-Type", Value: c.contentType}}
			}
			token, err := (&endpoint{grant: &grant{lifetime: lifeAsked}}).read(got)
			switch {
			case c.life == 0:
				if err == nil || len(err.Error()) > 300 {
					t.Errorf("got %v, %.400v", token, err)
				}
			case err != nil:
				t.Error(err)
			case token.Value != "Bearer t" || token.life != c.life:
				t.Errorf("got %q for %v, want %q for %v", token.Value, token.life, "Bearer t", c.life)
			}
		})
	}
}

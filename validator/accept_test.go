package validator

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

// What must pass, beside the attacks that must not.
func TestTokensThatPass(t *testing.T) {
	k := key(t, jose.RS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		v := newProvider(t, k).validator(Config{Source: Source{Issuer: providerURL, URL: providerURL + "/jwks"}, Audience: []string{"api", "other"}, Roles: []string{"user", "admin"}, Scopes: []string{"read"}}, nil)
		now := time.Now().Unix()
		plain := fmt.Sprintf(`"iss":%q,"exp":%d`, providerURL, now+100)
		full := `{"aud":"api","roles":["user"],"scope":"read",` + plain
		rows := []struct{ name, header, claims string }{
			{"as plain as can be", `{"alg":"RS256","kid":"k1"}`, full + `}`},
			{"no kid", `{"alg":"RS256"}`, full + `}`},
			{"typ JWT", `{"alg":"RS256","kid":"k1","typ":"JWT"}`, full + `}`},
			{"typ in small letters", `{"alg":"RS256","kid":"k1","typ":"jwt"}`, full + `}`},
			{"typ of an access token", `{"alg":"RS256","kid":"k1","typ":"at+jwt"}`, full + `}`},
			{"typ of an access token in other letters", `{"alg":"RS256","kid":"k1","typ":"AT+JWT"}`, full + `}`},
			{"typ with application", `{"alg":"RS256","kid":"k1","typ":"Application/AT+jwt"}`, full + `}`},
			{"cty of something else", `{"alg":"RS256","kid":"k1","cty":"json"}`, full + `}`},
			{"members nobody knows", `{"alg":"RS256","kid":"k1","x":{"a":[1,2,null]},"nonce":"n"}`, full + `,"y":{"a":{"a":1}}}`},
			{"jku, x5u, jwk and x5c are not looked at", `{"alg":"RS256","kid":"k1","jku":1,"x5u":null,"jwk":"x","x5c":{}}`, full + `}`},
			{"white space between the parts", " {\n\t\"alg\" : \"RS256\" , \"kid\":\"k1\" }\r\n", "\n" + full + " \n}\n"},
			{"escapes in names and values", `{"\u0061lg":"RS\u0032\u0035\u0036","kid":"\u006b1"}`, `{"\u0061ud":"\u0061pi","roles":["us\u0065r"],"scope":"read",` + plain + `}`},
			{"escapes of every kind", `{"alg":"RS256","kid":"k1"}`, full + `,"x":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é"}`},
			{"numbers of every kind", `{"alg":"RS256","kid":"k1"}`, full + `,"x":[0,-0,1.5,-1.5e-10,1E+400,12345678901234567890]}`},
			{"64 deep", `{"alg":"RS256","kid":"k1"}`, full + `,"x":` + deep(63) + `}`},
			{"the same name at different levels", `{"alg":"RS256","kid":"k1"}`, full + `,"x":{"aud":1,"x":{"aud":2}}}`},
			{"aud as a list", `{"alg":"RS256","kid":"k1"}`, `{"aud":["x","api"],"roles":["user"],"scope":"read",` + plain + `}`},
			{"another aud that is wanted", `{"alg":"RS256","kid":"k1"}`, `{"aud":["other"],"roles":["user"],"scope":"read",` + plain + `}`},
			{"AUD beside aud", `{"alg":"RS256","kid":"k1"}`, full + `,"AUD":"x","Aud":1}`},
			{"a fraction in every time", `{"alg":"RS256","kid":"k1"}`, fmt.Sprintf(`{"aud":"api","roles":["user"],"scope":"read","iss":%q,"exp":%d.25,"nbf":%d.75,"iat":%d.125}`, providerURL, now+5, now-5, now-5)},
			{"times with exponents", `{"alg":"RS256","kid":"k1"}`, fmt.Sprintf(`{"aud":"api","roles":["user"],"scope":"read","iss":%q,"exp":%de0,"nbf":0,"iat":1e0}`, providerURL, now+5)},
			{"exp at the end of time", `{"alg":"RS256","kid":"k1"}`, fmt.Sprintf(`{"aud":"api","roles":["user"],"scope":"read","iss":%q,"exp":253402300799}`, providerURL)},
			{"the other role", `{"alg":"RS256","kid":"k1"}`, `{"aud":"api","roles":["x","admin"],"scope":"read",` + plain + `}`},
			{"roles as one string", `{"alg":"RS256","kid":"k1"}`, `{"aud":"api","roles":"x  user y","scope":"read",` + plain + `}`},
			{"a role among other things", `{"alg":"RS256","kid":"k1"}`, `{"aud":"api","roles":[1,null,{"a":1},["user"],"user"],"scope":"read",` + plain + `}`},
			{"scopes as a list", `{"alg":"RS256","kid":"k1"}`, `{"aud":"api","roles":["user"],"scope":["x","read"],` + plain + `}`},
			{"scopes with many spaces", `{"alg":"RS256","kid":"k1"}`, `{"aud":"api","roles":["user"],"scope":"  x   read ",` + plain + `}`},
			{"scp where scope is missing", `{"alg":"RS256","kid":"k1"}`, `{"aud":"api","roles":["user"],"scp":["read"],` + plain + `}`},
			{"scp where scope is null", `{"alg":"RS256","kid":"k1"}`, `{"aud":"api","roles":["user"],"scope":null,"scp":"read",` + plain + `}`},
		}
		for _, row := range rows {
			token, err := k.SignParts([]byte(row.header), []byte(row.claims))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Authenticate(t.Context(), request(token)); err != nil {
				t.Errorf("%s: refused: %v %v", row.name, err, refusalOf(t, err).Detail)
			}
		}
	})
}

// deep is JSON of so many levels.
func deep(n int) string {
	open, end := "", ""
	for range n {
		open, end = open+"[", end+"]"
	}
	return open + end
}

// Security.md 13 and 14.
func TestWhereATokenMayComeFrom(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	token := ""
	no, other, empty := false, "x-token", ""
	lines := func(name string, values ...string) http.Header { return http.Header{name: values} }
	rows := []struct {
		name string
		cfg  Config
		h    func() http.Header
		want string
	}{
		{"Bearer", Config{}, func() http.Header { return lines("Authorization", "Bearer "+token) }, "ok"},
		{"bearer", Config{}, func() http.Header { return lines("Authorization", "bearer "+token) }, "ok"},
		{"BEARER and many spaces", Config{}, func() http.Header { return lines("Authorization", "BEARER   "+token) }, "ok"},
		{"the bare token where Bearer is asked for", Config{}, func() http.Header { return lines("Authorization", token) }, string(SchemeWrong)},
		{"the bare token where it is not", Config{RequireBearer: &no}, func() http.Header { return lines("Authorization", token) }, "ok"},
		{"Bearer where it is not asked for", Config{RequireBearer: &no}, func() http.Header { return lines("Authorization", "Bearer "+token) }, "ok"},
		{"Basic where Bearer is not asked for", Config{RequireBearer: &no}, func() http.Header { return lines("Authorization", "Basic "+token) }, string(SchemeWrong)},
		{"another header", Config{AuthHeader: &other}, func() http.Header { return lines("X-Token", "Bearer "+token) }, "ok"},
		{"Authorization where another header is meant", Config{AuthHeader: &other}, func() http.Header { return lines("Authorization", "Bearer "+token) }, string(TokenMissing)},
		{"a cookie", Config{}, func() http.Header { return lines("Cookie", "access_token="+token) }, "ok"},
		{"a cookie among others", Config{}, func() http.Header { return lines("Cookie", "a=b; access_token="+token+"; c=d") }, "ok"},
		{"a cookie in the second line", Config{}, func() http.Header { return lines("Cookie", "a=b", "c=d; access_token="+token) }, "ok"},
		{"cookies without spaces", Config{}, func() http.Header { return lines("Cookie", "a;;=;access_token="+token+";b") }, "ok"},
		{"spaces around a cookie", Config{}, func() http.Header { return lines("Cookie", "a=b ;  access_token="+token+" ; c") }, "ok"},
		{"a space in front of its value", Config{}, func() http.Header { return lines("Cookie", "access_token= "+token) }, string(CookieMalformed)},
		{"a cookie of another name", Config{CookieKey: &other}, func() http.Header { return lines("Cookie", "x-token="+token) }, "ok"},
		{"a cookie where none is meant", Config{CookieKey: &empty}, func() http.Header { return lines("Cookie", "access_token="+token) }, string(TokenMissing)},
		{"an empty cookie", Config{}, func() http.Header { return lines("Cookie", "access_token=") }, string(TokenMissing)},
		{"two cookies", Config{}, func() http.Header { return lines("Cookie", "access_token="+token+"; access_token="+token) }, string(CookieMalformed)},
		{"a header and a cookie: the header counts", Config{}, func() http.Header {
			return http.Header{"Authorization": {"Bearer " + token}, "Cookie": {"access_token=x; access_token=y"}}
		}, "ok"},
		{"a bad header is not retried from the cookie", Config{}, func() http.Header {
			return http.Header{"Authorization": {"Bearer a.b.c"}, "Cookie": {"access_token=" + token}}
		}, string(TokenMalformed)},
		{"two headers", Config{}, func() http.Header { return lines("Authorization", "Bearer "+token, "Bearer "+token) }, string(AuthorizationMalformed)},
		{"no token for a guest", Config{Required: &no}, func() http.Header { return nil }, "guest"},
		{"a bad token is no guest's", Config{Required: &no}, func() http.Header { return lines("Authorization", "Bearer a.b.c") }, string(TokenMalformed)},
		{"another scheme is no guest's", Config{Required: &no}, func() http.Header { return lines("Authorization", "Basic eDp5") }, string(SchemeWrong)},
		{"an empty header is no guest's", Config{Required: &no}, func() http.Header { return lines("Authorization", "") }, string(AuthorizationMalformed)},
		{"a good token where guests may pass", Config{Required: &no}, func() http.Header { return lines("Authorization", "Bearer "+token) }, "ok"},
		{"one byte too long", Config{}, func() http.Header { return lines("Authorization", "Bearer "+long(maxToken+1)) }, string(TokenTooLong)},
		{"as long as it may be", Config{}, func() http.Header { return lines("Authorization", "Bearer "+long(maxToken)) }, string(TokenMalformed)},
		{"a cookie one byte too long", Config{}, func() http.Header { return lines("Cookie", "access_token="+long(maxToken+1)) }, string(TokenTooLong)},
		{"other cookies may be as long as they like", Config{}, func() http.Header { return lines("Cookie", "x="+long(maxToken+1)+"; access_token="+token) }, "ok"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				token = sign(t, k, nil, claims(nil))
				r := request("")
				r.Header = row.h()
				if got := outcome(newProvider(t, k).validator(row.cfg, nil), r); got != row.want {
					t.Errorf("got %s, want %s", got, row.want)
				}
			})
		})
	}
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}

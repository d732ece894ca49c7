package validator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

// An attack is a request that must be refused, whatever the reason; kinds are the refusals that security.md allows for it.
type attack struct {
	name  string
	req   *http.Request
	kinds []Kind
}

// armoury makes attacks. Its provider has one key of each kind, and the validator that is attacked takes RS256 and ES256.
type armoury struct {
	t             *testing.T
	rsa, ec, rsa2 *jose.PrivateKey
	list          []attack
	good, clean   string
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func (w *armoury) add(name, token string, kinds ...Kind) {
	w.request(name, request(token), kinds...)
}

func (w *armoury) request(name string, r *http.Request, kinds ...Kind) {
	if len(kinds) == 0 {
		kinds = []Kind{Unauthorized}
	}
	w.list = append(w.list, attack{name, r, kinds})
}

// header attacks with a header that is signed by the right key: whatever it says, the signature is good.
func (w *armoury) header(name, header string) {
	token, err := w.rsa.SignParts([]byte(header), []byte(w.clean))
	if err != nil {
		w.t.Fatal(err)
	}
	w.add(name, token)
}

// claims attacks with a claims set that is signed by the right key.
func (w *armoury) claims(name, payload string, kinds ...Kind) {
	token, err := w.rsa.SignParts([]byte(`{"alg":"RS256","kid":"rsa"}`), []byte(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	w.add(name, token, kinds...)
}

// with is the clean claims set with one member written as this raw JSON; "" takes it away.
func (w *armoury) with(name, raw string) string {
	var set map[string]json.RawMessage
	if err := json.Unmarshal([]byte(w.clean), &set); err != nil {
		w.t.Fatal(err)
	}
	delete(set, name)
	rest, err := json.Marshal(set)
	if err != nil {
		w.t.Fatal(err)
	}
	if raw == "" {
		return string(rest)
	}
	return fmt.Sprintf(`{%q:%s,%s`, name, raw, rest[1:])
}

func (w *armoury) algorithms() {
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", " RS256", "RS256 ", "rs256", "Rs256", "RS384", "RS512", "PS256",
		"PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "HS256", "HS384", "HS512", "hs256", "RSA-OAEP", "dir",
		"A128KW", "RS256\x00", "RS1", "SHA256", "null", "RSASHA256", "ＲＳ256"} {
		head, _ := json.Marshal(map[string]string{"alg": alg, "kid": "rsa"})
		w.header("signed as RS256, alg says "+alg, string(head))
		if alg != "RS384" && alg != "RS512" { // no signature at all
			w.add("unsigned, alg says "+alg, b64(string(head))+"."+b64(w.clean)+".")
		}
	}
	for _, raw := range []string{`null`, `true`, `256`, `["RS256"]`, `{"RS256":1}`, `{}`, `[]`, `"\u0052S256\u0000"`} {
		w.header("alg is "+raw, `{"alg":`+raw+`,"kid":"rsa"}`)
	}
	w.header("no alg", `{"kid":"rsa"}`)
	w.header("alg twice, the same", `{"alg":"RS256","alg":"RS256","kid":"rsa"}`)
	w.header("alg twice, none first", `{"alg":"none","alg":"RS256","kid":"rsa"}`)
	w.header("alg twice, none last", `{"alg":"RS256","alg":"none","kid":"rsa"}`)
	w.header("alg twice, once escaped", `{"alg":"RS256","\u0061lg":"none","kid":"rsa"}`)
	for _, second := range []string{"ALG", "Alg", "aLg", "KID", "Kid", "TYP", "Crit", "CRIT", "JWK", "Jku", "X5T", "B64", "Zip", "CTY", "Enc", "x5t#s256", "X5T#S256"} {
		w.header("a second spelling, "+second, `{"alg":"RS256","kid":"rsa",`+fmt.Sprintf("%q", second)+`:"x"}`)
	}
	w.header("only another spelling of alg", `{"ALG":"RS256","kid":"rsa"}`)
}

// confusion signs with HMAC and what everybody knows of the RSA key.
func (w *armoury) confusion() {
	set := publicSet(w.t, w.rsa)
	var parsed struct{ Keys []map[string]string }
	if err := json.Unmarshal(set, &parsed); err != nil {
		w.t.Fatal(err)
	}
	modulus, _ := base64.RawURLEncoding.DecodeString(parsed.Keys[0]["n"])
	secrets := map[string][]byte{"the JWKS": set, "the modulus": modulus, "the modulus as text": []byte(parsed.Keys[0]["n"]), "the kid": []byte("rsa")}
	for what, secret := range secrets {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			for len(secret) < 64 {
				secret = append(secret, 0)
			}
			hmac, err := jose.ParsePrivate([]byte(fmt.Sprintf(`{"kty":"oct","alg":%q,"k":%q,"kid":"rsa"}`, alg, base64.RawURLEncoding.EncodeToString(secret))))
			if err != nil {
				w.t.Fatal(err)
			}
			w.add(alg+" keyed with "+what, sign(w.t, hmac, nil, []byte(w.clean)))
			for _, claim := range []string{"RS256", "rs256"} {
				w.add(alg+" keyed with "+what+", says "+claim, sign(w.t, hmac, map[string]any{"alg": claim}, []byte(w.clean)))
			}
		}
	}
}

func (w *armoury) headers() {
	for _, crit := range []string{`[]`, `null`, `"exp"`, `["exp"]`, `["b64"]`, `["alg"]`, `{}`, `true`, `[1]`, `["x","x"]`, `[null]`, `[""]`} {
		w.header("crit is "+crit, `{"alg":"RS256","kid":"rsa","crit":`+crit+`,"b64":false,"x":1}`)
		w.header("crit alone is "+crit, `{"alg":"RS256","kid":"rsa","crit":`+crit+`}`)
	}
	for _, member := range []string{`"b64":false`, `"b64":"false"`, `"b64":null`, `"b64":0`, `"zip":"DEF"`, `"zip":null`, `"cty":"JWT"`, `"cty":"jwt"`,
		`"cty":"application/jwt"`, `"cty":5`, `"cty":null`, `"enc":"A128GCM"`, `"typ":"JWE"`, `"typ":""`, `"typ":null`, `"typ":1`, `"typ":["JWT"]`, `"typ":"JOSE"`, `"typ":"logout+jwt"`,
		`"typ":"dpop+jwt"`, `"typ":"JWT "`, `"typ":" JWT"`, `"typ":"application/jwt"`, `"typ":"secevent+jwt"`, `"typ":"id_token"`,
		`"kid":null,"x":1`, `"x5t":1`, `"x5t#S256":[]`} {
		head := `{"alg":"RS256","kid":"rsa",` + member + `}`
		if strings.HasPrefix(member, `"kid"`) {
			head = `{"alg":"RS256",` + member + `}`
		}
		w.header("header has "+member, head)
	}
	for _, kid := range []string{`""`, `"RSA"`, `"rsa "`, `" rsa"`, `"rsa\u0000"`, `"../rsa"`, `"rsa' OR '1'='1"`, `"/dev/null"`, `"http://127.0.0.1/rsa"`, `"ec"`, `"rs"`, `"rsaa"`,
		`null`, `1`, `true`, `["rsa"]`, `{"rsa":1}`, `"rsa?x=1"`, `"file:///etc/passwd"`, `"ｒsa"`} {
		w.header("kid is "+kid, `{"alg":"RS256","kid":`+kid+`}`)
	}
	w.header("kid twice", `{"alg":"RS256","kid":"rsa","kid":"rsa"}`)
	for _, broken := range []string{``, ` `, `{`, `}`, `[]`, `"x"`, `null`, `true`, `1`, `{"alg":"RS256","kid":"rsa"}{}`, `{"alg":"RS256","kid":"rsa"} x`,
		"\xef\xbb\xbf" + `{"alg":"RS256","kid":"rsa"}`, `{"alg":"RS256","kid":"rsa",}`, `{'alg':'RS256'}`, `{"alg":"RS256" "kid":"rsa"}`, "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"\xff\"}",
		`{"alg":"RS256","kid":"rsa","x":"\ud800"}`, `{"alg":"RS256","kid":"rsa","x":01}`, `{"alg":"RS256","kid":"rsa","x":+1}`, `{"alg":"RS256","kid":"rsa","x":NaN}`, `{alg:"RS256"}`,
		`{"alg":"RS256","kid":"rsa","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, `{"alg":"RS256","kid":"rsa"/**/}`, "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"a\nb\"}",
		`{"alg":"RS256","kid":"rsa","x":{"a":1,"a":2}}`} {
		w.header(fmt.Sprintf("header is %.60q", broken), broken)
	}
	jwk := string(publicSet(w.t, w.rsa2))
	jwk = jwk[len(`{"keys":[`) : len(jwk)-2]
	for _, member := range []string{`"jwk":` + jwk, `"jku":"http://127.0.0.1:9000/evil"`, `"x5u":"http://127.0.0.1:9000/evil"`, `"x5c":["MIIB"]`} {
		for _, kid := range []string{`"kid":"evil",`, `"kid":"rsa",`, ``} {
			token, err := w.rsa2.SignParts([]byte(`{"alg":"RS256",`+kid+member+`}`), []byte(w.clean))
			if err != nil {
				w.t.Fatal(err)
			}
			w.add("the attacker's key, offered as "+member[:6]+kid, token)
		}
	}
}

func (w *armoury) forms() {
	h, p, s := func() (string, string, string) {
		parts := strings.Split(w.good, ".")
		return parts[0], parts[1], parts[2]
	}()
	malformed := []Kind{Unauthorized, Malformed}
	rows := map[string]string{
		"no signature":                h + "." + p + ".",
		"no second dot":               h + "." + p,
		"one part":                    h,
		"a dot":                       ".",
		"two dots":                    "..",
		"three dots":                  "...",
		"no header":                   "." + p + "." + s,
		"no payload":                  h + ".." + s,
		"an empty part in front":      "." + w.good,
		"an empty part behind":        w.good + ".",
		"four parts":                  w.good + "." + s,
		"five parts":                  h + "." + p + "." + s + "." + s + "." + s,
		"padded header":               h + "=." + p + "." + s,
		"padded signature":            w.good + "=",
		"doubly padded signature":     w.good + "==",
		"half a signature":            h + "." + p + "." + s[:len(s)/2],
		"a longer signature":          w.good + "AAAA",
		"signature cut by one":        w.good[:len(w.good)-1],
		"signature of another token":  h + "." + p + "." + strings.Split(sign(w.t, w.rsa, nil, claims(map[string]any{"sub": "mallory"})), ".")[2],
		"header and payload swapped":  p + "." + h + "." + s,
		"payload of another token":    h + "." + b64(`{"iss":"x"}`) + "." + s,
		"the other alphabet":          h + "." + p + ".+" + s[1:],
		"the other alphabet, a slash": h + "." + p + "./" + s[1:],
		"percent-encoded dots":        strings.ReplaceAll(w.good, ".", "%2E"),
		"a line break in the middle":  h + "." + p[:4] + "\n" + p[4:] + "." + s,
		"a carriage return":           h + "." + p + "." + s[:9] + "\r" + s[9:],
		"a space in the middle":       h + "." + p[:4] + " " + p[4:] + "." + s,
		"a tab behind":                w.good + "\t",
		"a NUL behind":                w.good + "\x00",
		"quotes around":               `"` + w.good + `"`,
		"a non-ASCII letter":          h + "." + p + "." + s[:9] + "é" + s[9:],
		"a comma behind":              w.good + ",",
		"two tokens":                  w.good + "," + w.good,
		"two tokens, spaced":          w.good + " " + w.good,
		"JSON serialisation":          fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, s),
		"JSON serialisation, encoded": b64(fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, s)),
		"a token in a token":          b64(w.good) + "." + p + "." + s,
		"a hundred thousand dots":     strings.Repeat(".", 100_000),
		"sixteen thousand dots":       strings.Repeat(".", 16_000),
		"a long token":                h + "." + strings.Repeat("A", 16<<10) + "." + s,
		"the word undefined":          "undefined",
		"the word null":               "null",
		"only padding":                "====",
		"a JWE":                       "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.XFBoMYUZodetZdvTiFvSkQ",
	}
	for name, token := range rows {
		kinds := malformed
		if len(token) > maxToken {
			kinds = []Kind{TooLong}
		}
		w.add(name, token, kinds...)
	}
	// Spare bits: the last character of a part with one bit flipped that no byte uses.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, part := range []string{h, p, s} {
		if spare := len(part) % 4; spare == 2 || spare == 3 {
			last := strings.IndexByte(alphabet, part[len(part)-1])
			w.add("spare bits are not zero", strings.Replace(w.good, part, part[:len(part)-1]+string(alphabet[last|1]), 1))
		}
	}
	for i := 0; i < len(s); i += 23 {
		flipped := []byte(s)
		if flipped[i] = 'A'; s[i] == 'A' {
			flipped[i] = 'B'
		}
		w.add(fmt.Sprintf("signature changed at %d", i), h+"."+p+"."+string(flipped))
	}
}

// places are where a token is, or pretends to be.
func (w *armoury) places() {
	raw := func(header, value string, more ...string) *http.Request {
		r := request("")
		r.Header[header] = append([]string{value}, more...)
		return r
	}
	bad := []Kind{Malformed, Unauthorized}
	doubled := []Kind{Malformed}
	w.request("no token", request(""))
	w.request("no scheme", raw("Authorization", w.good))
	w.request("Basic with the token", raw("Authorization", "Basic "+w.good))
	w.request("another scheme", raw("Authorization", "DPoP "+w.good))
	w.request("Bearer without a token", raw("Authorization", "Bearer"), bad...)
	w.request("Bearer and a space", raw("Authorization", "Bearer "), bad...)
	w.request("an empty header", raw("Authorization", ""), bad...)
	w.request("Bearer, a tab", raw("Authorization", "Bearer\t"+w.good), bad...)
	w.request("Bearer, a colon", raw("Authorization", "Bearer: "+w.good), bad...)
	w.request("Bearer twice", raw("Authorization", strings.Repeat("Bearer ", 2)+w.good), bad...)
	w.request("Bearers", raw("Authorization", "Bearers "+w.good), bad...)
	w.request("no space", raw("Authorization", "Bearer"+w.good), bad...)
	w.request("a parameter behind", raw("Authorization", "Bearer "+w.good+", realm=x"), bad...)
	w.request("token= in front", raw("Authorization", "Bearer token="+w.good), bad...)
	w.request("two headers, both good", raw("Authorization", "Bearer "+w.good, "Bearer "+w.good), doubled...)
	w.request("two headers, the second bad", raw("Authorization", "Bearer "+w.good, "Bearer x"), doubled...)
	w.request("two headers, the first empty", raw("Authorization", "", "Bearer "+w.good), doubled...)
	w.request("two headers, one of them Basic", raw("Authorization", "Basic eDp5", "Bearer "+w.good), doubled...)
	w.request("a list in one header", raw("Authorization", "Bearer "+w.good+", Bearer "+w.good), bad...)
	w.request("a list, Basic first", raw("Authorization", "Basic eDp5, Bearer "+w.good), bad...)
	for _, other := range []string{"X-Authorization", "Proxy-Authorization", "Token", "X-Auth-Token", "authorization", "AUTHORIZATION", "Access-Token"} {
		w.request("the token in "+other, raw(other, "Bearer "+w.good))
	}
	for _, cookie := range []string{"Access_token=%s", "ACCESS_TOKEN=%s", "access-token=%s", "access_token2=%s", "xaccess_token=%s", "token=%s", "access_token=", "access_token"} {
		w.request("cookie "+cookie, raw("Cookie", strings.Replace(cookie, "%s", w.good, 1)))
	}
	for _, cookie := range []string{`access_token="%s"`, "access_token=Bearer %s", "access_token=%s %s", "access_token=%s,%s", "access_token=%%s"} {
		w.request("cookie "+cookie, raw("Cookie", strings.ReplaceAll(cookie, "%s", w.good)), bad...)
	}
	w.request("two cookies", raw("Cookie", "access_token="+w.good+"; access_token="+w.good), doubled...)
	w.request("two cookies, one of them empty", raw("Cookie", "access_token=; access_token="+w.good), doubled...)
	w.request("two cookies in two lines", raw("Cookie", "access_token="+w.good, "access_token="+w.good), doubled...)
	for _, value := range []string{"Bearer x.y.z", "Bearer ", "", "Basic eDp5", "Bearer " + w.good + "x"} {
		r := raw("Authorization", value)
		r.Header.Set("Cookie", "access_token="+w.good)
		w.request("a bad header is not forgiven for a good cookie: "+value[:min(9, len(value))], r, bad...)
	}
	r := request("")
	r.Form = map[string][]string{"access_token": {w.good}}
	w.request("the token in a form", r)
}

func TestEveryAttackIsRefused(t *testing.T) {
	rsa, ec, rsa2 := key(t, jose.RS256, "rsa"), key(t, jose.ES256, "ec"), key(t, jose.RS256, "mallory")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, rsa, ec)
		wants := &Wants{}
		wants.Add(ParseRef("tenant"), Joined)
		v := newValidator(t, Config{
			Source: Source{Issuer: providerURL, URL: providerURL + "/jwks"}, Audience: []string{"api", "other-api"}, Roles: []string{"user"}, Scopes: []string{"read"},
		}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, wants)
		w := &armoury{t: t, rsa: rsa, ec: ec, rsa2: rsa2}
		w.clean = string(claims(map[string]any{"roles": []string{"user"}, "scope": "read", "tenant": "t"}))
		w.good = sign(t, rsa, nil, []byte(w.clean))
		for _, k := range []*jose.PrivateKey{rsa, ec, rsa.WithID(""), ec.WithID("")} {
			if got := outcome(v, request(sign(t, k, nil, []byte(w.clean)))); got != "ok" {
				t.Fatalf("the good token: got %s, want ok", got)
			}
		}
		w.algorithms()
		w.confusion()
		w.headers()
		w.forms()
		w.places()
		w.claimSets()
		w.keys()
		t.Logf("%d attacks", len(w.list))
		for _, a := range w.list {
			refused(t, v, a)
		}
		if n := p.fetches(); n > 3 {
			t.Errorf("%d fetches of keys, want no more than at the start, for one unknown kid and for one bad signature", n)
		}
	})
}

func refused(t *testing.T, v Authenticator, a attack) {
	t.Helper()
	before := time.Now()
	c, err := v.Authenticate(t.Context(), a.req)
	if err == nil {
		t.Errorf("%s: passed as %q", a.name, c.Payload())
		return
	}
	refusal := refusalOf(t, err)
	if !slices.Contains(a.kinds, refusal.Kind) {
		t.Errorf("%s: refused with kind %d (%s, %v), want %v", a.name, refusal.Kind, refusal.Reason, refusal.Detail, a.kinds)
	}
	if !strings.HasPrefix(refusal.Challenge, `Bearer realm="`) {
		t.Errorf("%s: challenge %q", a.name, refusal.Challenge)
	}
	if d := time.Since(before); d > time.Second {
		t.Errorf("%s: took %s", a.name, d)
	}
}

package gatewaytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"gatehouse/internal/jose"
)

// What a token's header may claim.

// algorithms names other algorithms than the validator's (security.md 1).
func (w *Armoury) algorithms() {
	w.line = 1
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

// confusion signs with HMAC and what everybody knows of the RSA key (security.md 1).
func (w *Armoury) confusion() {
	w.line = 1
	set := w.public(w.rsa)
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
			w.add(alg+" keyed with "+what, w.sign(hmac, nil, w.clean))
			for _, claim := range []string{"RS256", "rs256"} {
				w.add(alg+" keyed with "+what+", says "+claim, w.sign(hmac, map[string]any{"alg": claim}, w.clean))
			}
		}
	}
}

// critical asks for extensions (security.md 3).
func (w *Armoury) critical() {
	w.line = 3
	for _, crit := range []string{`[]`, `null`, `"exp"`, `["exp"]`, `["b64"]`, `["alg"]`, `{}`, `true`, `[1]`, `["x","x"]`, `[null]`, `[""]`} {
		w.header("crit is "+crit, `{"alg":"RS256","kid":"rsa","crit":`+crit+`,"b64":false,"x":1}`)
		w.header("crit alone is "+crit, `{"alg":"RS256","kid":"rsa","crit":`+crit+`}`)
	}
}

// members ask for what we do not do, or are of the wrong type (security.md 3, 4).
func (w *Armoury) members() {
	for _, member := range []string{`"b64":false`, `"b64":"false"`, `"b64":null`, `"b64":0`, `"zip":"DEF"`, `"zip":null`, `"cty":"JWT"`, `"cty":"jwt"`,
		`"cty":"application/jwt"`, `"cty":5`, `"cty":null`, `"enc":"A128GCM"`, `"typ":"JWE"`, `"typ":""`, `"typ":null`, `"typ":1`, `"typ":["JWT"]`, `"typ":"JOSE"`, `"typ":"logout+jwt"`,
		`"typ":"dpop+jwt"`, `"typ":"JWT "`, `"typ":" JWT"`, `"typ":"application/jwt"`, `"typ":"secevent+jwt"`, `"typ":"id_token"`,
		`"kid":null,"x":1`, `"x5t":1`, `"x5t#S256":[]`} {
		head := `{"alg":"RS256","kid":"rsa",` + member + `}`
		if strings.HasPrefix(member, `"kid"`) {
			head = `{"alg":"RS256",` + member + `}`
		}
		if w.line = 3; strings.HasPrefix(member, `"typ"`) {
			w.line = 4
		}
		w.header("header has "+member, head)
	}
}

// kids name no key (security.md 8).
func (w *Armoury) kids() {
	w.line = 8
	for _, kid := range []string{`""`, `"RSA"`, `"rsa "`, `" rsa"`, `"rsa\u0000"`, `"../rsa"`, `"rsa' OR '1'='1"`, `"/dev/null"`, `"http://127.0.0.1/rsa"`, `"ec"`, `"rs"`, `"rsaa"`,
		`null`, `1`, `true`, `["rsa"]`, `{"rsa":1}`, `"rsa?x=1"`, `"file:///etc/passwd"`, `"ｒsa"`} {
		w.header("kid is "+kid, `{"alg":"RS256","kid":`+kid+`}`)
	}
	w.header("kid twice", `{"alg":"RS256","kid":"rsa","kid":"rsa"}`)
}

// brokenHeaders are no JSON object, or one that two parsers read differently (security.md 10).
func (w *Armoury) brokenHeaders() {
	w.line = 10
	for _, broken := range []string{``, ` `, `{`, `}`, `[]`, `"x"`, `null`, `true`, `1`, `{"alg":"RS256","kid":"rsa"}{}`, `{"alg":"RS256","kid":"rsa"} x`,
		"\xef\xbb\xbf" + `{"alg":"RS256","kid":"rsa"}`, `{"alg":"RS256","kid":"rsa",}`, `{'alg':'RS256'}`, `{"alg":"RS256" "kid":"rsa"}`, "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"\xff\"}",
		`{"alg":"RS256","kid":"rsa","x":"\ud800"}`, `{"alg":"RS256","kid":"rsa","x":01}`, `{"alg":"RS256","kid":"rsa","x":+1}`, `{"alg":"RS256","kid":"rsa","x":NaN}`, `{alg:"RS256"}`,
		`{"alg":"RS256","kid":"rsa","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, `{"alg":"RS256","kid":"rsa"/**/}`, "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"a\nb\"}",
		`{"alg":"RS256","kid":"rsa","x":{"a":1,"a":2}}`} {
		w.header(fmt.Sprintf("header is %.60q", broken), broken)
	}
}

// offeredKeys signs with a key that the token brings along (security.md 5).
func (w *Armoury) offeredKeys() {
	w.line = 5
	jwk := string(w.public(w.mallory))
	jwk = jwk[len(`{"keys":[`) : len(jwk)-2]
	for _, member := range []string{`"jwk":` + jwk, `"jku":"http://127.0.0.1:9000/evil"`, `"x5u":"http://127.0.0.1:9000/evil"`, `"x5c":["MIIB"]`} {
		for _, kid := range []string{`"kid":"evil",`, `"kid":"rsa",`, ``} {
			token, err := w.mallory.SignParts([]byte(`{"alg":"RS256",`+kid+member+`}`), []byte(w.clean))
			if err != nil {
				w.t.Fatal(err)
			}
			w.add("the attacker's key, offered as "+member[:6]+kid, token)
		}
	}
}

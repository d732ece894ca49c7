package gatewaytest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/jose"
)

// brokenClaims are no JSON object, or one that two parsers read differently (security.md 10).
func (w *Armoury) brokenClaims() {
	w.line = 10
	for _, broken := range []string{``, `{`, `[]`, `null`, `"x"`, `1`, w.clean + "x", w.clean + w.clean, "\xef\xbb\xbf" + w.clean, w.clean[:len(w.clean)-1] + `,}`,
		w.clean[:len(w.clean)-1] + `,"x":"` + "\xff" + `"}`, w.clean[:len(w.clean)-1] + `,"x":"\udc00"}`, w.clean[:len(w.clean)-1] + `,"x":"\ud800\u0041"}`,
		w.clean[:len(w.clean)-1] + `,"x":` + strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64) + `}`,
		w.clean[:len(w.clean)-1] + `,"x":` + strings.Repeat(`[`, 64) + strings.Repeat("]", 64) + `}`,
		w.clean[:len(w.clean)-1] + `,"x":[{"b":1,"b":1}]}`, w.clean[:len(w.clean)-1] + `,"x":1.}`, w.clean[:len(w.clean)-1] + `,"x":tru}`} {
		w.claims(fmt.Sprintf("claims are %.40q", broken), broken)
	}
	for _, name := range []string{"iss", "aud", "exp", "nbf", "iat", "sub", "roles"} {
		w.claims(name+" twice", fmt.Sprintf(`{%q:1,%s`, name, w.having(name, `1`)[1:]))
		w.claims(name+" twice, once escaped", fmt.Sprintf(`{"\u%04x%s":1,%s`, name[0], name[1:], w.having(name, `1`)[1:]))
	}
}

// audiences are for somebody else, and issuers are somebody else (security.md 12).
func (w *Armoury) audiences() {
	w.line = 12
	for _, aud := range []string{``, `null`, `""`, `[]`, `"API"`, `"api "`, `" api"`, `"api,other"`, `"api other"`, `["other"]`, `["Api"]`, `1`, `true`, `{}`, `{"api":1}`, `[["api"]]`, `["api",1]`, `[null,"api"]`,
		`"ap"`, `"apis"`, `"*"`, `"https://api"`} {
		w.claims("aud is "+aud, w.having("aud", aud))
	}
	for _, name := range []string{"AUD", "Aud", "aud ", "audience"} {
		w.claims("only "+name, fmt.Sprintf(`{%q:"api",%s`, name, w.having("aud", "")[1:]))
	}
	for _, iss := range []string{``, `null`, `""`, `"%s/"`, `" %s"`, `"%s "`, `"%s#"`, `"%s?"`, `"%s,%s"`, `1`, `["%s"]`, `{"%s":1}`, `{}`, `"http://evil"`, `"*"`} {
		w.claims("iss is "+iss, w.having("iss", strings.ReplaceAll(iss, "%s", w.issuer)))
	}
	w.claims("iss in capitals", w.having("iss", strconv.Quote(strings.ToUpper(w.issuer))))
	w.claims("iss without its scheme", w.having("iss", strconv.Quote(w.issuer[strings.Index(w.issuer, "//"):])))
}

// times are no sensible numbers, past, or to come (security.md 9). To the second they are looked at in process alone.
func (w *Armoury) times() {
	w.line = 9
	now := time.Now().Unix()
	for _, name := range []string{"exp", "nbf", "iat"} {
		for _, raw := range []string{`null`, `""`, `"x"`, fmt.Sprintf(`"%d"`, now+100), `true`, `[]`, `{}`, `-1`, `-0`, `-1e9`, `1e400`, `-1e400`, `253402300800`, `1e15`, `9223372036854775808`, `1e308`, fmt.Sprintf(`[%d]`, now+100)} {
			w.claims(name+" is "+raw, w.having(name, raw))
		}
	}
	w.claims("no exp", w.having("exp", ""))
	for _, exp := range []int64{0, 1, now - 3600, now - 2, now - 1} {
		w.claims(fmt.Sprintf("exp is %d", exp-now), w.having("exp", fmt.Sprint(exp)))
	}
	w.claims("exp is a second and a half ago", w.having("exp", fmt.Sprintf("%d.5", now-2)))
	w.claims("exp is 1e0", w.having("exp", `1e0`))
	w.claims("EXP instead of exp", fmt.Sprintf(`{"EXP":%d,%s`, now+100, w.having("exp", "")[1:]))
	for _, later := range []int64{60, 3600, 1e9} {
		w.claims(fmt.Sprintf("nbf in %d", later), w.having("nbf", fmt.Sprint(now+later)))
		w.claims(fmt.Sprintf("iat in %d", later), w.having("iat", fmt.Sprint(now+later)))
	}
	w.claims("nbf in a minute and a half second", w.having("nbf", fmt.Sprintf("%d.5", now+60)))
}

// grants do not allow what is asked for (security.md 12).
func (w *Armoury) grants() {
	w.line = 12
	for _, roles := range []string{``, `null`, `""`, `[]`, `"User"`, `"users"`, `["admin"]`, `"admin,user"`, `["user "]`, `[["user"]]`, `[1]`, `1`, `true`, `{}`, `{"user":true}`, `[null]`, `[{"user":1}]`, `"us er"`, `"*"`} {
		w.claims("roles are "+roles, w.having("roles", roles), 403)
	}
	for _, scope := range []string{``, `null`, `""`, `[]`, `"READ"`, `"reads"`, `"read,write"`, `["read write"]`, `1`, `{"read":1}`, `[1,null]`, `"read\twrite"`} {
		w.claims("scope is "+scope, w.having("scope", scope), 403)
	}
}

// unfit are claims that would split a header (security.md 22).
func (w *Armoury) unfit() {
	w.line = 22
	for _, tenant := range []string{`"a\r\nb"`, `"a\nb"`, `"\u0000"`, `"\u007f"`, `["a","b\n"]`, `"\t"`, `"a\u001fb"`} {
		w.claims("a claim for a header is "+tenant, w.having("tenant", tenant))
	}
}

// wrongKeys signs with another key than the token names (security.md 7).
func (w *Armoury) wrongKeys() {
	w.line = 7
	w.add("another RSA key under the right kid", w.sign(w.mallory.WithID("rsa"), nil, w.clean))
	w.add("another RSA key under its own kid", w.sign(w.mallory.WithID("other"), nil, w.clean))
	w.add("another RSA key without a kid", w.sign(w.mallory.WithID(""), nil, w.clean))
	for _, alg := range []jose.Alg{jose.PS256, jose.RS384, jose.RS512, jose.PS512} {
		k, err := w.rsa.ForAlg(alg)
		if err != nil {
			w.t.Fatal(err)
		}
		w.add("the right key with "+string(alg), w.sign(k, nil, w.clean))
		w.add("the right key with "+string(alg)+", says RS256", w.sign(k, map[string]any{"alg": "RS256"}, w.clean))
	}
	w.add("the EC key under the RSA key's kid", w.sign(w.ec, map[string]any{"kid": "rsa"}, w.clean))
	w.add("the RSA key under the EC key's kid", w.sign(w.rsa, map[string]any{"kid": "ec"}, w.clean))
	for _, alg := range []jose.Alg{jose.ES384, jose.ES512, jose.EdDSA} {
		w.add("a key of another curve, says ES256, "+string(alg), w.sign(named(w.t, alg, 1, "ec"), map[string]any{"alg": "ES256"}, w.clean))
	}
	for name, forged := range map[string]int{"empty": 0, "zero": 256, "short": 255, "long": 257, "very long": 4096} {
		w.add("RSA signature "+name, b64(`{"alg":"RS256","kid":"rsa"}`)+"."+b64(w.clean)+"."+b64(strings.Repeat("\x00", forged)))
	}
}

// ecdsa are signatures whose numbers are out of range, of another length or in another form (security.md 6).
func (w *Armoury) ecdsa() {
	w.line = 6
	input := b64(`{"alg":"ES256","kid":"ec"}`) + "." + b64(w.clean)
	sig, err := w.ec.SignBytes([]byte(input))
	if err != nil {
		w.t.Fatal(err)
	}
	zero := make([]byte, 32)
	order, _ := base64.RawURLEncoding.DecodeString("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE")
	for name, forged := range map[string][]byte{
		"empty": {}, "all zero": make([]byte, 64), "r zero": slices.Concat(zero, sig[32:]), "s zero": slices.Concat(sig[:32], zero), "r the order": slices.Concat(order, sig[32:]),
		"s the order": slices.Concat(sig[:32], order), "both the order": slices.Concat(order, order), "one byte short": sig[:63], "one byte long": append(slices.Clone(sig), 0), "a zero in front": append([]byte{0}, sig...),
		"swapped": slices.Concat(sig[32:], sig[:32]), "DER": slices.Concat([]byte{0x30, 0x44, 2, 32}, sig[:32], []byte{2, 32}, sig[32:]), "all ones": []byte(strings.Repeat("\xff", 64)), "twice": slices.Concat(sig, sig), "r alone": sig[:32],
	} {
		w.add("ECDSA signature "+name, input+"."+base64.RawURLEncoding.EncodeToString(forged))
	}
}

package gatewaytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/jose"
)

// Attack is a request that a gateway must refuse: no backend hears of it, and the answer comes within a second.
type Attack struct {
	Name   string
	Line   int     // of security.md, which says why
	Fields []Field // of its header, names as spelt
	Query  string  // of its target
	Form   string  // a body of type application/x-www-form-urlencoded
	Status []int   // any of these is right
	Broken bool    // it is no HTTP at all, and may be refused as that, without a challenge
}

// Header is the attack's header as net/http hands it over.
func (a *Attack) Header() http.Header {
	h := http.Header{}
	for _, f := range a.Fields {
		h.Add(f.Name, f.Value)
	}
	return h
}

// Armoury makes attacks on a door that wants a token of its provider: of this issuer, signed with RS256 or ES256, for the
// audience "api" or "other-api", with the role "user" and the scope "read", in the Authorization header or the cookie
// access_token, whose claim "tenant" becomes a header. Tokens are signed when it is made.
type Armoury struct {
	t                testing.TB
	issuer           string
	rsa, ec, mallory *jose.PrivateKey
	good, clean      string // the token that passes, and its claims
	line             int
	list             []Attack
}

// NewArmoury makes keys, and a token that may pass for an hour.
func NewArmoury(t testing.TB, issuer string) *Armoury {
	t.Helper()
	w := &Armoury{t: t, issuer: issuer, rsa: named(t, jose.RS256, 1, "rsa"), ec: named(t, jose.ES256, 1, "ec"), mallory: named(t, jose.RS256, 2, "mallory")}
	w.clean = string(w.claimsOf("alice"))
	w.good = w.sign(w.rsa, nil, w.clean)
	return w
}

func named(t testing.TB, alg jose.Alg, round int, kid string) *jose.PrivateKey {
	t.Helper()
	k, err := makeKey(alg, round)
	if err != nil {
		t.Fatal(err)
	}
	return k.WithID(kid)
}

// Keys is the provider's key set.
func (w *Armoury) Keys() []byte { return w.public(w.rsa, w.ec) }

// Good are tokens that may pass.
func (w *Armoury) Good() []string {
	return []string{w.good, w.sign(w.ec, nil, w.clean), w.sign(w.rsa.WithID(""), nil, w.clean), w.sign(w.ec.WithID(""), nil, w.clean)}
}

// Attacks lists them, each once; more than five hundred.
func (w *Armoury) Attacks() []Attack {
	w.list = nil
	for _, make := range []func(){w.algorithms, w.confusion, w.critical, w.members, w.kids, w.brokenHeaders, w.offeredKeys, w.forms, w.placesInHeader, w.placesInCookies, w.elsewhere,
		w.brokenClaims, w.audiences, w.times, w.grants, w.unfit, w.wrongKeys, w.ecdsa} {
		make()
	}
	return w.list
}

func (w *Armoury) claimsOf(sub string) []byte {
	now := time.Now().Unix()
	data, err := json.Marshal(map[string]any{"iss": w.issuer, "sub": sub, "aud": "api", "iat": now, "exp": now + 3600, "roles": []string{"user"}, "scope": "read", "tenant": "t"})
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

func (w *Armoury) public(keys ...*jose.PrivateKey) []byte {
	set, err := jose.PublicSet(keys...)
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

func (w *Armoury) sign(k *jose.PrivateKey, header map[string]any, claims string) string {
	token, err := k.Sign(header, []byte(claims))
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// parts signs a header that says what it likes with the right key: whatever it says, the signature is good.
func (w *Armoury) parts(k *jose.PrivateKey, header, claims string) string {
	token, err := k.SignParts([]byte(header), []byte(claims))
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// add attacks with a token after Bearer; 401 is right unless other statuses are named.
func (w *Armoury) add(name, token string, status ...int) {
	w.with(name, []Field{{"Authorization", "Bearer " + token}}, status...)
}

func (w *Armoury) with(name string, fields []Field, status ...int) {
	if len(status) == 0 {
		status = []int{http.StatusUnauthorized}
	}
	a := Attack{Name: name, Line: w.line, Fields: fields, Status: status, Broken: slices.ContainsFunc(fields, broken)}
	if a.Broken {
		a.Status = append(slices.Clone(status), http.StatusBadRequest)
	}
	w.list = append(w.list, a)
}

// broken reports whether a field has what no header of HTTP may have (RFC 9110 section 5.5).
func broken(f Field) bool {
	for _, c := range []byte(f.Value) {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

func (w *Armoury) header(name, header string) { w.add(name, w.parts(w.rsa, header, w.clean)) }

// claims attacks with a claims set that the right key has signed.
func (w *Armoury) claims(name, payload string, status ...int) {
	w.add(name, w.parts(w.rsa, `{"alg":"RS256","kid":"rsa"}`, payload), status...)
}

// having is the clean claims set with one member written as this raw JSON; "" takes it away.
func (w *Armoury) having(name, raw string) string {
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

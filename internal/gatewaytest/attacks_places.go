package gatewaytest

import (
	"net/url"
	"strings"
)

// placesInHeader are Authorization headers that are none, more than one, or of another scheme (security.md 14).
func (w *Armoury) placesInHeader() {
	w.line = 14
	in := func(name string, values []string, status ...int) {
		var fields []Field
		for _, v := range values {
			fields = append(fields, Field{"Authorization", strings.ReplaceAll(v, "%s", w.good)})
		}
		w.with(name, fields, status...)
	}
	in("no token", nil)
	in("no scheme", []string{"%s"})
	in("Basic with the token", []string{"Basic %s"})
	in("another scheme", []string{"DPoP %s"})
	for name, value := range map[string]string{
		"Bearer without a token": "Bearer", "Bearer and a space": "Bearer ", "an empty header": "", "Bearer, a tab": "Bearer\t%s", "Bearer, a colon": "Bearer: %s",
		"Bearer twice": strings.Repeat("Bearer ", 2) + "%s", "Bearers": "Bearers %s", "no space": "Bearer%s", "a parameter behind": "Bearer %s, realm=x", "token= in front": "Bearer token=%s",
		"a list in one header": "Bearer %s, Bearer %s", "a list, Basic first": "Basic eDp5, Bearer %s", "a list, an empty member first": ", Bearer %s",
		"quotes around the whole": `"Bearer %s"`, "a list, bare": "Bearer %s,%s", "a semicolon": "Bearer %s; x=y", "something behind": "Bearer %s x", "a non-breaking space": "Bearer\u00a0%s",
	} {
		in(name, []string{value}, 400, 401)
	}
	in("two headers, both good", []string{"Bearer %s", "Bearer %s"}, 400)
	in("two headers, the second bad", []string{"Bearer %s", "Bearer x"}, 400)
	in("two headers, the first empty", []string{"", "Bearer %s"}, 400)
	in("two headers, the second empty", []string{"Bearer %s", ""}, 400)
	in("two headers, one of them Basic", []string{"Basic eDp5", "Bearer %s"}, 400)
	w.with("two headers in two spellings", []Field{{"authorization", "Bearer " + w.good}, {"AUTHORIZATION", "Bearer " + w.good}}, 400)
	for _, other := range []string{"X-Authorization", "Proxy-Authorization", "Token", "X-Auth-Token", "Access-Token", "Authorisation", "X-Forwarded-Access-Token", "X-Original-Authorization", "Http-Authorization"} {
		w.with("the token in "+other, []Field{{other, "Bearer " + w.good}})
	}
	// To call it a hop-by-hop header does not take it away from us, nor does it make room for a cookie.
	w.with("a bad token that Connection names", []Field{{"Authorization", "Bearer x.y.z"}, {"Connection", "authorization, close"}, {"Cookie", "access_token=" + w.good}}, 400, 401)
}

// placesInCookies are cookies that are none, more than one, or behind a bad header (security.md 14).
func (w *Armoury) placesInCookies() {
	w.line = 14
	in := func(name string, lines []string, status ...int) {
		var fields []Field
		for _, line := range lines {
			fields = append(fields, Field{"Cookie", strings.ReplaceAll(line, "%s", w.good)})
		}
		w.with(name, fields, status...)
	}
	for _, cookie := range []string{"Access_token=%s", "ACCESS_TOKEN=%s", "access-token=%s", "access_token2=%s", "xaccess_token=%s", "token=%s", "access_token=", "access_token",
		"$access_token=%s", "access%5Ftoken=%s", `x="a; b"; access_token2=%s`} {
		in("cookie "+cookie, []string{cookie})
	}
	for _, cookie := range []string{`access_token="%s"`, "access_token=Bearer %s", "access_token=%s %s", "access_token=%s,%s", "access_token=%%s", "access_token==%s", "access_token=%s, x=y"} {
		in("cookie "+cookie, []string{cookie}, 400, 401)
	}
	in("two cookies", []string{"access_token=%s; access_token=%s"}, 400)
	in("two cookies, one of them empty", []string{"access_token=; access_token=%s"}, 400)
	in("two cookies, the second empty", []string{"access_token=%s; access_token"}, 400)
	in("two cookies in two lines", []string{"access_token=%s", "access_token=%s"}, 400)
	in("two cookies, one of them quoted", []string{`access_token="%s"; access_token=%s`}, 400)
	for _, value := range []string{"Bearer x.y.z", "Bearer ", "", "Basic eDp5", "Bearer " + w.good + "x"} {
		fields := []Field{{"Authorization", value}, {"Cookie", "access_token=" + w.good}}
		w.with("a bad header is not forgiven for a good cookie: "+value[:min(9, len(value))], fields, 400, 401)
	}
}

// elsewhere are a query and a body, where no token is looked for (security.md 14).
func (w *Armoury) elsewhere() {
	w.line = 14
	form := url.Values{"access_token": {w.good}}.Encode()
	for _, a := range []Attack{{Name: "the token in the query", Query: form}, {Name: "the token in a form", Form: form}, {Name: "Authorization in the query", Query: url.Values{"Authorization": {"Bearer " + w.good}}.Encode()}} {
		a.Line, a.Status = w.line, []int{401}
		w.list = append(w.list, a)
	}
}

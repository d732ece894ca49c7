package validator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	gojose "github.com/go-jose/go-jose/v4"

	"gatehouse/internal/jose"
)

// FuzzTokens holds us against go-jose: what we accept it accepts, and it reads the same claims. It is the laxer one, so
// nothing is said of what we refuse.
func FuzzTokens(f *testing.F) {
	for _, header := range []string{`{"alg":"HS256"}`, `{"alg":"HS256","kid":"k1","typ":"JWT"}`, `{"alg":"HS256","x":{"a":[1,2,{"b":null}]}}`, `{"alg":"HS256","crit":["exp"]}`, `{"alg":"none"}`, `{"ALG":"HS256"}`} {
		for _, payload := range []string{`{}`, `{"sub":"a","exp":4102444800,"aud":["x","y"]}`, `{"a":{"b":[1.5e3,-0,"\u00e9\ud83d\ude00"]},"a\u0062":1}`, `{"a":1,"a":2}`, `[]`} {
			f.Add([]byte(header), []byte(payload), -1, byte(0))
			f.Add([]byte(header), []byte(payload), 7, byte('.'))
		}
	}
	secret, err := jose.ParsePrivate([]byte(`{"kty":"oct","alg":"HS256","kid":"k1","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`))
	if err != nil {
		f.Fatal(err)
	}
	set, err := jose.PrivateSet(secret)
	if err != nil {
		f.Fatal(err)
	}
	parsed, err := jose.ParseSet(set, jose.Local)
	if err != nil {
		f.Fatal(err)
	}
	keys, algs := newKeySet(parsed.Keys, nil, fixedTime(), nil), map[string]bool{"HS256": true}
	raw := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
	f.Fuzz(func(t *testing.T, header, payload []byte, at int, with byte) {
		token, err := secret.SignParts(header, payload)
		if err != nil {
			t.Skip()
		}
		if at >= 0 && at < len(token) {
			token = token[:at] + string(with) + token[at+1:]
		}
		if !verifies(keys, algs, token) {
			return
		}
		var form form
		if err := form.parse(token); err != nil {
			t.Fatal(err)
		}
		claims, err := parseObject(form.payload)
		if err != nil {
			return
		}
		jws, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.HS256})
		if err != nil {
			t.Fatalf("go-jose does not parse %q: %v", token, err)
		}
		theirs, err := jws.Verify(raw)
		if err != nil {
			t.Fatalf("go-jose does not verify %q: %v", token, err)
		}
		dec := json.NewDecoder(bytes.NewReader(theirs))
		dec.UseNumber()
		var want map[string]any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("encoding/json does not read %q: %v", theirs, err)
		}
		if got := asMap(claims); !reflect.DeepEqual(got, want) {
			t.Fatalf("we read %#v, they read %#v", got, want)
		}
	})
}

// asMap decodes what the scanner has passed with our own means.
func asMap(o object) map[string]any {
	m := map[string]any{}
	for _, member := range o {
		m[string(member.name)] = asAny(member.value)
	}
	return m
}

func asAny(raw []byte) any {
	switch raw[0] {
	case '{':
		return asMap(members(raw))
	case '[':
		items, _ := elements(raw)
		list := []any{}
		for _, item := range items {
			list = append(list, asAny(item))
		}
		return list
	case '"':
		s, _ := unquote(raw)
		return s
	case 't', 'f':
		return raw[0] == 't'
	case 'n':
		return nil
	}
	return json.Number(raw)
}

// FuzzFind looks for a token in any headers: it is found once and whole, or not at all.
func FuzzFind(f *testing.F) {
	f.Add("Bearer a.b.c", "", "access_token=x", "", true)
	f.Add("bearer  a", "Basic x", "a=b; access_token=x; c", "access_token=y", false)
	f.Add("", "", "access_token=\"x\"; access_token", ";;=;access_token=;", true)
	f.Fuzz(func(t *testing.T, auth1, auth2, cookie1, cookie2 string, bearer bool) {
		h := http.Header{}
		for name, values := range map[string][]string{"Authorization": {auth1, auth2}, "Cookie": {cookie1, cookie2}} {
			for _, v := range values {
				if v != "" {
					h[name] = append(h[name], v)
				}
			}
		}
		s := source{header: "Authorization", bearer: bearer, cookie: "access_token"}
		token, reason := s.find(h)
		if token == "" {
			if reason == "" {
				t.Fatal("no token, and no reason")
			}
			return
		}
		if len(token) > maxToken || !isToken68(token) {
			return
		}
		if len(h["Authorization"]) > 0 {
			if len(h["Authorization"]) != 1 || !strings.HasSuffix(h["Authorization"][0], token) {
				t.Fatalf("got %q from %q", token, h["Authorization"])
			}
			return
		}
		var same []string
		for _, c := range (&http.Request{Header: h}).CookiesNamed("access_token") {
			same = append(same, c.Value)
		}
		if !slices.Equal(same, []string{token}) {
			t.Fatalf("got %q, net/http finds %q in %q", token, same, h["Cookie"])
		}
	})
}

// FuzzRefs holds claim references against a plain walk over maps.
func FuzzRefs(f *testing.F) {
	f.Add(`"realm_access.roles"`, `{"realm_access":{"roles":["a"]},"realm_access.roles":1}`)
	f.Add(`["https://foo.com","roles"]`, `{"https://foo.com":{"roles":null}}`)
	f.Add(`"a..b"`, `{"a":{"":{"b":1}}}`)
	f.Fuzz(func(t *testing.T, text, set string) {
		var ref Ref
		if json.Unmarshal([]byte(text), &ref) != nil {
			return
		}
		printed, err := json.Marshal(ref)
		if err != nil {
			t.Fatal(err)
		}
		var again Ref
		if err := json.Unmarshal(printed, &again); err != nil || !reflect.DeepEqual(ref, again) {
			t.Fatalf("%s is printed as %s, which is %v (%v)", text, printed, again, err)
		}
		claims, err := parseObject([]byte(set))
		if err != nil {
			return
		}
		raw, there := ref.find(claims)
		var got any
		if there {
			got = asAny(raw)
		}
		if want := walk(asMap(claims), ref); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s in %s: got %v, want %v", text, set, got, want)
		}
	})
}

// walk is what a reference means: the literal name, else down the segments.
func walk(claims map[string]any, ref Ref) any {
	if v, there := claims[ref.literal]; there && ref.literal != "" {
		return v
	}
	var at any = claims
	for _, segment := range ref.segments {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[segment]
	}
	return at
}

// FuzzValues writes any claim for every use: what goes into a header or a path can do no harm there and keeps its value.
func FuzzValues(f *testing.F) {
	for _, raw := range []string{`"a"`, `["a,b","é",1]`, `{"a": "\n"}`, `" %2e "`, `1e400`, `"\u0000"`, `"..%2F"`, `[[],{}]`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		claims, err := parseObject(slices.Concat([]byte(`{"v":`), raw, []byte(`}`)))
		if err != nil {
			return
		}
		value, _ := claims.get("v")
		for _, use := range []Use{Joined, Repeat, JSON, Base64} {
			lines, err := use.write(value)
			for _, line := range lines {
				if err == nil && (strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 || r >= 0x7f }) || line != strings.Trim(line, " ")) {
					t.Fatalf("%s as %s: %q cannot be a header", value, use, line)
				}
			}
			if use == JSON && err == nil && isASCII(value) && !sameJSON(t, value, []byte(lines[0])) {
				t.Fatalf("%s as JSON: %s", value, lines[0])
			}
		}
		segments, err := Segment.write(value)
		if err != nil {
			return
		}
		s := segments[0]
		back, err := url.PathUnescape(s)
		if err != nil || back != plain(value) || s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\?#;& ") || !isASCII([]byte(s)) {
			t.Fatalf("%s as a segment: %q", value, s)
		}
	})
}

func isASCII(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c >= utf8.RuneSelf })
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	for from, into := range map[*any][]byte{&x: a, &y: b} {
		dec := json.NewDecoder(bytes.NewReader(into))
		dec.UseNumber()
		if err := dec.Decode(from); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(x, y)
}

// FuzzJSON holds the strict parser against encoding/json: what we take it takes too, and reads the same.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{}`, ` {"a":1}`, `{"a":[{},"\ud83d\ude00"]}`, `{"a":1,"a":2}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":-0.5E+3}`, `{"a":01}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := parseObject(data)
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var want map[string]any
		if err != nil {
			return
		}
		if err := dec.Decode(&want); err != nil || want == nil {
			t.Fatalf("encoding/json does not take %q: %v", data, err)
		}
		if got := asMap(parsed); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: we read %#v, encoding/json reads %#v", data, got, want)
		}
		if len(parsed) != len(want) {
			t.Fatalf("%q: %d members, want %d", data, len(parsed), len(want))
		}
	})
}

// FuzzDenylist reads any list.
func FuzzDenylist(f *testing.F) {
	for _, text := range []string{"jti-a 5\n#x\n", `[{"claim":"sub","value":"a","exp":1,"at":2},"jti-b"]`, `{"revoked":[]}`} {
		f.Add([]byte(text))
	}
	claims, err := parseObject([]byte(`{"jti":"a","sub":["a",1,null],"x":{"y":1}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseDenylist(data, []string{"x-y"}, 0)
		if err != nil {
			return
		}
		for m := range list.marks {
			if m.claim == "" {
				t.Fatalf("%q: an entry without a claim", data)
			}
		}
		list.has(claims, 0)
	})
}

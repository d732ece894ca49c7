package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"gatehouse/internal/jose"
)

// Security.md 11, 21, 22, 24: how a claim's value is written for each use; "!" means refused.
func TestHowValuesAreWritten(t *testing.T) {
	rows := []struct {
		raw                                  string
		joined, repeat, json, segment, plain string
	}{
		{`"alice"`, `alice`, `alice`, `"alice"`, `alice`, `alice`},
		{`""`, ``, ``, `""`, `!`, ``},
		{`"9007199254740993"`, `9007199254740993`, `9007199254740993`, `"9007199254740993"`, `9007199254740993`, `9007199254740993`},
		{`9007199254740993`, `9007199254740993`, `9007199254740993`, `9007199254740993`, `9007199254740993`, `9007199254740993`},
		{`12345678901234567890123`, `12345678901234567890123`, `12345678901234567890123`, `12345678901234567890123`, `12345678901234567890123`, `12345678901234567890123`},
		{`1e21`, `1e21`, `1e21`, `1e21`, `1e21`, `1e21`},
		{`1.50`, `1.50`, `1.50`, `1.50`, `1.50`, `1.50`},
		{`-0.0`, `-0.0`, `-0.0`, `-0.0`, `-0.0`, `-0.0`},
		{`true`, `true`, `true`, `true`, `true`, `true`},
		{`[]`, ``, ``, `[]`, `!`, ``},
		{`["a","b"]`, `a,b`, `a|b`, `["a","b"]`, `a,b`, `a,b`},
		{`[ 1 , "a" , null , {"k": 1} ]`, `1,a,null,{"k":1}`, `1|a|null|{"k":1}`, `[1,"a",null,{"k":1}]`, `1,a,null,%7B%22k%22:1%7D`, `1,a,null,{"k":1}`},
		{`["a,b","c"]`, `a%2Cb,c`, `a,b|c`, `["a,b","c"]`, `a,b,c`, `a,b,c`},
		{`["a,b","50%"]`, `a%2Cb,50%25`, `a,b|50%`, `["a,b","50%"]`, `a,b,50%25`, `a,b,50%`},
		{`{"b": 1, "a": [ 2 ]}`, `{"b":1,"a":[2]}`, `{"b":1,"a":[2]}`, `{"b":1,"a":[2]}`, `%7B%22b%22:1,%22a%22:%5B2%5D%7D`, `{"b":1,"a":[2]}`},
		{`{"q": "a \" b"}`, `{"q":"a \" b"}`, `{"q":"a \" b"}`, `{"q":"a \" b"}`, `!`, `{"q":"a \" b"}`},
		{`"é"`, `%C3%A9`, `%C3%A9`, `"%C3%A9"`, `%C3%A9`, `é`},
		{`"\u00e9 100%"`, `%C3%A9 100%25`, `%C3%A9 100%25`, `"\u00e9 100%"`, `%C3%A9%20100%25`, `é 100%`},
		{`"50% off"`, `50% off`, `50% off`, `"50% off"`, `50%25%20off`, `50% off`},
		{`" a b "`, `%20a b%20`, `%20a b%20`, `" a b "`, `%20a%20b%20`, ` a b `},
		{`"   "`, `%20%20%20`, `%20%20%20`, `"   "`, `%20%20%20`, `   `},
		{`"a\r\nX: y"`, `!`, `!`, `"a\r\nX: y"`, `!`, "a\r\nX: y"},
		{`["ok","a\n"]`, `!`, `!`, `["ok","a\n"]`, `!`, "ok,a\n"},
		{`"\u0000"`, `!`, `!`, `"\u0000"`, `!`, "\x00"},
		{`"\u007f"`, `!`, `!`, `"\u007f"`, `!`, "\x7f"},
		{`"a\tb"`, `!`, `!`, `"a\tb"`, `!`, "a\tb"},
		{`"../admin?x=1"`, `../admin?x=1`, `../admin?x=1`, `"../admin?x=1"`, `!`, `../admin?x=1`},
		{`".."`, `..`, `..`, `".."`, `!`, `..`},
		{`"."`, `.`, `.`, `"."`, `!`, `.`},
		{`"%2e%2E"`, `%2e%2E`, `%2e%2E`, `"%2e%2E"`, `!`, `%2e%2E`},
		{`".%2e"`, `.%2e`, `.%2e`, `".%2e"`, `!`, `.%2e`},
		{`"..."`, `...`, `...`, `"..."`, `...`, `...`},
		{`"a/b"`, `a/b`, `a/b`, `"a/b"`, `!`, `a/b`},
		{`"a\\b"`, `a\b`, `a\b`, `"a\\b"`, `!`, `a\b`},
		{`"a%2Fb"`, `a%2Fb`, `a%2Fb`, `"a%2Fb"`, `!`, `a%2Fb`},
		{`"a?b#c;d&e"`, `a?b#c;d&e`, `a?b#c;d&e`, `"a?b#c;d&e"`, `a%3Fb%23c%3Bd%26e`, `a?b#c;d&e`},
		{`"auth0|5f7c"`, `auth0|5f7c`, `auth0|5f7c`, `"auth0|5f7c"`, `auth0%7C5f7c`, `auth0|5f7c`},
		{`"a@b.example:80+x=y"`, `a@b.example:80+x=y`, `a@b.example:80+x=y`, `"a@b.example:80+x=y"`, `a@b.example:80+x=y`, `a@b.example:80+x=y`},
	}
	for _, row := range rows {
		for use, want := range map[Use]string{Joined: row.joined, Repeat: row.repeat, JSON: row.json, Segment: row.segment, Plain: row.plain} {
			values, err := use.write([]byte(row.raw))
			got := strings.Join(values, "|")
			if err != nil {
				got = "!"
			}
			if got != want {
				t.Errorf("%s as %s: got %q, want %q", row.raw, use, got, want)
			}
		}
	}
	if got, _ := Base64.write([]byte(`{"a": "é"}`)); got[0] != "eyJhIjoiw6kifQ" {
		t.Errorf("base64: got %q", got)
	}
}

func TestClaimReferences(t *testing.T) {
	const set = `{"roles":["r"],"realm_access":{"roles":["nested"]},"https://foo.com/roles":["url"],"https://foo.com":{"roles":["under a URL"]},
		"resource_access":{"my.app":{"roles":["dotted"]}},"a.b":"literal","a":{"b":"path","c":{"d":"deep"},"n":null},"x":{"y":1},"x.y":null,"n":null,"é":"accent","list":[{"k":1}]}`
	rows := []struct{ ref, want string }{
		{`"roles"`, `["r"]`},
		{`"realm_access.roles"`, `["nested"]`},
		{`"https://foo.com/roles"`, `["url"]`},
		{`["https://foo.com","roles"]`, `["under a URL"]`},
		{`["resource_access","my.app","roles"]`, `["dotted"]`},
		{`"resource_access.my.app.roles"`, ``},
		{`"a.b"`, `"literal"`},
		{`["a","b"]`, `"path"`},
		{`["a.b"]`, `"literal"`},
		{`"a.c.d"`, `"deep"`},
		{`"a.c"`, `{"d":"deep"}`},
		{`"a.n"`, ``},
		{`"x.y"`, ``}, // the literal name is there, and null
		{`["x","y"]`, `1`},
		{`"n"`, ``},
		{`"missing"`, ``},
		{`"roles.x"`, ``},
		{`"list.0"`, ``},
		{`"list.k"`, ``},
		{`"Roles"`, ``},
		{`"é"`, `"accent"`},
		{`"a..b"`, ``},
		{`"."`, ``},
		{`["a",""]`, ``},
	}
	parsed, err := parseObject([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var ref Ref
		if err := json.Unmarshal([]byte(row.ref), &ref); err != nil {
			t.Errorf("%s: %v", row.ref, err)
			continue
		}
		got, there := ref.find(parsed)
		if string(got) != row.want && (there || row.want != "") || there != (row.want != "") {
			t.Errorf("%s: got %s (%v), want %s", row.ref, got, there, row.want)
		}
		if again, err := json.Marshal(ref); err != nil || string(again) != row.ref {
			t.Errorf("%s: printed as %s", row.ref, again)
		}
	}
	for _, bad := range []string{`""`, `[]`, `1`, `null`, `{}`, `["a",1]`, `[null]`, `true`} {
		if err := json.Unmarshal([]byte(bad), new(Ref)); err == nil {
			t.Errorf("%s: want a mistake", bad)
		}
	}
}

func TestWantedClaimsAreThere(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		wants := &Wants{}
		sub, id, roles := wants.Add(ParseRef("sub"), Joined), wants.Add(ParseRef("id"), Segment), wants.Add(ParseRef("roles"), Repeat)
		null, nothing := wants.Add(ParseRef("null"), Joined), wants.Add(ParseRef("nothing"), Plain)
		if again := wants.Add(ParseRef("id"), Segment); again != id {
			t.Errorf("the same wish got slot %d and %d", id, again)
		}
		if other := wants.Add(ParseRef("id"), Plain); other == id {
			t.Error("another use got the same slot")
		}
		wants.Whole()
		v := newProvider(t, k).validator(Config{}, wants)
		payload := claims(map[string]any{"id": json.Number("12345678901234567890"), "roles": []string{"a", "b"}, "null": json.RawMessage("null")})
		c, err := v.Authenticate(t.Context(), request(sign(t, k, nil, payload)))
		if err != nil {
			t.Fatal(err)
		}
		for slot, want := range map[int]string{sub: "alice", id: "12345678901234567890", null: "", nothing: "", 99: "", -1: ""} {
			if got, there := c.Value(slot); got != want || there != (want != "") {
				t.Errorf("slot %d: got %q (%v), want %q", slot, got, there, want)
			}
		}
		if got := c.Values(roles); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("got %q", got)
		}
		if string(c.Payload()) != string(payload) {
			t.Errorf("payload %s, want %s", c.Payload(), payload)
		}
		if len(c.ID()) != 32 {
			t.Errorf("ID %q, want 32 digits", c.ID())
		}
	})
}

// The claims as a whole are kept for those who ask for them, and a verdict without them is none for those.
func TestTheWholeOfTheClaimsIsKeptWhereItIsRead(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p, c := newProvider(t, k), NewCache(1<<20)
		var cfg Config
		cfg.URL = providerURL + "/jwks"
		deps := Deps{Keys: p.keys(nil), Cache: c}
		whole := &Wants{}
		whole.Whole()
		payload := claims(nil)
		r := request(sign(t, k, nil, payload))
		for range 2 {
			for _, row := range []struct {
				wants *Wants
				want  string
			}{{&Wants{}, ""}, {whole, string(payload)}} {
				said, err := newValidator(t, cfg, deps, row.wants).Authenticate(t.Context(), r)
				if err != nil || string(said.Payload()) != row.want {
					t.Errorf("payload %q (%v), want %q", said.Payload(), err, row.want)
				}
			}
		}
		if c.Len() != 2 {
			t.Errorf("%d verdicts, want one for each way to ask", c.Len())
		}
	})
}

func TestAGuestSaysNothing(t *testing.T) {
	var c *Claims
	value, there := c.Value(0)
	if value != "" || there || c.Values(0) != nil || c.ID() != "" || c.Payload() != nil {
		t.Error("a guest said something")
	}
}

// Security.md 22, 24: the kind of refusal depends on where the value was to go.
func TestValuesThatFitNowhere(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	rows := []struct {
		use   Use
		value string
		kind  Kind
		want  string
	}{
		{Joined, "a\nb", Unauthorized, string(ClaimUnfit)},
		{Repeat, "a\x00", Unauthorized, string(ClaimUnfit)},
		{Segment, "..", Malformed, string(ClaimUnfit)},
		{Segment, "a/b", Malformed, string(ClaimUnfit)},
		{Plain, "a\nb", 0, "ok"},
		{JSON, "a\nb", 0, "ok"},
		{Base64, "a\nb", 0, "ok"},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			wants := &Wants{}
			wants.Add(ParseRef("v"), row.use)
			v := newProvider(t, k).validator(Config{}, wants)
			_, err := v.Authenticate(t.Context(), request(sign(t, k, nil, claims(map[string]any{"v": row.value}))))
			var refusal *Refusal
			switch ok := errors.As(err, &refusal); {
			case err == nil && row.want == "ok":
			case !ok || string(refusal.Reason) != row.want || refusal.Kind != row.kind:
				t.Errorf("%q as %s: got %v, want %s of kind %d", row.value, row.use, err, row.want, row.kind)
			}
		})
	}
}

// Attempts share their memory, one after another: nothing that is said of one token may change with the next one.
func TestClaimsOutliveTheAttempt(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		wants := &Wants{}
		sub, list := wants.Add(ParseRef("sub"), Joined), wants.Add(ParseRef("list"), Repeat)
		v := newProvider(t, k).validator(Config{Audience: []string{"api"}}, wants)
		token := func(i int) string {
			return sign(t, k, nil, claims(map[string]any{"sub": fmt.Sprintf("user-%04d", i), "list": []string{fmt.Sprint("a", i), "é"}}))
		}
		said := make([]*Claims, 50)
		payloads := make([]string, len(said))
		var refusals []*Refusal
		for i := range said {
			var err error
			if said[i], err = v.Authenticate(t.Context(), request(token(i))); err != nil {
				t.Fatal(err)
			}
			payloads[i] = string(said[i].Payload())
			_, err = v.Authenticate(t.Context(), request(sign(t, k, nil, claims(map[string]any{"aud": fmt.Sprint("aud-", i), "iss": fmt.Sprint("iss-", i)}))))
			refusals = append(refusals, refusalOf(t, err))
		}
		for i, c := range said {
			if got, _ := c.Value(sub); got != fmt.Sprintf("user-%04d", i) {
				t.Errorf("sub of %d is %q by now", i, got)
			}
			if got := c.Values(list); len(got) != 2 || got[0] != fmt.Sprint("a", i) || got[1] != "%C3%A9" {
				t.Errorf("list of %d is %q by now", i, got)
			}
			if string(c.Payload()) != payloads[i] {
				t.Errorf("claims of %d are %s by now", i, c.Payload())
			}
			if got := fmt.Sprint(refusals[i].Detail); !strings.Contains(got, fmt.Sprintf(`"aud-%d"`, i)) || !strings.Contains(got, fmt.Sprintf("iss-%d", i)) {
				t.Errorf("refusal %d says %s by now", i, got)
			}
		}
	})
}

// What is packed says the same as what is not.
func TestPackedClaims(t *testing.T) {
	for name, texts := range map[string][]string{
		"one":                  {"alice"},
		"several":              {"alice", "", "a@example.com", "x,y"},
		"empty ones":           {"", ""},
		"as long as there are": {strings.Repeat("a", 40_000), strings.Repeat("b", math.MaxUint16-40_000-4)},
	} {
		plain := values{texts: texts}
		text, ok := plain.packed()
		if !ok {
			t.Fatalf("%s: not packed", name)
		}
		packed, loose := &Claims{text: text}, &Claims{rest: &rest{values: plain}}
		for slot := -1; slot <= len(texts); slot++ {
			got, there := packed.Value(slot)
			want, wanted := loose.Value(slot)
			if got != want || there != wanted || !slices.Equal(packed.Values(slot), loose.Values(slot)) {
				t.Errorf("%s, slot %d: got %.20q, %t, want %.20q, %t", name, slot, got, there, want, wanted)
			}
		}
	}
	for name, v := range map[string]values{
		"nothing":       {},
		"too long":      {texts: []string{strings.Repeat("a", math.MaxUint16-1)}},
		"a missing one": {extents: []extent{{n: -1}}},
	} {
		if text, ok := v.packed(); ok {
			t.Errorf("%s: packed as %.20q", name, text)
		}
	}
}

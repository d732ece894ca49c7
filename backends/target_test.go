package backends

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"gatehouse/internal/outbound"
)

// claimsOf is a caller whose claims are these, by slot.
type claimsOf []string

func (c claimsOf) Value(slot int) (string, bool) {
	if slot >= len(c) || c[slot] == "" {
		return "", false
	}
	return c[slot], true
}

func targetEnv() Env {
	return Env{Params: []string{"id", "name"}, Earlier: 1, Claim: func(name string) (int, error) {
		if name == "sub" {
			return 0, nil
		}
		return 1, nil
	}}
}

func earlierAnswer(t testing.TB, body string) *Response {
	t.Helper()
	res := &Response{}
	if err := res.Body.Parse([]byte(body), 1); err != nil {
		t.Fatal(err)
	}
	return res
}

// parseTarget is a target of a pattern.
func parseTarget(pattern string, env Env) (*target, error) {
	t := &target{}
	return t, t.parse(pattern, env)
}

func TestTargetsAreFilledIn(t *testing.T) {
	req := &Request{
		Params: []Param{{Value: "7", Escaped: "7"}, {Value: "a b", Escaped: "a%20b"}},
		Caller: Caller{Claims: claimsOf{"alice"}},
		Parts:  []*Response{earlierAnswer(t, `{"n":12345678901234567890,"s":"a/b","t":"x&y=z","l":[1,"two"],"o":{},"z":null,"e":"","d":".."}`)},
	}
	rows := []struct {
		name, pattern, query, want string
		reason                     Reason
	}{
		{"nothing to fill in", "/users", "", "/users", ""},
		{"a slash is put in front", "users", "", "/users", ""},
		{"parameters", "/users/{id}/{name}", "", "/users/7/a%20b", ""},
		{"a parameter twice", "/{id}/{id}", "", "/7/7", ""},
		{"a parameter in the query", "/u?of={name}", "", "/u?of=a%20b", ""},
		{"the client's query behind", "/u", "a=1&b=%2F", "/u?a=1&b=%2F", ""},
		{"the client's query behind one of the file", "/u?x=1", "a=1", "/u?x=1&a=1", ""},
		{"a claim", "/u/{JWT.sub}", "", "/u/alice", ""},
		{"a missing claim", "/u/{JWT.nope}", "", "", ReasonMissingClaim},
		{"a number of an earlier answer keeps its digits", "/o/{resp0_n}", "", "/o/12345678901234567890", ""},
		{"an earlier value is escaped", "/o?x={resp0_t}", "", "/o?x=x%26y%3Dz", ""},
		{"a list of scalars", "/o/{resp0_l}", "", "/o/1,two", ""},
		{"a slash in an earlier value", "/o/{resp0_s}", "", "", ReasonMissingValue},
		{"a dot segment in an earlier value", "/o/{resp0_d}", "", "", ReasonMissingValue},
		{"an empty earlier value", "/o/{resp0_e}", "", "", ReasonMissingValue},
		{"an object of an earlier answer", "/o/{resp0_o}", "", "", ReasonMissingValue},
		{"null of an earlier answer", "/o/{resp0_z}", "", "", ReasonMissingValue},
		{"an earlier value that is not there", "/o/{resp0_nope.deep}", "", "", ReasonMissingValue},
	}
	for _, row := range rows {
		target, err := parseTarget(row.pattern, targetEnv())
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		req.Query = row.query
		got, err := target.append(nil, req)
		var f *Failure
		switch {
		case row.reason == "" && (err != nil || string(got) != row.want):
			t.Errorf("%s: got %s, %v, want %s", row.name, got, err, row.want)
		case row.reason != "" && (!errors.As(err, &f) || f.Reason != row.reason):
			t.Errorf("%s: got %s, %v, want the reason %s", row.name, got, err, row.reason)
		}
	}
}

func TestTargetsThatCanNeverBeAsked(t *testing.T) {
	for pattern, says := range map[string]string{
		"/a/{nope}":     "no parameter of the endpoint",
		"/a/{id":        "without a }",
		"/a b":          "cannot stand in a URL",
		"/a#b":          "cannot stand in a URL",
		"/a\r\nX: y":    "cannot stand in a URL",
		"/a/{resp3_id}": "has not been asked",
	} {
		if _, err := parseTarget(pattern, targetEnv()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", pattern, err, says)
		}
	}
	if _, err := parseTarget("/a/{JWT.sub}", Env{}); err == nil || !strings.Contains(err.Error(), "no auth/validator") {
		t.Errorf("a claim without a validator: got %v", err)
	}
}

// FuzzTarget: whatever the pattern and the values, what is asked for is one URL path and query, and a value never becomes
// more than one segment of it.
func FuzzTarget(f *testing.F) {
	f.Add("/users/{id}", "7")
	f.Add("/a?b={id}&c=1", "x&y=z#")
	f.Add("/{id}.json", "..")
	f.Fuzz(func(t *testing.T, pattern, value string) {
		target, err := parseTarget(pattern, Env{Params: []string{"id"}})
		if err != nil || value == "" {
			return
		}
		escaped := string(AppendSegment(nil, value))
		got, err := target.append(nil, &Request{Params: []Param{{Value: value, Escaped: escaped}}})
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(string(got), " \r\n\x00#") || got[0] != '/' {
			t.Fatalf("%q and %q make %q", pattern, value, got)
		}
		if back, err := url.PathUnescape(escaped); err != nil || back != value {
			t.Fatalf("%q is escaped as %q, which is %q (%v)", value, escaped, back, err)
		}
		path, _, _ := strings.Cut(string(got), "?")
		written, _, _ := strings.Cut("/"+strings.TrimPrefix(pattern, "/"), "?")
		if strings.Count(path, "/") != strings.Count(written, "/") {
			t.Fatalf("%q and %q make %q, which has other segments", pattern, value, got)
		}
	})
}

func TestQueriesThatPass(t *testing.T) {
	rows := []struct {
		name  string
		names []string
		in    string
		want  string
	}{
		{"nothing is listed", nil, "a=1", ""},
		{"everything, byte for byte", []string{"*"}, "b=2&a=%2f+x;y&&=", "b=2&a=%2f+x;y&&="},
		{"listed ones, in their order, with repeats", []string{"a", "c"}, "c=3&a=1&b=2&a=0", "c=3&a=1&a=0"},
		{"names are exact", []string{"a"}, "A=1&a=2", "a=2"},
		{"a name is decoded once", []string{"a b"}, "a%20b=1&a+b=2&a%2520b=3", "a%20b=1&a+b=2"},
		{"a semicolon parts nothing", []string{"a"}, "a=1;b=2", "a=1%3Bb=2"},
		{"a broken escape is dropped", []string{"a"}, "a=%zz&a=%2&a=1", "a=1"},
		{"a name without a value", []string{"a"}, "a&b", "a"},
		{"line ends stay escaped", []string{"a"}, "a=%0d%0aX:%20y", "a=%0d%0aX:%20y"},
	}
	for _, row := range rows {
		if got := NewQueryRule(row.names).Filter(row.in); got != row.want {
			t.Errorf("%s: %q of %q, want %q", row.name, got, row.in, row.want)
		}
	}
}

func BenchmarkTarget(b *testing.B) {
	target, err := parseTarget("/users/{id}/orders/{resp0_n}?of={JWT.sub}", targetEnv())
	if err != nil {
		b.Fatal(err)
	}
	req := &Request{Params: []Param{{Value: "7", Escaped: "7"}, {Value: "x", Escaped: "x"}}, Query: "page=2", Caller: Caller{Claims: claimsOf{"alice"}},
		Parts: []*Response{earlierAnswer(b, `{"n":42}`)}}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := target.append(buf, req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	rule := NewQueryRule([]string{"page", "sort"})
	b.ReportAllocs()
	for b.Loop() {
		rule.Filter("page=2&utm=x&sort=name&debug=1")
	}
}

// TestLocationsWithinTheBackendAreOurs: a redirect to the backend's own origin leads to ours, others stay.
func TestLocationsWithinTheBackendAreOurs(t *testing.T) {
	own, err := outbound.ParseHost("http://users:8000")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"http://users:8000/a?b=c#d":   "/a?b=c#d",
		"http://users:8000//evil.com": "/evil.com",
		"http://users:8000":           "/",
		"/a":                          "/a",
		"https://login.example.com/x": "https://login.example.com/x",
	} {
		header := []outbound.Field{{Name: "location", Value: in}}
		relocate(header, []outbound.Origin{own})
		if header[0].Value != want {
			t.Errorf("%s: got %s, want %s", in, header[0].Value, want)
		}
	}
}

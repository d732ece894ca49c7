package backends

import (
	"errors"
	"io"
	"strings"
	"testing"

	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// claims answer a slot with the segment that stands there.
type claims []string

func (c claims) Value(slot int) (string, bool) { return c[slot], c[slot] != "" }

func variablesOf(t testing.TB, text string) *Variables {
	t.Helper()
	v := new(Variables)
	if err := v.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGraphQL(t *testing.T) {
	env := Env{Params: []string{"id", "name"}, Claim: func(string) (int, error) { return 0, nil }, Earlier: 1}
	earlier := NewResponse()
	if err := earlier.Body.Parse([]byte(`{"x":{"n":1.50},"s":"a/b"}`), 0); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, variables, body string
		mutation, get         bool
		want                  string
	}{
		{name: "no variables", want: `{"query":"{ a }"}`},
		{name: "constants as they stand", variables: `{"a": 1.0, "b": [ {"c": null} ], "d": "\u0041"}`, want: `{"query":"{ a }","variables":{"a":1.0,"b":[ {"c": null} ],"d":"\u0041"}}`},
		{name: "parameters are strings, and escaped", variables: `{"a":"{id}","b":"x{id}y{name}"}`, want: `{"query":"{ a }","variables":{"a":"7\"","b":"x7\"y\n"}}`},
		{name: "claims are what they were before they were a segment", variables: `{"a":"{JWT.sub}"}`, want: `{"query":"{ a }","variables":{"a":"auth0|1"}}`},
		{name: "the query, decoded", variables: `{"a":"{query.q}","b":"{query.none}","c":"<{query.none}>"}`, want: `{"query":"{ a }","variables":{"a":"x y","b":null,"c":"<>"}}`},
		{name: "earlier answers keep their type", variables: `{"a":"{resp0_x.n}","b":"{resp0_x}","c":"n={resp0_x.n}","d":"{resp0_s}"}`, want: `{"query":"{ a }","variables":{"a":1.50,"b":{"n":1.50},"c":"n=1.50","d":"a/b"}}`},
		{name: "what is no placeholder is text", variables: `{"a":"{ x }","b":"{","c":"{}","{id}":"k"}`, want: `{"query":"{ a }","variables":{"a":"{ x }","b":"{","c":"{}","{id}":"k"}}`},
		{name: "a query looks at no body", variables: `{"a":1}`, body: `nonsense`, want: `{"query":"{ a }","variables":{"a":1}}`},
		{name: "unless it names it", variables: `{"a":"{body.x.0}"}`, body: `{"x":[{"y":1}]}`, want: `{"query":"{ a }","variables":{"a":{"y":1}}}`},
		{name: "a mutation takes the body", mutation: true, body: `{"x": 1.0, "y": {"z": 2}}`, want: `{"query":"{ a }","variables":{"x":1.0,"y":{"z": 2}}}`},
		{name: "over constants, not over what is filled in", mutation: true, variables: `{"a":1,"b":"{id}","c":3}`, body: `{"b":"mallory","a":2,"d":4}`, want: `{"query":"{ a }","variables":{"a":2,"b":"7\"","c":3,"d":4}}`},
		{name: "no other spelling of a key gets in", mutation: true, variables: `{"b":"{id}"}`, body: `{"\u0062":"mallory"}`, want: `{"query":"{ a }","variables":{"b":"7\""}}`},
		{name: "a mutation without a body", mutation: true, variables: `{"a":1}`, want: `{"query":"{ a }","variables":{"a":1}}`},
		{name: "a mutation without anything", mutation: true, want: `{"query":"{ a }"}`},
		{name: "GET", get: true, variables: `{"a":"{id}"}`, want: `GET q=x+y&&query=%7B%20a%20%7D&variables=%7B%22a%22:%227%5C%22%22%7D`},
		{name: "an array is no body", mutation: true, body: `[1]`, want: `request_unfit: the body is an array, want an object`},
		{name: "a broken body", mutation: true, body: `{"a":`, want: `request_unfit: the body is no JSON: …`},
		{name: "an object is no text", variables: `{"a":"x{body.o}"}`, body: `{"o":{}}`, want: `request_unfit: {body.o} is no text`},
		{name: "a value that is missing", variables: `{"a":"{resp0_none}"}`, want: `value_missing: {resp0_none} has no value`},
	} {
		cfg := Config{Extra: Extra{GraphQL: &GraphQLConfig{Type: "query", Query: "{ a }"}}}
		if row.mutation {
			cfg.Extra.GraphQL.Type = "mutation"
		}
		if row.get {
			cfg.Extra.GraphQL.Method = "get"
		}
		if row.variables != "" {
			cfg.Extra.GraphQL.Variables = variablesOf(t, row.variables)
		}
		var errs mistakes
		g := errs.graphql(cfg, env)
		if errs.list != nil {
			t.Errorf("%s: %v", row.name, errs.list)
			continue
		}
		req := &Request{Method: "POST", Query: "q=x+y&", Params: []Param{{Value: `7"`}, {Value: "\n"}}, Parts: []*Response{earlier},
			Caller: Caller{Claims: claims{"auth0%7C1"}}, Body: Body{Bytes: []byte(row.body), Length: int64(len(row.body))}}
		got := asked(g, req)
		if want, open := strings.CutSuffix(row.want, "…"); got != row.want && !(open && strings.HasPrefix(got, want)) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

func asked(g *graphql, req *Request) string {
	out, err := g.request(req)
	if err != nil {
		return err.Error()
	}
	if g.get {
		return g.method() + " " + out.Query
	}
	return string(out.Body.Bytes)
}

func TestGraphQLWithoutAClaim(t *testing.T) {
	var errs mistakes
	g := errs.graphql(Config{Extra: Extra{GraphQL: &GraphQLConfig{Type: "query", Query: "{ a }", Variables: variablesOf(t, `{"a":"{JWT.sub}"}`)}}},
		Env{Claim: func(string) (int, error) { return 0, nil }})
	for _, req := range []*Request{{}, {Caller: Caller{Claims: claims{""}}}} {
		_, err := g.request(req)
		var f *Failure
		if !errors.As(err, &f) || f.Reason != ReasonMissingClaim {
			t.Errorf("got %v, want %s", err, ReasonMissingClaim)
		}
	}
}

func TestGraphQLStreamedBody(t *testing.T) {
	var errs mistakes
	g := errs.graphql(Config{Extra: Extra{GraphQL: &GraphQLConfig{Type: "mutation", Query: "{ a }"}}}, Env{})
	body := `{"a":"` + strings.Repeat("x", 100000) + `"}`
	got := asked(g, &Request{Body: Body{Stream: io.MultiReader(strings.NewReader(body)), Length: -1}})
	if want := `{"query":"{ a }","variables":` + body + `}`; got != want {
		t.Errorf("got %.80s", got)
	}
	got = asked(g, &Request{Body: Body{Stream: strings.NewReader(`{"a":"` + strings.Repeat("x", 2<<20) + `"}`), Length: -1}})
	if want := "request_unfit: the body is over 1048576 bytes"; got != want {
		t.Errorf("got %.80s, want %s", got, want)
	}
}

func TestGraphQLHeader(t *testing.T) {
	var errs mistakes
	g := errs.graphql(Config{Extra: Extra{GraphQL: &GraphQLConfig{Type: "query", Query: "{ a }"}}}, Env{})
	got := g.header([]outbound.Field{{Name: "Content-Type", Value: "text/plain"}, {Name: "X-A", Value: "1"}, {Name: "Content-Encoding", Value: "gzip"}})
	if len(got) != 2 || got[0].Name != "X-A" || got[1] != (outbound.Field{Name: "Content-Type", Value: "application/json"}) {
		t.Errorf("got %v", got)
	}
}

// FuzzGraphQL: whatever the client sends, what is asked is valid JSON, and what the file fills in is the file's.
func FuzzGraphQL(f *testing.F) {
	f.Add("7", `{"a":1,"\u0062":{}}`, "q=%22&q=2")
	f.Add("\"}", `{}`, "%zz")
	f.Add("\xff", `[]`, "q")
	var errs mistakes
	g := errs.graphql(Config{Extra: Extra{GraphQL: &GraphQLConfig{Type: "mutation", Query: "{ a }",
		Variables: variablesOf(f, `{"b":"{id}","c":{"d":["<{query.q}>","{body.a}"]},"e":1}`)}}}, Env{Params: []string{"id"}})
	if errs.list != nil {
		f.Fatal(errs.list)
	}
	f.Fuzz(func(t *testing.T, id, body, query string) {
		out, err := g.request(&Request{Query: query, Params: []Param{{Value: id}}, Body: Body{Bytes: []byte(body)}})
		if err != nil {
			return
		}
		var v rawjson.Value
		if err := v.Parse(out.Body.Bytes, 0); err != nil {
			t.Fatalf("%v in %s", err, out.Body.Bytes)
		}
		b, ok := v.Get("variables", "b")
		if s, err := rawjson.Unquote(b); !ok || err != nil || s != strings.ToValidUTF8(id, "\ufffd") && !strings.ContainsRune(s, '\ufffd') {
			t.Fatalf("b is %q, want %q", b, id)
		}
	})
}

func BenchmarkGraphQL(b *testing.B) {
	var errs mistakes
	g := errs.graphql(Config{Extra: Extra{GraphQL: &GraphQLConfig{Type: "query", Query: "query U($id: ID!) { user(id: $id) { name } }",
		Variables: variablesOf(b, `{"id":"{id}","first":10}`)}}}, Env{Params: []string{"id"}})
	req := &Request{Params: []Param{{Value: "7"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.request(req); err != nil {
			b.Fatal(err)
		}
	}
}

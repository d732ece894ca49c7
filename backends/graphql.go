package backends

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// GraphQLConfig is backend/graphql: a REST request becomes a GraphQL one.
type GraphQLConfig struct {
	Type          string     `json:"type" enum:"query|mutation" doc:"A query reads; a mutation writes, and the members of the client's JSON body are variables, too."`
	Query         string     `json:"query" doc:"The GraphQL document."`
	QueryPath     string     `json:"query_path" doc:"A file with the GraphQL document, read at the start."`
	OperationName string     `json:"operationName" doc:"Which operation of the document is meant."`
	Variables     *Variables `json:"variables" doc:"Variables of the document. {param}, {JWT.claim}, {query.name}, {body.path} and {respN_key} in strings are filled in; of a mutation the others are defaults for what the body says."`
	Method        string     `json:"method" enum:"GET|POST|get|post" doc:"How the GraphQL server is asked; a mutation goes by POST." default:"POST"`
}

// Variables are the variables of a GraphQL document as written: a JSON object, digit by digit.
type Variables struct{ raw []byte }

// UnmarshalJSON keeps the object.
func (v *Variables) UnmarshalJSON(b []byte) error {
	var parsed rawjson.Value
	if err := parsed.Parse(b, 0); err != nil {
		return err
	}
	if parsed.Kind() != '{' {
		return fmt.Errorf("got %s, want an object", rawjson.KindName(parsed.Kind()))
	}
	v.raw = append([]byte(nil), b...)
	return nil
}

// MarshalJSON writes the object as it was written.
func (v *Variables) MarshalJSON() ([]byte, error) { return v.raw, nil }

// ConfSchema tells the JSON Schema of the variables.
func (*Variables) ConfSchema() map[string]any { return map[string]any{"type": "object"} }

// graphql is a compiled GraphQLConfig.
type graphql struct {
	get       bool
	mutation  bool
	head      []byte // the JSON up to the variables: {"query":"…","operationName":"…"
	query     string // the same as a URL query
	variables []variable
	needsBody bool
	own       map[string]bool // parameters that servers take a document from, where the URL has them before the body
}

// graphql compiles backend/graphql; nil where there is none.
func (m *mistakes) graphql(cfg Config, env Env) *graphql {
	c := cfg.Extra.GraphQL
	if c == nil {
		return nil
	}
	at := func(err error, path ...any) bool {
		return m.at(err, append([]any{"extra_config", "backend/graphql"}, path...)...)
	}
	g := &graphql{get: strings.EqualFold(c.Method, "GET"), mutation: c.Type == "mutation",
		own: map[string]bool{"query": true, "variables": true, "operationname": true, "extensions": true}}
	switch {
	case c.Type == "":
		at(errors.New("is missing, want query or mutation"), "type")
	case cfg.Encoding == "no-op":
		at(errors.New("no-op hands requests and answers through as they are; take another encoding"))
	case g.mutation && g.get:
		at(errors.New("got GET, but a mutation goes by POST"), "method")
	}
	document, err := c.document()
	at(err)
	g.compose(document, c.OperationName)
	g.variables, err = parseVariables(c.Variables, env)
	at(err, "variables")
	for _, v := range g.variables {
		for _, p := range v.pieces {
			g.needsBody = g.needsBody || p.body != nil
		}
	}
	g.needsBody = g.needsBody || g.mutation
	return g
}

// document is the GraphQL document, wherever it stands.
func (c *GraphQLConfig) document() (string, error) {
	text := c.Query
	switch {
	case c.Query != "" && c.QueryPath != "":
		return "", conf.At(errors.New("there is a query, too; take one of them away"), "query_path")
	case c.QueryPath != "":
		b, err := os.ReadFile(c.QueryPath)
		if err != nil {
			return "", conf.At(err, "query_path")
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return "", errors.New("has no GraphQL document, want one in query or query_path")
	}
	return text, nil
}

func (g *graphql) compose(document, operation string) {
	g.head = rawjson.AppendString([]byte(`{"query":`), document)
	query := AppendSegment([]byte("query="), document)
	if operation != "" {
		g.head = rawjson.AppendString(append(g.head, `,"operationName":`...), operation)
		query = AppendSegment(append(query, "&operationName="...), operation)
	}
	g.query = string(query)
}

// request makes a GraphQL request of a client's.
func (g *graphql) request(req *Request) (*Request, error) {
	var body rawjson.Value
	if g.needsBody {
		if err := readBody(req, &body); err != nil {
			return nil, err
		}
	}
	variables, err := g.fill(req, &body)
	if err != nil {
		return nil, err
	}
	asked := *req
	asked.Body = Body{}
	if asked.Query != "" {
		asked.Query = without(asked.Query, g.own)
	}
	if g.get {
		if asked.Query != "" {
			asked.Query += "&"
		}
		asked.Query += g.query
		if variables != nil {
			asked.Query += "&variables=" + string(AppendSegment(nil, string(variables)))
		}
		return &asked, nil
	}
	out := append([]byte(nil), g.head...)
	if variables != nil {
		out = append(append(out, `,"variables":`...), variables...)
	}
	out = append(out, '}')
	asked.Body = Body{Bytes: out, Length: int64(len(out))}
	return &asked, nil
}

func (g *graphql) method() string {
	if g.get {
		return "GET"
	}
	return "POST"
}

// header tells the type of our body, in place of the client's.
func (g *graphql) header(h []outbound.Field) []outbound.Field {
	h = slices.DeleteFunc(h, func(f outbound.Field) bool { return f.Name == "Content-Type" || f.Name == "Content-Encoding" })
	if g.get {
		return h
	}
	return append(h, outbound.Field{Name: "Content-Type", Value: "application/json"})
}

// maxGraphQLBody bounds a client's body that becomes variables.
const maxGraphQLBody = 1 << 20

// readBody reads the client's JSON object; no body is none.
func readBody(req *Request, body *rawjson.Value) error {
	raw := req.Body.Bytes
	if req.Body.Stream != nil {
		var err error
		if raw, err = io.ReadAll(io.LimitReader(req.Body.Stream, maxGraphQLBody+1)); err != nil {
			return &Failure{Reason: ReasonUnfit, Err: fmt.Errorf("reading the body: %w", err)}
		}
	}
	if len(raw) == 0 {
		return nil
	}
	if len(raw) > maxGraphQLBody {
		return &Failure{Reason: ReasonUnfit, Err: fmt.Errorf("the body is over %d bytes", maxGraphQLBody)}
	}
	if err := body.Parse(raw, 1); err != nil {
		return &Failure{Reason: ReasonUnfit, Err: fmt.Errorf("the body is no JSON: %w", err)}
	}
	if k := body.Kind(); k != '{' {
		return &Failure{Reason: ReasonUnfit, Err: fmt.Errorf("the body is %s, want an object", rawjson.KindName(k))}
	}
	return nil
}

// fill prints the variables; nil if there are none. Those with something filled in are the file's to say; the others give
// way to a mutation's body, whose further members come after them.
func (g *graphql) fill(req *Request, body *rawjson.Value) ([]byte, error) {
	if len(g.variables) == 0 && (!g.mutation || body.Kind() != '{') {
		return nil, nil
	}
	out := []byte{'{'}
	for i := range g.variables {
		v := &g.variables[i]
		out = append(append(rawjson.Comma(out), v.key...), ':')
		if v.fixed && g.mutation {
			if said, ok := body.Get(v.name); ok {
				out = append(out, said...)
				continue
			}
		}
		for j := range v.pieces {
			var err error
			if out, err = v.pieces[j].append(out, req, body); err != nil {
				return nil, err
			}
		}
	}
	if !g.mutation {
		return append(out, '}'), nil
	}
	for _, m := range body.Members() {
		if name, err := rawjson.Unquote(m.Key); err == nil && !g.names(name) {
			out = append(append(append(rawjson.Comma(out), m.Key...), ':'), m.Value...)
		}
	}
	return append(out, '}'), nil
}

func (g *graphql) names(name string) bool {
	for i := range g.variables {
		if g.variables[i].name == name {
			return true
		}
	}
	return false
}

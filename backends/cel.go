package backends

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatehouse/internal/expr"
	"gatehouse/internal/outbound"
)

// rules is validation/cel of a backend: those that look at the request as it will be sent, and those that wait for the
// answer as it was shaped.
type rules struct {
	list   []rule
	needs  expr.Names
	params []string // names as expressions have them
}

type rule struct {
	program *expr.Program
	status  int // 0: by the table
	index   int // in the file
}

// rules compiles them.
func (m *mistakes) rules(b *backend, cfg Config, env Env) {
	before, after := &rules{params: titles(env.Params)}, &rules{params: titles(env.Params)}
	offers := expr.OfRequest | expr.OfAnswer
	if env.Claim != nil {
		offers |= expr.Claims
	}
	for i, written := range cfg.Extra.CEL {
		if m.at(written.Valid(), "extra_config", "validation/cel", i) {
			continue
		}
		p, err := expr.Compile(written.Check, offers)
		if m.at(err, "extra_config", "validation/cel", i, "check_expr") {
			continue
		}
		set := before
		if p.Needs().Late() {
			set = after
		}
		one := rule{program: p, index: i}
		if written.Status != nil {
			one.status = *written.Status
		}
		set.list = append(set.list, one)
		set.needs |= p.Needs()
	}
	if before.list != nil {
		b.edits = append(b.edits, func(ctx context.Context, c *call) error { return before.judge(ctx, c, nil) })
	}
	if after.list != nil {
		b.answers = append(b.answers, after.judge)
	}
}

func titles(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = Title(name)
	}
	return out
}

// Title is a name with its first letter in upper case, as KrakenD calls path parameters.
func Title(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}

// Aborted is what KrakenD says of a rule that refuses.
func Aborted(index int) string { return fmt.Sprintf("request aborted by evaluator #%d", index) }

func (r *rules) judge(ctx context.Context, c *call, res *Response) error {
	v, err := r.describe(c)
	if err == nil && res != nil {
		Describe(v, r.needs, res)
	}
	if f := (*Failure)(nil); errors.As(err, &f) {
		return f
	}
	if err != nil {
		return &Failure{Reason: ReasonRejected, Err: err}
	}
	for i := range r.list {
		one := &r.list[i]
		err := one.program.Judge(ctx, v)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, expr.ErrTooHeavy) {
			return &Failure{Reason: ReasonTooLarge, Err: err}
		}
		f := &Failure{Reason: ReasonRejected, Text: Aborted(one.index), Err: errors.New(Aborted(one.index) + ": " + one.program.String() + ": " + err.Error())}
		switch {
		case one.status != 0:
			f.Told = &Told{Status: one.status, Message: Aborted(one.index)}
		case res == nil:
			f.Fits = http.StatusForbidden
		}
		return f
	}
	return nil
}

// describe tells what expressions may know of a request as it will be sent.
func (r *rules) describe(c *call) (*expr.Vars, error) {
	v, err := r.ofRequest(c)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(c.out.Target, "?")
	v.Method, v.Path = c.out.Method, path
	if plain, err := url.PathUnescape(path); err == nil {
		v.Path = plain
	}
	if r.needs&expr.Header != 0 {
		v.Header = headerMap(c.header)
	}
	if r.needs&expr.Query != 0 {
		v.Query = Parameters(query)
	}
	return v, nil
}

// ofRequest tells what they may know of what the endpoint lets through, before anything is built of it.
func (r *rules) ofRequest(c *call) (*expr.Vars, error) {
	v := &expr.Vars{Method: c.req.Method}
	if r.needs&expr.Params != 0 {
		v.Params = r.pathParams(c.req)
	}
	if r.needs&expr.Header != 0 {
		v.Header = headerMap(slices.Concat(c.req.Header, c.req.Forwarded, c.req.Claims))
	}
	if r.needs&expr.Query != 0 {
		v.Query = Parameters(c.req.Query)
	}
	if r.needs&expr.Body != 0 {
		body, err := c.ownBody()
		if err != nil {
			return nil, err
		}
		v.Body = body
	}
	if told, ok := c.req.Caller.Claims.(interface{ Payload() []byte }); ok && r.needs&expr.Claims != 0 && told.Payload() != nil {
		claims, err := expr.Decode(told.Payload())
		if err != nil {
			return nil, err
		}
		v.Claims = claims
	}
	return v, nil
}

// pathParams are the endpoint's parameters and, in a sequence, the fields of earlier answers: Resp0_id.
func (r *rules) pathParams(req *Request) map[string]string {
	m := make(map[string]string, len(req.Params)+len(req.Parts))
	for i, p := range req.Params {
		if i < len(r.params) {
			m[r.params[i]] = p.Value
		}
	}
	for i, part := range req.Parts {
		if part == nil {
			continue
		}
		for _, f := range part.Body.Members() {
			if name, value, ok := plainMember(f.Key, f.Value); ok {
				m[fmt.Sprintf("Resp%d_%s", i, name)] = value
			}
		}
	}
	for _, e := range req.Earlier {
		m[e.Name] = e.Value
	}
	return m
}

func headerMap(fields []outbound.Field) map[string][]string {
	m := make(map[string][]string, len(fields))
	for _, f := range fields {
		name := http.CanonicalHeaderKey(f.Name)
		m[name] = append(m[name], f.Value)
	}
	return m
}

// Parameters splits a query at "&" alone, as it is forwarded: names and values decoded once, a broken escape as it is.
func Parameters(raw string) map[string][]string {
	m := map[string][]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = unescaped(name)
		m[name] = append(m[name], unescaped(value))
	}
	return m
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// Describe tells what expressions may know of an answer.
func Describe(v *expr.Vars, needs expr.Names, res *Response) {
	v.Complete, v.Status = res.Complete, res.Status
	if needs&expr.AnswerHeader != 0 {
		v.AnswerHeader = headerMap(res.Header)
	}
	if needs&expr.Data != 0 && res.Body.Kind() != 0 {
		v.Data = expr.NewAnswer(res.Body.Text())
	}
}

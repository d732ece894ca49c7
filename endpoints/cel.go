package endpoints

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/expr"
	"gatehouse/validator"
)

// ruleSet is validation/cel at one moment: rules that must all be true, in their order, and what they need to know.
type ruleSet struct {
	rules  []rule
	needs  expr.Names
	params []string // names as expressions have them
}

type rule struct {
	program *expr.Program
	status  int
	index   int // in the file
}

// rules compiles validation/cel. Which moment a rule belongs to is read from the variables that it names.
func (c *guardCompiler) rules() {
	before, after := &ruleSet{params: titles(c.params)}, &ruleSet{params: titles(c.params)}
	offers := expr.OfRequest | expr.OfAnswer
	if c.cfg.Extra.Validator != nil {
		offers |= expr.Claims
	}
	for i, written := range c.cfg.Extra.CEL {
		if c.mistake(written.Valid(), "validation/cel", i) {
			continue
		}
		p, err := expr.Compile(written.Check, offers)
		if c.mistake(err, "validation/cel", i, "check_expr") {
			continue
		}
		set := before
		if p.Needs().Late() {
			set = after
		}
		set.rules = append(set.rules, rule{p, conf.Value(written.Status, c.ruleStatus(p)), i})
		set.needs |= p.Needs()
	}
	if before.rules != nil {
		c.judge(before.guard, before.needs&expr.Body != 0)
	}
	if after.rules != nil {
		c.endpoint.answers = append(c.endpoint.answers, after.weigh)
	}
}

// ruleStatus is what a refusal is where the rule does not say: what fits it or, where errors are 500, KrakenD's.
func (c *guardCompiler) ruleStatus(p *expr.Program) int {
	precise := conf.Value(c.cfg.ErrorStatuses, "precise") == "precise"
	switch needs := p.Needs(); {
	case precise && needs.Late():
		return http.StatusBadGateway
	case precise:
		return http.StatusForbidden
	case needs&expr.Claims != 0:
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}

// titles are names with their first letter in upper case, as KrakenD has them.
func titles(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = backends.Title(name)
	}
	return out
}

func (s *ruleSet) guard(ctx context.Context, x *Exchange, _ http.ResponseWriter, r *http.Request, claims *validator.Claims) error {
	v, err := s.ofRequest(x, r, claims)
	if err != nil {
		return err
	}
	return s.judge(ctx, v)
}

func (s *ruleSet) weigh(ctx context.Context, x *Exchange, r *http.Request, claims *validator.Claims, res *backends.Response) error {
	v, err := s.ofRequest(x, r, claims)
	if err != nil {
		return err
	}
	backends.Describe(v, s.needs, res)
	return s.judge(ctx, v)
}

func (s *ruleSet) judge(ctx context.Context, v *expr.Vars) error {
	for i := range s.rules {
		one := &s.rules[i]
		err := one.program.Judge(ctx, v)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return &backends.Failure{Reason: backends.ReasonTimeout, Err: ctx.Err()}
		}
		if errors.Is(err, expr.ErrTooHeavy) {
			return &backends.Failure{Reason: backends.ReasonTooLarge, Err: err}
		}
		d := &Denied{Status: one.status, Reason: "rule_refused", Detail: "a rule of this endpoint refuses the request",
			Err: errors.New(one.program.String() + ": " + err.Error())}
		if one.status != http.StatusUnauthorized { // KrakenD refuses a token without a word
			d.Text, d.Marked = backends.Aborted(one.index), true
		}
		return d
	}
	return nil
}

// ofRequest tells what expressions may know of a request: all of its headers and parameters, listed or not. The family of
// X-Forwarded is ours: X-Forwarded-For is the client's address, and nothing that the client says of itself.
func (s *ruleSet) ofRequest(x *Exchange, r *http.Request, claims *validator.Claims) (*expr.Vars, error) {
	v := &expr.Vars{Method: r.Method, Path: r.URL.Path}
	if s.needs&expr.Params != 0 {
		v.Params = s.pathParams(x)
	}
	if s.needs&expr.Header != 0 {
		v.Header = headersOf(x, r)
	}
	if s.needs&expr.Query != 0 {
		v.Query = backends.Parameters(r.URL.RawQuery)
	}
	if s.needs&expr.Body != 0 {
		body, err := wholeBody(r)
		if err != nil {
			return nil, err
		}
		v.Body = string(body)
	}
	if s.needs&expr.Claims != 0 && claims != nil {
		decoded, err := expr.Decode(claims.Payload())
		if err != nil {
			return nil, &Denied{Status: http.StatusInternalServerError, Reason: "internal", Detail: "something went wrong here", Err: err}
		}
		v.Claims = decoded
	}
	return v, nil
}

// pathParams are the parameters, decoded once.
func (s *ruleSet) pathParams(x *Exchange) map[string]string {
	m := make(map[string]string, len(s.params))
	for i, name := range s.params {
		if i < len(x.Params) {
			m[name] = unescaped(x.Params[i], url.PathUnescape)
		}
	}
	return m
}

func headersOf(x *Exchange, r *http.Request) map[string][]string {
	m := make(map[string][]string, len(r.Header)+3)
	for name, values := range r.Header {
		if x.Trusted || !forwardedHeader(name) {
			m[name] = values
		}
	}
	m["Host"] = []string{r.Host}
	m["X-Forwarded-For"] = []string{x.Client}
	if m["X-Forwarded-Host"] == nil {
		m["X-Forwarded-Host"] = m["Host"]
	}
	return m
}

func unescaped(s string, decode func(string) (string, error)) string {
	if plain, err := decode(s); err == nil {
		return plain
	}
	return s
}

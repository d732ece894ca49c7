package backends

import (
	"net/http"

	"gatehouse/internal/outbound"
)

// headerRule decides which of the allowed fields and parameters reach this backend.
type headerRule struct {
	all   bool
	names map[string]bool // canonical
	query *QueryRule
}

func newHeaderRule(cfg Config) headerRule {
	rule := headerRule{all: cfg.InputHeaders == nil}
	if cfg.InputHeaders != nil {
		rule.names = map[string]bool{}
		for _, name := range *cfg.InputHeaders {
			rule.all = rule.all || name == "*"
			rule.names[http.CanonicalHeaderKey(name)] = true
		}
	}
	if cfg.InputQueryStrings != nil {
		rule.query = NewQueryRule(*cfg.InputQueryStrings)
		if rule.query.All() {
			rule.query = nil
		}
	}
	return rule
}

// append adds the fields that this backend gets, claims always (config.md).
func (h *headerRule) append(dst []outbound.Field, req *Request) []outbound.Field {
	if h.all {
		dst = append(dst, req.Header...)
		dst = append(dst, req.Forwarded...)
		return append(dst, req.Claims...)
	}
	for _, list := range [2][]outbound.Field{req.Header, req.Forwarded} {
		for _, f := range list {
			if h.names[f.Name] {
				dst = append(dst, f)
			}
		}
	}
	return append(dst, req.Claims...)
}

// trailer is what this backend gets of the fields behind a body: those that it would get as headers.
func (h *headerRule) trailer(t *outbound.Trailer) *outbound.Trailer {
	if t == nil || h.all {
		return t
	}
	passes := func(name string) bool { return h.names[http.CanonicalHeaderKey(name)] }
	own := &outbound.Trailer{}
	for _, name := range t.Announced {
		if passes(name) {
			own.Announced = append(own.Announced, name)
		}
	}
	own.Fields = func() (kept []outbound.Field) {
		for _, f := range t.Fields() {
			if passes(f.Name) {
				kept = append(kept, f)
			}
		}
		return kept
	}
	return own
}

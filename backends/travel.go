package backends

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"gatehouse/internal/conf"
)

// TravelConfig is how a backend's requests find a host, and what happens when one fails them.
type TravelConfig struct {
	SD           string         `json:"sd" enum:"static|dns" doc:"Where hosts come from: the list itself, or SRV records of the first one." default:"static"`
	SDScheme     string         `json:"sd_scheme" enum:"http|https" doc:"The scheme of hosts that SRV records name." default:"http"`
	Balance      string         `json:"balance" since:"4" enum:"least_outstanding|round_robin|random|hash" doc:"Which host is asked: of two the one with fewer requests in flight, each in turn, any, or always the same one for the same balance_by." default:"least_outstanding"`
	BalanceBy    string         `json:"balance_by" since:"4" doc:"What hash goes by: \"header:NAME\" or \"claim:NAME\"."`
	Retries      *int           `json:"retries" since:"4" doc:"How often another host is asked when one fails before the first byte of its answer." default:"1 (versions 2 and 3: 0)"`
	RetryMethods []string       `json:"retry_methods" since:"4" doc:"Methods besides GET, HEAD, OPTIONS, PUT and DELETE that may be sent twice."`
	HedgeAfter   *conf.Duration `json:"hedge_after" since:"4" doc:"For GET and HEAD: ask another host too after this long without an answer, and take the first." default:"half of what time there is, where retries are on"`
	ShedLoad     *bool          `json:"shed_load" since:"4" doc:"Of requests that would wait too long in a queue at a host, at the pace at which it answers, tell 503 at once: those beyond three quarters of the timeout. A host that is slow by nature has no queue." default:"true (versions 2 and 3: false)"`
	HealthCheck  *HealthConfig  `json:"health_check" since:"4" doc:"Ask every host from time to time, and leave out those that are not well."`
}

// travel is a compiled TravelConfig.
type travel struct {
	retries int
	hedge   time.Duration // 0: only when half of the time has gone by
	again   []string      // further methods that may be sent twice
	timeout time.Duration // of the endpoint or the backend
}

func (m *mistakes) travel(cfg Config, env Env) travel {
	t := travel{retries: conf.Value(cfg.Retries, 1), hedge: cfg.HedgeAfter.Or(0), timeout: cfg.Timeout.Or(env.Timeout)}
	if t.retries < 0 || t.retries > 10 {
		m.at(fmt.Errorf("got %d, want 0 to 10", t.retries), "retries")
	}
	if t.hedge < 0 {
		m.at(errors.New("is negative, want a span of time"), "hedge_after")
	}
	for i, method := range cfg.RetryMethods {
		if method != strings.ToUpper(method) || method == "" {
			m.at(fmt.Errorf("got %q, want a method such as \"POST\"", method), "retry_methods", i)
		}
		t.again = append(t.again, method)
	}
	return t
}

// repeatable reports whether a call may be sent a second time although the first one may have arrived.
func (t *travel) repeatable(c *call) bool {
	switch c.out.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodTrace:
	default:
		if !slices.Contains(t.again, c.out.Method) {
			return false
		}
	}
	return (c.bodyless || c.req.Body.Replayable()) && c.out.Upgrade == ""
}

// sender wires how a call travels: cache, redirects, credentials, attempts, hosts. It is the only place where senders are stacked.
func (m *mistakes) sender(a *attempts, cfg Config, env Env) sender {
	s, err := env.Hosts.settings(cfg, env)
	m.at(err)
	a.travel = m.travel(cfg, env)
	m.balance(&a.balancer, cfg, env, s)
	a.limit, err = env.Hosts.limit(cfg.Extra.Limit, env)
	m.at(err, "extra_config", "qos/ratelimit/proxy")
	way := m.bearer(cfg, env, a)
	redirects, err := newRedirects(cfg, env, s, way)
	if !m.at(err) && redirects.max > 0 {
		way = redirects
	}
	return m.cached(cfg, env, way)
}

// fine is what counts as a success where the file says nothing.
var fine = Statuses("2xx")

// outcome sets which statuses are successes, and what becomes of the others.
func (m *mistakes) outcome(cfg Config) (*StatusSet, failureRule) {
	rule := failureRule{pass: conf.Value(cfg.OnError, "pass") == "pass", own: cfg.Extra.Credentials.On() || cfg.Extra.Exchange.On()}
	if h := cfg.Extra.HTTP; h != nil {
		rule.code, rule.details = h.ReturnErrorCode, h.ReturnErrorDetails
	}
	if cfg.SuccessStatus == nil {
		return fine, rule
	}
	return cfg.SuccessStatus, rule
}

// plain checks what is taken as it is written.
func (m *mistakes) plain(cfg Config) {
	if !slices.Contains(methods(), cfg.Method) {
		m.at(fmt.Errorf("got %q, want GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS", cfg.Method), "method")
	}
	if cfg.InputHeaders != nil {
		for i, name := range *cfg.InputHeaders {
			if !httpguts.ValidHeaderFieldName(name) {
				m.at(fmt.Errorf("%q is not a header name", name), "input_headers", i)
			}
		}
	}
	if n := conf.Value(cfg.MaxResponseSize, defaultMaxResponse); n < 1 {
		m.at(fmt.Errorf("got %d, want at least 1 byte", n), "max_response_size")
	}
}

// methods are those that a backend may be asked by.
func methods() []string { return []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} }

func (m *mistakes) target(t *target, cfg Config, env Env) {
	m.at(t.parse(cfg.URLPattern, env), "url_pattern")
}

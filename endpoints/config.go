package endpoints

import (
	"strings"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// Config is one endpoint, as written.
type Config struct {
	Endpoint          string            `json:"endpoint" doc:"The path that clients ask for; {name} stands for one segment."`
	Method            string            `json:"method" doc:"The HTTP method that clients use." default:"GET"`
	Backend           []backends.Config `json:"backend" doc:"What is asked for the answer; several are asked at once and merged in this order."`
	Timeout           *conf.Duration    `json:"timeout" doc:"How long the whole answer may take; for a stream, until its first byte." default:"the service's timeout"`
	CacheTTL          *conf.Duration    `json:"cache_ttl" doc:"Tell clients for how long they may keep a complete answer." default:"the service's cache_ttl"`
	OutputEncoding    string            `json:"output_encoding" enum:"json|json-collection|string|no-op" doc:"How the answer is written." default:"json"`
	ConcurrentCalls   *int              `json:"concurrent_calls" doc:"Ask each backend this many times at once and take the first complete answer." default:"1"`
	InputHeaders      []string          `json:"input_headers" old:"headers_to_pass" doc:"Request headers that reach the backends; \"*\" for all." default:"Content-Type"`
	InputQueryStrings []string          `json:"input_query_strings" old:"querystring_params" doc:"Query parameters that reach the backends; \"*\" for all." default:"none"`
	Public            bool              `json:"public" since:"4" doc:"Nobody needs a token here, whatever the service says." default:"false"`
	PassStatus        *bool             `json:"pass_status" since:"4" doc:"A success of a single backend keeps its own status." default:"true (versions 2 and 3: false, it becomes 200)"`
	ErrorStatuses     *string           `json:"error_statuses" since:"4" enum:"precise|500" doc:"Which status a failure of a backend becomes: what fits (502, 503, 504), or always 500." default:"precise (versions 2 and 3: 500)"`
	Merge             *string           `json:"merge" since:"4" enum:"shallow|deep|error" doc:"What happens to a key that two backends return: the later backend's value, objects merged, or an error." default:"shallow"`
	Extra             Extra             `json:"extra_config" conf:"namespaces" doc:"Features of this endpoint, by namespace."`
}

// Extra are the namespaces that an endpoint may have.
type Extra struct {
	Proxy     *ProxyConfig      `json:"proxy" doc:"How the backends are asked and made one."`
	Validator *validator.Config `json:"auth/validator" doc:"Who may pass: checks the token of every request."`
}

// Inherit fills what the endpoint does not say from the service.
func (c Config) Inherit(s Service) Config {
	c.Method = strings.ToUpper(c.Method)
	if c.Method == "" {
		c.Method = "GET"
	}
	if !strings.HasPrefix(c.Endpoint, "/") {
		c.Endpoint = "/" + c.Endpoint
	}
	c.Timeout = first(c.Timeout, s.Timeout)
	c.CacheTTL = first(c.CacheTTL, s.CacheTTL)
	if c.OutputEncoding == "" {
		c.OutputEncoding = s.OutputEncoding
	}
	if c.OutputEncoding == "" {
		c.OutputEncoding = "json"
	}
	if s.Validator != nil && !c.Public {
		own := validator.Config{}
		if c.Extra.Validator != nil {
			own = *c.Extra.Validator
		}
		merged := own.Inherit(s.Validator)
		c.Extra.Validator = &merged
	}
	kids := make([]backends.Config, len(c.Backend))
	for i, b := range c.Backend {
		kids[i] = b.Inherit(s.Host, c.Method)
	}
	c.Backend = kids
	return c
}

// Service is what endpoints inherit.
type Service struct {
	Host           []string
	Timeout        *conf.Duration
	CacheTTL       *conf.Duration
	OutputEncoding string
	Validator      *validator.Config // nil: endpoints inherit none
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

// Protected reports whether a client must say who it is.
func (c Config) Protected() bool { return c.Extra.Validator != nil }

package endpoints

import (
	"strings"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/expr"
	"gatehouse/internal/lua"
	"gatehouse/validator"
)

// Config is one endpoint, as written.
type Config struct {
	Endpoint          string             `json:"endpoint" doc:"The path that clients ask for; {name} stands for one segment, /* or /{name...} at the end for all that follows."`
	Method            string             `json:"method" doc:"The HTTP method that clients use." default:"GET"`
	Match             *MatchConfig       `json:"match" since:"4" doc:"Answer only requests for these hosts, or with these headers; several endpoints may share a path."`
	Backend           []backends.Config  `json:"backend" doc:"What is asked for the answer; several are asked at once and merged in this order."`
	Timeout           *conf.Duration     `json:"timeout" conf:"zero" doc:"How long the whole answer may take; for a stream, until its first byte." default:"the service's timeout"`
	CacheTTL          *conf.Duration     `json:"cache_ttl" doc:"Tell clients for how long they may keep a complete answer." default:"the service's cache_ttl"`
	OutputEncoding    string             `json:"output_encoding" enum:"json|json-collection|string|xml|yaml|negotiate|no-op|fast-json" doc:"How the answer is written: negotiate goes by Accept, no-op hands it through as it comes, fast-json is json." default:"json"`
	ConcurrentCalls   *int               `json:"concurrent_calls" conf:"zero" doc:"Ask each backend this many times at once and take the first complete answer." default:"1"`
	InputHeaders      []string           `json:"input_headers" old:"headers_to_pass" doc:"Request headers that reach the backends; \"*\" for all." default:"Content-Type"`
	InputQueryStrings []string           `json:"input_query_strings" old:"querystring_params" doc:"Query parameters that reach the backends; \"*\" for all." default:"none"`
	OutputHeaders     []string           `json:"output_headers" since:"4" doc:"Headers of the backends' answers that reach the client, each value whole; \"*\" for all." default:"none; all of a no-op answer"`
	Compression       *CompressionConfig `json:"compression" since:"4" doc:"Compress answers for clients that take it." default:"the service's; off without one"`
	MaxKeptBody       *int64             `json:"max_buffered_body" since:"4" doc:"Bytes of a request's body at most, where it is kept for several backends; a single backend gets it as it comes." default:"10485760"`
	IdleTimeout       *conf.Duration     `json:"idle_timeout" since:"4" doc:"How long a stream (no-op) may be silent once its first byte has come; 0: for ever." default:"5m"`
	WebSocket         bool               `json:"websocket" since:"4" doc:"Hand on upgrades to WebSocket; the token is checked at the handshake. For no-op endpoints of GET." default:"false"`
	WebSocketOutlives bool               `json:"websocket_outlives_token" since:"4" doc:"A WebSocket goes on when the token that it was opened with has ended; without this it is closed then." default:"false"`
	Public            bool               `json:"public" since:"4" doc:"Nobody needs a token here, whatever the service says." default:"false"`
	PassStatus        *bool              `json:"pass_status" since:"4" doc:"A success of a single backend keeps its own status." default:"true (versions 2 and 3: false, it becomes 200)"`
	ErrorStatuses     *string            `json:"error_statuses" since:"4" enum:"precise|500" doc:"Which status a failure of a backend becomes: what fits (502, 503, 504), or always 500." default:"precise (versions 2 and 3: 500)"`
	AuthMatch         *string            `json:"auth_match" since:"4" enum:"any|all" doc:"Where several auth/ namespaces stand here: whether one of them is enough." default:"any (versions 2 and 3: all)"`
	Merge             *string            `json:"merge" since:"4" enum:"shallow|deep|error" doc:"What happens to a key that two backends return: the later backend's value, objects merged, or an error." default:"shallow"`
	ErrorDetails      bool               `json:"error_details" since:"4" doc:"Tell clients what is wrong with a body that does not fit validation/json-schema." default:"router.return_error_msg"`
	Extra             Extra              `json:"extra_config" conf:"namespaces" doc:"Features of this endpoint, by namespace."`
}

// Extra are the namespaces that an endpoint may have.
type Extra struct {
	Proxy       *ProxyConfig             `json:"proxy" doc:"How the backends are asked and made one."`
	Validator   *validator.Config        `json:"auth/validator" doc:"Who may pass: checks the token of every request."`
	APIKeys     *validator.APIKeysConfig `json:"auth/api-keys" doc:"Who may pass: clients with a key."`
	Basic       *validator.BasicConfig   `json:"auth/basic" doc:"Who may pass: users with a password (RFC 7617)."`
	Signer      *validator.SignerConfig  `json:"auth/signer" doc:"Which parts of the answer leave as tokens of ours."`
	RateLimit   *RateLimitConfig         `json:"qos/ratelimit/router" doc:"How often the endpoint may be asked."`
	Bots        *BotsConfig              `json:"security/bot-detector" doc:"Turn clients away for their User-Agent."`
	CEL         []expr.Rule              `json:"validation/cel" doc:"Expressions over request, token and answer that must be true."`
	Schema      *Schema                  `json:"validation/json-schema" conf:"open" doc:"A JSON schema that the request's body must fit."`
	LuaEndpoint *lua.Config              `json:"modifier/lua-endpoint" doc:"A script over the client's request."`
	LuaProxy    *lua.Config              `json:"modifier/lua-proxy" doc:"Scripts over what backends are asked, and over the whole answer."`
	Router      *RouterConfig            `json:"router" doc:"Limits of requests."`
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
	c.Compression = c.Compression.inherit(s.Compression)
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
	if c.Extra.APIKeys != nil {
		merged := c.Extra.APIKeys.Inherit(s.APIKeys)
		c.Extra.APIKeys = &merged
	}
	if c.Extra.Basic != nil {
		merged := c.Extra.Basic.Inherit(s.Basic)
		c.Extra.Basic = &merged
	}
	if s.MaxPayload != nil && (c.Extra.Router == nil || c.Extra.Router.MaxPayload == nil) {
		c.Extra.Router = &RouterConfig{MaxPayload: s.MaxPayload}
	}
	kids := make([]backends.Config, len(c.Backend))
	for i, b := range c.Backend {
		kids[i] = b.Inherit(s.Host, c.Method)
		kids[i].DisableCompression = first(kids[i].DisableCompression, s.DisableCompression)
	}
	c.Backend = kids
	return c
}

// Service is what endpoints inherit.
type Service struct {
	Host               []string
	Timeout            *conf.Duration
	CacheTTL           *conf.Duration
	OutputEncoding     string
	Compression        *CompressionConfig       // nil: none
	DisableCompression *bool                    // do not ask backends for compressed answers
	Validator          *validator.Config        // nil: endpoints inherit none
	APIKeys            *validator.APIKeysConfig // the keys that endpoints with auth/api-keys know
	Basic              *validator.BasicConfig   // the users that endpoints with auth/basic know
	MaxPayload         *int64                   // nil: no limit
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

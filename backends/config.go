package backends

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gatehouse/backends/cache"
	"gatehouse/backends/martian"
	"gatehouse/backends/tokens"
	"gatehouse/internal/conf"
	"gatehouse/internal/expr"
	"gatehouse/internal/lua"
)

// Config is one backend of an endpoint, as written.
type Config struct {
	Host                []string          `json:"host" doc:"Where the backend is: scheme, name and port; several are balanced." default:"the service's host"`
	URLPattern          string            `json:"url_pattern" doc:"Path and query at the backend; {param}, {JWT.claim} and {respN_key} are filled in, escaped."`
	Method              string            `json:"method" doc:"HTTP method at the backend." default:"the endpoint's"`
	Encoding            string            `json:"encoding" enum:"json|safejson|string|xml|rss|atom|yaml|auto|no-op|fast-json" doc:"How the answer is decoded: auto goes by its Content-Type, no-op hands it through as it comes, fast-json is json." default:"json"`
	Group               string            `json:"group" doc:"Wrap the answer in an object under this key."`
	Target              string            `json:"target" doc:"Use only this part of the answer: a dotted path to an object."`
	Allow               []string          `json:"allow" old:"whitelist" doc:"Keep only these fields (dotted paths)."`
	Deny                []string          `json:"deny" old:"blacklist" doc:"Drop these fields (dotted paths, which do not reach into lists; a flatmap_filter does). With encoding auto, an answer that has no fields fails."`
	Mapping             map[string]string `json:"mapping" conf:"open" doc:"Rename fields of the top level: old name to new name."`
	IsCollection        bool              `json:"is_collection" doc:"The answer is an array; it becomes {\"collection\": [...]}." default:"false"`
	DisableHostSanitize bool              `json:"disable_host_sanitize" doc:"Take host as it is written." default:"false"`
	InputHeaders        *[]string         `json:"input_headers" old:"headers_to_pass" doc:"Of the headers that the endpoint lets through, only these reach this backend." default:"all of them"`
	InputQueryStrings   *[]string         `json:"input_query_strings" old:"querystring_params" doc:"Of the query parameters that the endpoint lets through, only these reach this backend." default:"all of them"`
	Timeout             *conf.Duration    `json:"timeout" doc:"How long this backend may take, within the endpoint's timeout." default:"the endpoint's timeout"`
	SuccessStatus       *StatusSet        `json:"success_status" since:"4" doc:"Statuses that count as success: numbers or classes such as \"2xx\"." default:"2xx (versions 2 and 3: 200, 201)"`
	OnError             *string           `json:"on_error" since:"4" enum:"pass|fail" doc:"What a failed answer of an endpoint's only backend becomes: handed on with its status, or an error of ours." default:"pass (versions 2 and 3: fail)"`
	FollowRedirects     *int              `json:"follow_redirects" since:"4" doc:"How many redirects are followed, within the backend's origin." default:"0 (versions 2 and 3: 10)"`
	FollowRedirectsTo   []string          `json:"follow_redirects_to" since:"4" doc:"Other origins that a redirect may lead to; credentials are never sent there."`
	When                string            `json:"when" since:"4" doc:"An expression (CEL) over the request, the token and earlier answers; where it is false the backend is not asked and its part is empty." default:"always"`
	Required            bool              `json:"required" since:"4" doc:"Without this backend's answer the whole request fails." default:"false"`
	MaxResponseSize     *int64            `json:"max_response_size" since:"4" doc:"Bytes of a decoded answer at most; no-op streams have no limit. Where an answer is looked into, it may have one value for each 8 of these bytes (and one member of an object for each 40), but of 10 MiB at least." default:"10485760"`
	DisableCompression  *bool             `json:"disable_compression" since:"4" doc:"Do not ask the backend for compressed answers." default:"the service's, which is false"`
	TravelConfig
	Extra Extra `json:"extra_config" conf:"namespaces" doc:"Features of this backend, by namespace."`
}

// Extra are the namespaces that a backend may have.
type Extra struct {
	HTTP        *HTTPConfig               `json:"backend/http" doc:"What a failed answer becomes."`
	Breaker     *BreakerConfig            `json:"qos/circuit-breaker" doc:"Stop asking a backend that fails."`
	GraphQL     *GraphQLConfig            `json:"backend/graphql" doc:"Ask a GraphQL server."`
	Proxy       *ProxyConfig              `json:"proxy" doc:"How the answer is edited."`
	Credentials *tokens.CredentialsConfig `json:"auth/client-credentials" doc:"Fetch a token of our own for this backend (RFC 6749 4.4)."`
	Limit       *LimitConfig              `json:"qos/ratelimit/proxy" doc:"How often this backend may be asked."`
	Cache       *cache.Config             `json:"qos/http-cache" doc:"Keep answers that the backend lets be kept."`
	Exchange    *tokens.ExchangeConfig    `json:"auth/token-exchange" since:"4" doc:"Exchange the caller's token for one that this backend accepts (RFC 8693)."`
	Client      *HTTPClientConfig         `json:"backend/http/client" doc:"Connections to this backend."`
	CEL         []expr.Rule               `json:"validation/cel" doc:"Expressions over this backend's request and answer that must be true."`
	Lua         *lua.Config               `json:"modifier/lua-backend" doc:"Scripts over this backend's request and answer."`
	Martian     *martian.Config           `json:"modifier/martian" conf:"open" doc:"Modifiers of the request as it is sent and of the answer as it comes: one by its name, or a group."`
}

// HTTPConfig is backend/http (krakend.md 2.8).
type HTTPConfig struct {
	ReturnErrorCode    bool   `json:"return_error_code" doc:"Hand on the backend's status where it is the only one."`
	ReturnErrorDetails string `json:"return_error_details" doc:"Put the failure into the answer as error_NAME."`
}

// NeedsToken reports whether the backend must be told the caller's token: to exchange it, or to keep answers apart by it.
func (c Config) NeedsToken() bool { return c.Extra.Exchange != nil || c.Extra.Cache != nil }

// Inherit fills what the backend does not say from its endpoint and service.
func (c Config) Inherit(host []string, method string) Config {
	if len(c.Host) == 0 {
		c.Host = slices.Clone(host)
	}
	if c.Method == "" {
		c.Method = method
	}
	c.Method = strings.ToUpper(c.Method)
	if c.Encoding == "" {
		c.Encoding = "json"
	}
	return c
}

// StatusSet is a set of HTTP statuses: numbers (200) and classes ("2xx").
type StatusSet struct {
	written []string
	has     [10]uint64
}

// Statuses makes a set; words as in a file.
func Statuses(words ...string) *StatusSet {
	s := &StatusSet{}
	for _, w := range words {
		if err := s.add(w); err != nil {
			return nil
		}
	}
	return s
}

// Has reports whether the status is in the set.
func (s *StatusSet) Has(status int) bool {
	return status >= 0 && status < 640 && s.has[status/64]&(1<<(status%64)) != 0
}

// UnmarshalJSON reads a list of numbers and classes.
func (s *StatusSet) UnmarshalJSON(b []byte) error {
	var list []any
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf(`got %s, want a list of statuses such as [200, "3xx"]`, b)
	}
	*s = StatusSet{}
	for _, one := range list {
		if err := s.add(fmt.Sprint(one)); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON writes the set as it was written.
func (s *StatusSet) MarshalJSON() ([]byte, error) { return json.Marshal(s.written) }

// ConfSchema tells the JSON Schema of a set.
func (*StatusSet) ConfSchema() map[string]any {
	return map[string]any{"type": "array", "items": map[string]any{"anyOf": []any{
		map[string]any{"type": "integer", "minimum": 200, "maximum": 599},
		map[string]any{"type": "string", "pattern": "^[2-5]xx$|^[2-5][0-9][0-9]$"},
	}}}
}

func (s *StatusSet) add(word string) error {
	lo, err := strconv.Atoi(word)
	hi := lo
	if len(word) == 3 && strings.HasSuffix(word, "xx") {
		lo, err = strconv.Atoi(word[:1] + "00")
		hi = lo + 99
	}
	if err != nil || lo < 200 || hi > 599 {
		return fmt.Errorf(`got %q, want a status from 200 to 599 or a class such as "2xx"`, word)
	}
	for n := lo; n <= hi; n++ {
		s.has[n/64] |= 1 << (n % 64)
	}
	s.written = append(s.written, word)
	return nil
}

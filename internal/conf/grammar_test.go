package conf

import (
	"encoding/json"
	"errors"
	"strings"
)

// service is a grammar like the gateway's, small enough to keep in mind.
type service struct {
	Version   int                  `json:"version" doc:"The grammar of the file." enum:"2|3|4"`
	Name      string               `json:"name" doc:"What the service is called."`
	Port      *int                 `json:"port" doc:"Where to listen." default:"8080"`
	Workers   uint8                `json:"workers" doc:"How many." default:"4"`
	Ratio     float32              `json:"ratio" doc:"A share."`
	Timeout   *Duration            `json:"timeout" doc:"How long an endpoint may take." default:"2s"`
	Debug     bool                 `json:"debug_endpoint" doc:"Whether there is one." default:"false"`
	Host      []string             `json:"host" doc:"Where backends are."`
	Endpoints []endpoint           `json:"endpoints" doc:"The routes."`
	Providers map[string]*provider `json:"providers" doc:"Named identity providers." since:"4" conf:"strict"`
	Extra     serviceExtra         `json:"extra_config" doc:"Features by namespace." conf:"namespaces"`
}

type serviceExtra struct {
	Validator *validator `json:"auth/validator" doc:"Who may pass, everywhere."`
	Logging   *logging   `json:"telemetry/logging" doc:"What is logged."`
	Router    *router    `json:"router" doc:"How routes are found."`
}

type logging struct {
	Level string `json:"level" doc:"From which level on." enum:"DEBUG|INFO|WARNING" default:"INFO"`
}

type router struct {
	ErrorBody map[string]json.RawMessage `json:"error_body" doc:"Bodies by status."`
	AutoHead  *bool                      `json:"auto_head" doc:"HEAD as GET."`
}

type provider struct {
	Issuer string `json:"issuer" doc:"The iss of its tokens."`
}

type common struct {
	Timeout *Duration `json:"timeout" doc:"How long it may take."`
	Method  string    `json:"method" doc:"The HTTP method." default:"GET"`
}

type endpoint struct {
	common

	Endpoint       string        `json:"endpoint" doc:"The path."`
	Backends       []*backend    `json:"backend" doc:"Who is asked."`
	InputHeaders   []string      `json:"input_headers" old:"headers_to_pass" doc:"Headers let through."`
	OutputEncoding string        `json:"output_encoding" doc:"How to answer." enum:"json|string|no-op" default:"json"`
	Concurrent     int           `json:"concurrent_calls" doc:"How often at once." default:"1"`
	Extra          endpointExtra `json:"extra_config" doc:"Features by namespace." conf:"namespaces"`
}

type endpointExtra struct {
	Validator *validator `json:"auth/validator" doc:"Who may pass."`
	Proxy     *proxy     `json:"proxy" doc:"How backends are asked."`
	CEL       []cel      `json:"validation/cel" doc:"What must hold."`
	Limit     *limit     `json:"qos/ratelimit/router" doc:"How often."`
}

type validator struct {
	Alg       string   `json:"alg" doc:"The algorithm." enum:"RS256|ES256|HS256"`
	JWKURL    string   `json:"jwk_url" old:"jwk-url" doc:"Where the keys are."`
	Audience  []string `json:"audience" doc:"Who is meant."`
	Propagate []pair   `json:"propagate_claims" old:"propagate-claims" doc:"Claims as headers."`
	Cache     bool     `json:"cache" doc:"Whether keys are kept."`
	Secret    string   `json:"client_secret" doc:"A secret." conf:"secret"`
	Roles     []string `json:"roles" doc:"Who may."`
}

type cel struct {
	Expr string `json:"check_expr" doc:"An expression."`
}

type limit struct {
	MaxRate  float64  `json:"max_rate" old:"maxRate" doc:"Requests in a while." default:"0"`
	Every    Duration `json:"every" doc:"The while." default:"1s"`
	Strategy string   `json:"strategy" enum:"ip|header" doc:"Who is counted."`
	Capacity *int64   `json:"capacity" doc:"The size of the bucket."`
}

type proxy struct {
	Sequential bool    `json:"sequential" doc:"One after another."`
	Static     *static `json:"static" doc:"What is added."`
}

type static struct {
	Data     map[string]any `json:"data" conf:"open" doc:"The user's keys."`
	Strategy string         `json:"strategy" doc:"When." enum:"always|success"`
}

type backend struct {
	common

	URLPattern string            `json:"url_pattern" doc:"The path at the backend."`
	Host       []string          `json:"host" doc:"Where it is."`
	SD         string            `json:"sd" doc:"How hosts are found."`
	Allow      []string          `json:"allow" old:"whitelist" doc:"What stays."`
	Mapping    map[string]string `json:"mapping" conf:"open" doc:"New names."`
	Target     *upper            `json:"target" doc:"The object inside."`
	Retries    int8              `json:"retries" since:"4" doc:"How often again."`
	Extra      backendExtra      `json:"extra_config" doc:"Features by namespace." conf:"namespaces"`
}

type backendExtra struct {
	Breaker *breaker        `json:"qos/circuit-breaker" doc:"When to stop asking."`
	Client  *credentials    `json:"auth/client-credentials" doc:"A token of our own."`
	CEL     []cel           `json:"validation/cel" doc:"What must hold."`
	Martian json.RawMessage `json:"modifier/martian" doc:"Anything."`
	Digits  json.Number     `json:"backend/digits" doc:"A number with its digits."`
}

type breaker struct {
	MaxErrors int      `json:"max_errors" old:"maxErrors" doc:"How many errors open it."`
	Interval  Duration `json:"interval" doc:"The window."`
}

type credentials struct {
	TokenURL string         `json:"token_url" doc:"Where tokens are."`
	Params   map[string]any `json:"endpoint_params" conf:"open" doc:"More of them."`
}

// upper reads strings in upper case only.
type upper string

func (u *upper) UnmarshalText(text []byte) error {
	if s := string(text); s != strings.ToUpper(s) {
		return errors.New("got " + quoted(s) + ", want upper case")
	}
	*u = upper(text)
	return nil
}

// pair is ["claim", "header"] or {"claim": …, "header": …}.
type pair struct {
	Claim  string `json:"claim" doc:"Which claim."`
	Header string `json:"header" doc:"Which header."`
}

func (p *pair) ReadConf(n Node) error {
	if n.Kind() == Object {
		type plain pair
		n.Decode((*plain)(p))
		return nil
	}
	var both [2]string
	if n.Decode(&both) {
		p.Claim, p.Header = both[0], both[1]
		if p.Claim == "" {
			return At(errors.New("got no claim"), 0)
		}
	}
	return nil
}

func (*pair) ConfSchema() map[string]any {
	return map[string]any{"type": []any{"array", "object"}}
}

func options() Options {
	return Options{
		Unserved: map[string]string{
			"auth/signer":      "signed answers",
			"async_agent":      "asynchronous agents",
			"telemetry/influx": "InfluxDB",
			"plugin":           "Go plugins",
		},
		Renamed: map[string]string{
			"github.com/devopsfaith/krakend-jose/validator":           "auth/validator",
			"github.com/devopsfaith/krakend-jose/signer":              "auth/signer",
			"github.com/devopsfaith/krakend-circuitbreaker/gobreaker": "qos/circuit-breaker",
			"github.com/devopsfaith/krakend-oauth2-clientcredentials": "auth/client-credentials",
			"github_com/devopsfaith/krakend-gologging":                "telemetry/logging",
			"github_com/letgoapp/krakend-influx":                      "telemetry/influx",
			"github.com/devopsfaith/krakend-ratelimit/juju/router":    "qos/ratelimit/router",
		},
	}
}

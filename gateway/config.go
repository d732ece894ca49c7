package gateway

import (
	"gatehouse/backends"
	"gatehouse/endpoints"
	"gatehouse/internal/conf"
	"gatehouse/internal/lua"
	"gatehouse/validator"
)

// Config is the whole file, as written.
type Config struct {
	Version            int                           `json:"version" doc:"The grammar's version: 4, or 3 and 2 for files of KrakenD."`
	Name               string                        `json:"name" doc:"A name for people."`
	Port               *int                          `json:"port" doc:"The port to listen on." default:"8080"`
	ListenIP           string                        `json:"listen_ip" doc:"The address to listen on." default:"all addresses"`
	Host               []string                      `json:"host" doc:"Where backends are that name no host."`
	Timeout            *conf.Duration                `json:"timeout" conf:"zero" doc:"How long an answer may take." default:"2s"`
	CacheTTL           *conf.Duration                `json:"cache_ttl" doc:"Tell clients for how long they may keep a complete answer." default:"nothing is said"`
	OutputEncoding     string                        `json:"output_encoding" enum:"json|json-collection|string|xml|yaml|negotiate|no-op|fast-json" doc:"How answers are written." default:"json"`
	Compression        *endpoints.CompressionConfig  `json:"compression" since:"4" doc:"Compress answers for clients that take it." default:"off"`
	DisableCompression *bool                         `json:"disable_compression" doc:"Do not ask backends for compressed answers." default:"false"`
	Endpoints          []endpoints.Config            `json:"endpoints" doc:"The routes."`
	ReadTimeout        *conf.Duration                `json:"read_timeout" doc:"How long a client may take to send its whole request; bodies roll it on." default:"no limit on the whole, 30s without a byte"`
	WriteTimeout       *conf.Duration                `json:"write_timeout" doc:"How long a client may take to read an answer." default:"no limit on the whole, 30s without a byte"`
	IdleTimeout        *conf.Duration                `json:"idle_timeout" doc:"How long a connection may wait for its next request." default:"1m"`
	ReadHeaderTimeout  *conf.Duration                `json:"read_header_timeout" doc:"How long a client may take to send its headers." default:"5s"`
	MaxHeaderBytes     *int                          `json:"max_header_bytes" doc:"Bytes of request line and headers at most." default:"1048576"`
	MaxShutdownWait    *conf.Duration                `json:"max_shutdown_wait_time" doc:"How long a stop waits for requests in flight; 0: as long as they take." default:"0s"`
	ErrorFormat        *string                       `json:"error_format" since:"4" enum:"json|krakend" doc:"The body of errors of ours: {error, error_description, request_id}, or KrakenD's." default:"json (versions 2 and 3: krakend)"`
	HeadersPrefix      *string                       `json:"headers_prefix" since:"4" doc:"The completeness header is PREFIX-Completed; after X-KrakenD it says false where KrakenD does, of no-op answers and empty objects." default:"X-Gateway (versions 2 and 3: X-KrakenD)"`
	Debug              bool                          `json:"debug_endpoint" doc:"Serve /__debug/: it answers any request with pong and logs it." default:"false"`
	Echo               bool                          `json:"echo_endpoint" doc:"Serve /__echo/: it answers with the request." default:"false"`
	Providers          map[string]validator.Provider `json:"providers" since:"4" doc:"Identity providers by name, for validators to list."`
	ServerConfig
	backends.TransportConfig
	Extra Extra `json:"extra_config" conf:"namespaces" doc:"Features of the service, by namespace."`
}

// Extra are the namespaces that the service may have.
type Extra struct {
	Router    *RouterConfig            `json:"router" doc:"How requests find their endpoint, and what surrounds an answer."`
	Validator *ServiceValidator        `json:"auth/validator" doc:"Version 4: the validator that every endpoint inherits, field by field."`
	Revoker   *validator.RevokerConfig `json:"auth/revoker" doc:"Which tokens are refused although everything else about them is right."`
	APIKeys   *validator.APIKeysConfig `json:"auth/api-keys" doc:"The keys that endpoints with auth/api-keys know."`
	Basic     *validator.BasicConfig   `json:"auth/basic" doc:"The users that endpoints with auth/basic know."`
	CORS      *CORSConfig              `json:"security/cors" doc:"Which pages of other origins may read answers."`
	Secure    *SecureConfig            `json:"security/http" doc:"Which names we answer to, and headers that tell browsers to be careful."`
	Bots      *endpoints.BotsConfig    `json:"security/bot-detector" doc:"Turn clients away for their User-Agent, at every path."`
	Lua       *lua.Config              `json:"modifier/lua-endpoint" doc:"A script over the client's request, before every endpoint's own guards."`
}

// RouterConfig is the namespace router (krakend.md 2.2).
type RouterConfig struct {
	MaxPayload                    *int64   `json:"max_payload" doc:"Bytes of a request's body at most; 0: no limit. An endpoint may say its own." default:"0"`
	DisableRedirectTrailingSlash  bool     `json:"disable_redirect_trailing_slash" doc:"Do not redirect /a/ to /a." default:"false"`
	DisableRedirectFixedPath      bool     `json:"disable_redirect_fixed_path" doc:"Do not redirect /A//b to /a/b." default:"false"`
	DisableHandleMethodNotAllowed bool     `json:"disable_handle_method_not_allowed" doc:"Answer 404 instead of 405." default:"false"`
	ForwardedByClientIP           bool     `json:"forwarded_by_client_ip" doc:"Believe X-Forwarded-For from anybody." default:"false"`
	RemoteIPHeaders               []string `json:"remote_ip_headers" doc:"Headers that trusted proxies tell the client's address in." default:"X-Forwarded-For, X-Real-IP"`
	TrustedProxies                []string `json:"trusted_proxies" doc:"Addresses or networks whose X-Forwarded-* headers are believed." default:"nobody"`
	AutoHead                      *bool    `json:"auto_head" since:"4" doc:"Answer HEAD where there is a GET." default:"true (versions 2 and 3: false)"`
	AutoOptions                   *bool    `json:"auto_options" doc:"Answer OPTIONS with the allowed methods." default:"true (versions 2 and 3: false)"`
	ReturnErrorMsg                bool     `json:"return_error_msg" doc:"Tell clients the errors of backends, addresses included." default:"false"`
	DisableHealth                 bool     `json:"disable_health" doc:"No health endpoint." default:"false"`
	HealthPath                    *string  `json:"health_path" doc:"The path of the health endpoint." default:"/__health (version 4 also /livez and /readyz)"`
	DisableAccessLog              bool     `json:"disable_access_log" doc:"Do not log requests." default:"false"`
	LoggerSkipPaths               []string `json:"logger_skip_paths" doc:"Paths that are not logged."`
	DisablePathDecoding           *bool    `json:"disable_path_decoding" doc:"Let encoded URL characters stand in path parameters; they are escaped again." default:"true (versions 2 and 3: false)"`
	HideVersionHeader             *bool    `json:"hide_version_header" doc:"Do not send the X-KrakenD header." default:"true (versions 2 and 3: false)"`
	ErrorBody                     *struct {
		NotFound         any `json:"404" conf:"open" doc:"The JSON body of a 404."`
		MethodNotAllowed any `json:"405" conf:"open" doc:"The JSON body of a 405."`
	} `json:"error_body" doc:"JSON bodies instead of KrakenD's texts."`
	H2C                bool `json:"use_h2c" doc:"The same as use_h2c of the service." default:"false"`
	RemoveExtraSlash   bool `json:"remove_extra_slash" doc:"Take // for /." default:"false"`
	MaxMultipartMemory int  `json:"max_multipart_memory" doc:"Accepted and without effect: bodies are streamed."`
	AppEngine          bool `json:"app_engine" doc:"Accepted and without effect."`
}

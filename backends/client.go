package backends

import (
	"errors"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// TransportConfig is how connections to upstreams are made and kept (krakend.md 1.3). What a backend does not say it has
// from the service.
type TransportConfig struct {
	ConnectTimeout *conf.Duration      `json:"dialer_timeout" doc:"How long opening a connection may take." default:"10s"`
	FallbackDelay  *conf.Duration      `json:"dialer_fallback_delay" doc:"How long one address family is tried before the other one is tried too." default:"300ms"`
	KeepAlive      *conf.Duration      `json:"dialer_keep_alive" doc:"Between two TCP probes of a connection." default:"15s"`
	HeadTimeout    *conf.Duration      `json:"response_header_timeout" doc:"How long the headers of an answer may take once the request is sent." default:"the endpoint's timeout"`
	IdleTimeout    *conf.Duration      `json:"idle_connection_timeout" doc:"How long an unused connection is kept." default:"90s"`
	MaxIdle        *int                `json:"max_idle_connections_per_host" doc:"Unused connections kept for each host. Without it 250, and for a second or two as many as were in use." default:"250"`
	MaxIdleAll     *int                `json:"max_idle_connections" doc:"Accepted for KrakenD's sake: unused connections are counted for each host."`
	Continue       *conf.Duration      `json:"expect_continue_timeout" doc:"Accepted for KrakenD's sake: bodies are sent without being asked for."`
	NoKeepAlive    bool                `json:"disable_keep_alives" doc:"A connection for each request." default:"false"`
	MaxOpen        *int                `json:"max_connections_per_host" since:"4" doc:"Connections to a host at a time; 0: no limit." default:"4096"`
	MaxWait        *conf.Duration      `json:"max_connection_wait" since:"4" doc:"How long a request waits for one of them before it is told 503; as many may wait as there are connections, and a hundred in any case." default:"100ms"`
	MaxAge         *conf.Duration      `json:"max_connection_age" since:"4" doc:"After which a connection is not used again, so that changes of DNS are seen." default:"5m"`
	DNSTTL         *conf.Duration      `json:"dns_cache_ttl" doc:"How long addresses of names are remembered." default:"30s"`
	Protocol       string              `json:"http_version" since:"4" enum:"auto|http1|http2" doc:"Which HTTP is spoken: auto is HTTP/2 where an https host offers it; http2 over http is h2c." default:"http1"`
	SkipVerify     bool                `json:"dangerously_skip_tls_verify" old:"allow_insecure_connections" doc:"Accept any certificate of any backend." default:"false"`
	TLS            *outbound.TLSConfig `json:"client_tls" doc:"Certificates, ours and theirs."`
}

// HTTPClientConfig is backend/http/client: connections of one backend.
type HTTPClientConfig struct {
	TransportConfig
	Proxy        string `json:"proxy_address" doc:"The URL of an HTTP proxy to go through; \"none\" for none." default:"HTTPS_PROXY and HTTP_PROXY of the environment"`
	NoRedirect   bool   `json:"no_redirect" doc:"Follow no redirect: follow_redirects 0." default:"false"`
	BodyRedirect bool   `json:"send_body_on_redirect" doc:"Accepted and without effect: a body that can be sent again is." default:"true"`
}

// over is c with what it does not say taken from the service.
func (c TransportConfig) over(s TransportConfig) TransportConfig {
	c.ConnectTimeout = first(c.ConnectTimeout, s.ConnectTimeout)
	c.FallbackDelay = first(c.FallbackDelay, s.FallbackDelay)
	c.KeepAlive = first(c.KeepAlive, s.KeepAlive)
	c.HeadTimeout = first(c.HeadTimeout, s.HeadTimeout)
	c.IdleTimeout = first(c.IdleTimeout, s.IdleTimeout)
	c.MaxIdle = first(c.MaxIdle, s.MaxIdle)
	c.NoKeepAlive = c.NoKeepAlive || s.NoKeepAlive
	c.MaxOpen = first(c.MaxOpen, s.MaxOpen)
	c.MaxWait = first(c.MaxWait, s.MaxWait)
	c.MaxAge = first(c.MaxAge, s.MaxAge)
	c.DNSTTL = first(c.DNSTTL, s.DNSTTL)
	c.SkipVerify = c.SkipVerify || s.SkipVerify && c.TLS == nil
	c.TLS = first(c.TLS, s.TLS)
	if c.Protocol == "" {
		c.Protocol = s.Protocol
	}
	return c
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

const (
	defaultMaxOpen = 4096
	defaultMaxWait = 100 * time.Millisecond
	defaultMaxAge  = 5 * time.Minute
	defaultDNSTTL  = 30 * time.Second
)

// options are the settings of a client of one upstream, on top of base.
func (c *TransportConfig) options(base outbound.Options) (outbound.Options, error) {
	var errs mistakes
	o := base
	for _, d := range []struct {
		key     string
		written *conf.Duration
		into    *time.Duration
	}{
		{"dialer_timeout", c.ConnectTimeout, &o.ConnectTimeout},
		{"dialer_fallback_delay", c.FallbackDelay, &o.FallbackDelay},
		{"dialer_keep_alive", c.KeepAlive, &o.KeepAlive},
		{"response_header_timeout", c.HeadTimeout, &o.HeadTimeout},
		{"idle_connection_timeout", c.IdleTimeout, &o.IdleTimeout},
		{"max_connection_age", c.MaxAge, &o.MaxAge},
		{"max_connection_wait", c.MaxWait, &o.MaxWait},
		{"dns_cache_ttl", c.DNSTTL, new(time.Duration)},
	} {
		if d.written.Or(0) < 0 {
			errs.at(errors.New("is negative, want a span of time or 0"), d.key)
		}
		*d.into = d.written.Or(*d.into)
	}
	o.MaxAge, o.MaxWait = c.MaxAge.Or(defaultMaxAge), c.MaxWait.Or(defaultMaxWait)
	o.MaxIdle = conf.Value(c.MaxIdle, o.MaxIdle)
	if c.NoKeepAlive {
		o.MaxIdle = -1
	}
	if o.MaxOpen = conf.Value(c.MaxOpen, defaultMaxOpen); o.MaxOpen < 0 {
		errs.at(errors.New("is negative, want a number of connections or 0"), "max_connections_per_host")
	}
	if o.Protocol = outbound.Protocol(c.Protocol); c.Protocol == "" {
		o.Protocol = outbound.HTTP1
	} else if c.Protocol == "auto" {
		o.Protocol = outbound.Auto
	}
	errs.secure(c, &o)
	return o, conf.Join(errs.list...)
}

func (m *mistakes) secure(c *TransportConfig, o *outbound.Options) {
	var written outbound.TLSConfig
	if c.TLS != nil {
		written = *c.TLS
	}
	written.DangerouslySkipVerify = written.DangerouslySkipVerify || c.SkipVerify
	compiled, err := written.Compile()
	m.at(err, "client_tls")
	o.TLS = compiled
}

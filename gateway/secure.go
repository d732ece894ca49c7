package gateway

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// SecureConfig is security/http: which names we answer to, redirects to TLS, and headers that tell browsers to be careful.
type SecureConfig struct {
	AllowedHosts          []string          `json:"allowed_hosts" doc:"Host headers that are answered." default:"all"`
	AllowedHostsAreRegex  bool              `json:"allowed_hosts_are_regex" doc:"allowed_hosts are regular expressions (RE2) of the whole header." default:"false"`
	BadHostStatus         *int              `json:"bad_host_status" since:"4" doc:"What a request with another Host is told." default:"421 (versions 2 and 3: 500)"`
	HostProxyHeaders      []string          `json:"host_proxy_headers" doc:"Headers in which trusted proxies tell the Host that they were asked for."`
	SSLRedirect           bool              `json:"ssl_redirect" doc:"Redirect requests without TLS." default:"false"`
	SSLHost               string            `json:"ssl_host" doc:"Where to." default:"the request's host"`
	SSLProxyHeaders       map[string]string `json:"ssl_proxy_headers" conf:"open" doc:"Headers and values that say that the client came with TLS, such as X-Forwarded-Proto: https."`
	STSSeconds            int64             `json:"sts_seconds" doc:"Strict-Transport-Security: for so long, only with TLS." default:"0, which is not said"`
	STSIncludeSubdomains  bool              `json:"sts_include_subdomains" doc:"And all names below." default:"false"`
	STSPreload            bool              `json:"sts_preload" since:"4" doc:"And browsers may have it built in." default:"false"`
	ForceSTSHeader        bool              `json:"force_sts_header" doc:"Say so without TLS, too." default:"false"`
	FrameDeny             bool              `json:"frame_deny" doc:"X-Frame-Options: DENY." default:"false"`
	CustomFrameOptions    string            `json:"custom_frame_options_value" doc:"X-Frame-Options, in these words."`
	ContentTypeNosniff    bool              `json:"content_type_nosniff" doc:"X-Content-Type-Options: nosniff." default:"false"`
	BrowserXSSFilter      bool              `json:"browser_xss_filter" doc:"X-XSS-Protection: 1; mode=block." default:"false"`
	ContentSecurityPolicy string            `json:"content_security_policy" doc:"Content-Security-Policy."`
	ReferrerPolicy        string            `json:"referrer_policy" doc:"Referrer-Policy."`
	HPKP                  string            `json:"hpkp_public_key" doc:"Accepted for KrakenD's sake; browsers have given up public key pinning."`
	IsDevelopment         bool              `json:"is_development" doc:"Neither hosts nor TLS matter." default:"false"`
}

// secure is a compiled security/http.
type secure struct {
	cfg     SecureConfig
	voice   endpoints.Voice
	hosts   map[string]bool // nil: all
	regexes []*regexp.Regexp
	proxies []string // canonical
	tls     map[string]string
	headers [][2]string
	sts     string
	badHost int
}

func newSecure(cfg SecureConfig, m manners, voice endpoints.Voice) (door, error) {
	s := &secure{cfg: cfg, voice: voice, badHost: conf.Value(cfg.BadHostStatus, m.badHost), tls: map[string]string{}}
	var errs []error
	at := func(err error, path ...any) { errs = append(errs, conf.At(err, path...)) }
	for i, h := range cfg.AllowedHosts {
		if err := s.allow(h); err != nil {
			at(err, "allowed_hosts", i)
		}
	}
	for _, h := range cfg.HostProxyHeaders {
		s.proxies = append(s.proxies, http.CanonicalHeaderKey(h))
	}
	for name, value := range cfg.SSLProxyHeaders {
		s.tls[http.CanonicalHeaderKey(name)] = value
	}
	if strings.ContainsAny(cfg.SSLHost, "/ ?#") {
		at(fmt.Errorf("got %q, want a name, and a port if it is not 443", cfg.SSLHost), "ssl_host")
	}
	if cfg.STSSeconds < 0 {
		at(fmt.Errorf("got %d, want 0 or more", cfg.STSSeconds), "sts_seconds")
	}
	if s.badHost < 400 || s.badHost > 599 {
		at(fmt.Errorf("got %d, want 400 to 599", s.badHost), "bad_host_status")
	}
	for key, value := range map[string]string{"custom_frame_options_value": cfg.CustomFrameOptions, "content_security_policy": cfg.ContentSecurityPolicy, "referrer_policy": cfg.ReferrerPolicy} {
		if !httpguts.ValidHeaderFieldValue(value) {
			at(fmt.Errorf("has control characters, want the value of a header"), key)
		}
	}
	s.compileHeaders()
	return s.door, conf.Join(errs...)
}

func (s *secure) allow(host string) error {
	if !s.cfg.AllowedHostsAreRegex {
		if s.hosts == nil {
			s.hosts = map[string]bool{}
		}
		s.hosts[strings.ToLower(host)] = true
		return nil
	}
	if _, err := regexp.Compile(host); err != nil {
		return err
	}
	p, err := regexp.Compile("^(?i:" + host + ")$") // all of the header: part of one proves nothing
	if err == nil {
		s.regexes = append(s.regexes, p)
	}
	return err
}

func (s *secure) compileHeaders() {
	add := func(on bool, name, value string) {
		if on {
			s.headers = append(s.headers, [2]string{name, value})
		}
	}
	frame := s.cfg.CustomFrameOptions
	if frame == "" {
		frame = "DENY"
	}
	add(s.cfg.FrameDeny || s.cfg.CustomFrameOptions != "", "X-Frame-Options", frame)
	add(s.cfg.ContentTypeNosniff, "X-Content-Type-Options", "nosniff")
	add(s.cfg.BrowserXSSFilter, "X-Xss-Protection", "1; mode=block")
	add(s.cfg.ContentSecurityPolicy != "", "Content-Security-Policy", s.cfg.ContentSecurityPolicy)
	add(s.cfg.ReferrerPolicy != "", "Referrer-Policy", s.cfg.ReferrerPolicy)
	if s.cfg.STSSeconds > 0 {
		s.sts = "max-age=" + strconv.FormatInt(s.cfg.STSSeconds, 10)
		if s.cfg.STSIncludeSubdomains {
			s.sts += "; includeSubDomains"
		}
		if s.cfg.STSPreload {
			s.sts += "; preload"
		}
	}
}

func (s *secure) door(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	for _, one := range s.headers {
		h[one[0]] = []string{one[1]}
	}
	if s.cfg.IsDevelopment {
		return false
	}
	host := s.host(x, r)
	if !s.known(host) {
		s.voice.Fail(x, w, r, &endpoints.Denied{Status: s.badHost, Reason: "bad_host", Detail: "there is no such host here", Text: "Bad Host", Told: true})
		return true
	}
	encrypted := s.encrypted(r)
	if s.sts != "" && (encrypted || s.cfg.ForceSTSHeader) {
		h["Strict-Transport-Security"] = []string{s.sts}
	}
	if encrypted || !s.cfg.SSLRedirect {
		return false
	}
	s.redirect(x, w, r, host)
	return true
}

// host is the name that was asked for, as a proxy tells it that we believe.
func (s *secure) host(x *endpoints.Exchange, r *http.Request) string {
	if x.Trusted {
		for _, name := range s.proxies {
			if told := r.Header.Get(name); told != "" {
				return told
			}
		}
	}
	return r.Host
}

func (s *secure) known(host string) bool {
	if s.hosts == nil && s.regexes == nil {
		return true
	}
	for _, p := range s.regexes {
		if p.MatchString(host) {
			return true
		}
	}
	return s.hosts[strings.ToLower(host)]
}

func (s *secure) encrypted(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	for name, value := range s.tls {
		if r.Header.Get(name) == value {
			return true
		}
	}
	return false
}

// redirect sends the client to the same place with TLS: its method stays, where it may have a body.
func (s *secure) redirect(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, host string) {
	if s.cfg.SSLHost != "" {
		host = s.cfg.SSLHost
	}
	x.Status = http.StatusMovedPermanently
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		x.Status = http.StatusPermanentRedirect
	}
	http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), x.Status) //nolint:gosec // the host is ssl_host, or the one that the client itself has asked for
}

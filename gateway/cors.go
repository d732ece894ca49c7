package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/cors"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// CORSConfig is security/cors: which pages of other origins may read answers.
type CORSConfig struct {
	AllowOrigins         []string       `json:"allow_origins" doc:"Origins that may ask, such as https://app.example; one * in each may stand for anything." default:"*"`
	AllowMethods         []string       `json:"allow_methods" doc:"Methods that they may use." default:"GET, HEAD, POST"`
	AllowHeaders         []string       `json:"allow_headers" doc:"Request headers that they may send." default:"*"`
	ExposeHeaders        []string       `json:"expose_headers" doc:"Answer headers that they may read." default:"those that browsers always show"`
	AllowCredentials     bool           `json:"allow_credentials" doc:"Cookies and Authorization may come along." default:"false"`
	AllowPrivateNetwork  bool           `json:"allow_private_network" doc:"Pages of public networks may ask." default:"false"`
	OptionsPassthrough   bool           `json:"options_passthrough" doc:"A preflight goes on to the endpoint." default:"false"`
	OptionsSuccessStatus *int           `json:"options_success_status" doc:"What a preflight is answered with." default:"204 (version 2: 200)"`
	MaxAge               *conf.Duration `json:"max_age" doc:"How long browsers may remember a preflight." default:"as long as they like"`
	Debug                bool           `json:"debug" doc:"Log what is decided, at level debug." default:"false"`
}

// doubts are what cannot work: mistakes in version 4, warnings in those of KrakenD, which starts with them.
func (c CORSConfig) doubts() error {
	var errs []error
	for i, o := range c.AllowOrigins {
		u, err := url.Parse(strings.ReplaceAll(o, "*", "x"))
		switch {
		case o == "*" && c.AllowCredentials:
			errs = append(errs, conf.At(errors.New("any origin with credentials: browsers refuse that, name the origins"), "allow_origins", i))
		case o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || strings.Count(o, "*") > 1):
			errs = append(errs, conf.At(fmt.Errorf("got %q, want an origin: scheme, name and port, such as https://app.example, with one * at most", o), "allow_origins", i))
		}
	}
	if len(c.AllowOrigins) == 0 && c.AllowCredentials {
		errs = append(errs, conf.At(errors.New("any origin with credentials: browsers refuse that, want allow_origins"), "allow_credentials"))
	}
	return conf.Join(errs...)
}

func (c CORSConfig) check(version int) error {
	var errs []error
	if version >= 4 {
		errs = append(errs, c.doubts())
	}
	if s := conf.Value(c.OptionsSuccessStatus, 204); s < 200 || s > 299 {
		errs = append(errs, conf.At(fmt.Errorf("got %d, want 200 to 299", s), "options_success_status"))
	}
	if c.MaxAge.Or(0) < 0 {
		errs = append(errs, conf.At(fmt.Errorf("got %s, want 0s or more", c.MaxAge), "max_age"))
	}
	return conf.Join(errs...)
}

// newCORS stands outermost: its headers are on every answer, and a preflight meets neither validator nor limits.
func (g *Gateway) newCORS(cfg CORSConfig, m manners) (door, error) {
	if err := cfg.check(m.version); err != nil {
		return nil, err
	}
	if len(cfg.AllowHeaders) == 0 {
		cfg.AllowHeaders = []string{"*"}
	}
	status := conf.Value(cfg.OptionsSuccessStatus, m.preflight)
	opt := cors.Options{
		AllowedOrigins: cfg.AllowOrigins, AllowedMethods: cfg.AllowMethods, AllowedHeaders: cfg.AllowHeaders,
		ExposedHeaders: cfg.ExposeHeaders, AllowCredentials: cfg.AllowCredentials, AllowPrivateNetwork: cfg.AllowPrivateNetwork,
		MaxAge: int(cfg.MaxAge.Or(0) / time.Second), OptionsPassthrough: true,
	}
	if cfg.Debug {
		opt.Debug, opt.Logger = true, slog.NewLogLogger(g.log.Handler(), slog.LevelDebug)
	}
	c := cors.New(opt)
	return func(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) bool {
		c.ServeHTTP(w, r, func(http.ResponseWriter, *http.Request) {})
		claimCORS(w.Header())
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" || cfg.OptionsPassthrough {
			return false // no preflight, or one that an endpoint answers
		}
		path, ok := g.router.normalPath(r)
		if !ok || !g.router.exists(r, path) {
			return false // the router says what is wrong with it
		}
		x.Endpoint, x.Status = "preflight", status
		if status != http.StatusNoContent {
			w.Header()["Content-Length"] = []string{"0"}
		}
		w.WriteHeader(status)
		return true
	}, nil
}

// exists reports whether there is anything at a path, whatever the method.
func (t *router) exists(r *http.Request, path string) bool {
	if _, ok := t.builtin.find(path); ok {
		return true
	}
	return len(t.allowed(r, path)) > 0
}

// claimCORS makes the headers of CORS ours: one that is not said has no value, and none of a backend takes its place.
func claimCORS(h http.Header) {
	for _, name := range [...]string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers",
		"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age", "Access-Control-Allow-Private-Network"} {
		if h[name] == nil {
			h[name] = []string{}
		}
	}
}

package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// RateLimitConfig is qos/ratelimit/router: how often an endpoint may be asked, by everybody together and by each client.
type RateLimitConfig struct {
	MaxRate        float64        `json:"max_rate" old:"maxRate" doc:"Requests that all clients together may make in the time of every." default:"no limit"`
	Capacity       int64          `json:"capacity" doc:"Of these, how many may come at once." default:"max_rate, at least 1"`
	Status         *int           `json:"status" since:"4" doc:"What a request beyond max_rate is told." default:"429 (versions 2 and 3: 503)"`
	ClientMaxRate  float64        `json:"client_max_rate" old:"clientMaxRate" doc:"Requests that each client may make in the time of every; one more is a 429." default:"no limit"`
	ClientCapacity int64          `json:"client_capacity" doc:"Of these, how many may come at once." default:"client_max_rate, at least 1"`
	Strategy       string         `json:"strategy" enum:"ip|header|param|claim" doc:"What tells one client from another." default:"ip"`
	Key            string         `json:"key" doc:"The name of the header, path parameter or claim. With ip, a header in which trusted proxies tell the address."`
	Every          *conf.Duration `json:"every" doc:"The time that the rates are for; less than a second counts as one in versions 2 and 3." default:"1s"`
	Shards         *int           `json:"num_shards" doc:"Accepted for KrakenD's sake; memory is bounded without it."`
	Cleanup        *conf.Duration `json:"cleanup_period" doc:"Accepted for KrakenD's sake; nothing has to be cleaned up."`
	Threads        *int           `json:"cleanup_threads" doc:"Accepted for KrakenD's sake; nothing has to be cleaned up."`
}

// window is the time that the rates are for.
func (c *RateLimitConfig) window() time.Duration { return c.Every.Or(time.Second) }

func (c *RateLimitConfig) check() error {
	var errs []error
	bad := func(key, text string, args ...any) { errs = append(errs, conf.At(fmt.Errorf(text, args...), key)) }
	if c.window() < time.Millisecond {
		bad("every", "got %s, want at least 1ms", c.window())
	}
	if c.MaxRate < 0 {
		bad("max_rate", "got %v, want 0 (no limit) or more", c.MaxRate)
	}
	if c.ClientMaxRate < 0 {
		bad("client_max_rate", "got %v, want 0 (no limit) or more", c.ClientMaxRate)
	}
	if c.Capacity < 0 {
		bad("capacity", "got %d, want 1 or more", c.Capacity)
	}
	if c.ClientCapacity < 0 {
		bad("client_capacity", "got %d, want 1 or more", c.ClientCapacity)
	}
	if s := conf.Value(c.Status, 429); s < 400 || s > 599 {
		bad("status", "got %d, want 400 to 599", s)
	}
	return conf.Join(errs...)
}

// limiter is one limit: what it is called in headers, and who is counted.
type limiter struct {
	policy string // `"client";q=5;w=1`
	name   string // "client"
	status int
	counts *counts
	key    func(x *Exchange, r *http.Request, claims *validator.Claims) (string, bool)
}

// counts are what clients have used up. A reload that does not change the limit goes on with them.
type counts struct {
	buckets *buckets // nil: one for all
	single  *bucket
	start   time.Time
}

// countsKey is a limit: its endpoint, and all that it says.
type countsKey struct {
	method, path, match, name, strategy, key string
	rate                                     rate
}

const rateLimits = "qos/ratelimit/router"

// addressLimit is the limit by address: it stands before the token, so that a flood costs no signatures.
func (c *guardCompiler) addressLimit() {
	cfg := c.cfg.Extra.RateLimit
	if cfg == nil || c.mistake(cfg.check(), rateLimits) || cfg.ClientMaxRate == 0 || cfg.Strategy != "" && cfg.Strategy != "ip" {
		return
	}
	l := c.limiter("client", cfg.ClientMaxRate, cfg.ClientCapacity, http.StatusTooManyRequests)
	l.key = addressOf(http.CanonicalHeaderKey(cfg.Key))
	c.endpoint.early = append(c.endpoint.early, l.guard)
}

// clientLimit is the limit by what only a request that has passed the validator is believed: a header, which may come from
// a claim, a parameter, a claim.
func (c *guardCompiler) clientLimit() {
	cfg := c.cfg.Extra.RateLimit
	if cfg == nil || cfg.check() != nil || cfg.ClientMaxRate == 0 || cfg.Strategy == "" || cfg.Strategy == "ip" {
		return
	}
	key, err := c.keyOf(cfg)
	if c.mistake(err, rateLimits, "key") {
		return
	}
	l := c.limiter("client", cfg.ClientMaxRate, cfg.ClientCapacity, http.StatusTooManyRequests)
	l.key = key
	c.endpoint.guards = append(c.endpoint.guards, l.guard)
}

// limit is the limit of all together. Who is refused by the validator, or by his own limit, takes nothing from it.
func (c *guardCompiler) limit() {
	cfg := c.cfg.Extra.RateLimit
	if cfg == nil || cfg.check() != nil || cfg.MaxRate == 0 {
		return
	}
	l := c.limiter("endpoint", cfg.MaxRate, cfg.Capacity, conf.Value(cfg.Status, http.StatusTooManyRequests))
	c.endpoint.guards = append(c.endpoint.guards, l.guard)
}

// limiter makes a limit, with the counts that the configuration before had for it.
func (c *guardCompiler) limiter(name string, tokens float64, capacity int64, status int) *limiter {
	cfg := c.cfg.Extra.RateLimit
	l := newLimiter(name, newRate(tokens, cfg.window(), capacity), status)
	if c.env.Hosts != nil {
		match, _ := json.Marshal(c.cfg.Match) // strings and lists of them
		key := countsKey{c.cfg.Method, c.cfg.Endpoint, string(match), name, cfg.Strategy, cfg.Key, newRate(tokens, cfg.window(), capacity)}
		l.counts = c.env.Hosts.Keep(key, c.env.Life, func() any { return l.counts }).(*counts)
	}
	return l
}

func newLimiter(name string, r rate, status int) *limiter {
	l := &limiter{name: name, status: status, counts: &counts{start: time.Now()}, // the policy: the bucket's size, and the time that fills it
		policy: fmt.Sprintf(`%q;q=%d;w=%s`, name, r.capacity, appendSeconds(nil, time.Duration(r.capacity)*r.interval))}
	if name == "endpoint" {
		l.counts.single = &bucket{rate: r}
	} else {
		l.counts.buckets = newBuckets(r)
	}
	return l
}

// addressOf is the client's address. A header tells it only where a proxy that we believe has set it.
func addressOf(header string) func(*Exchange, *http.Request, *validator.Claims) (string, bool) {
	return func(x *Exchange, r *http.Request, _ *validator.Claims) (string, bool) {
		if header != "" && x.Trusted {
			values := r.Header[header]
			if len(values) > 0 {
				told := values[len(values)-1]
				told = strings.TrimSpace(told[strings.LastIndexByte(told, ',')+1:])
				if _, err := netip.ParseAddr(told); err == nil {
					return told, true
				}
			}
		}
		return network(x.Client), true
	}
}

// network is what one client has at its disposal: an IPv4 address, or the 64 bits of an IPv6 network.
func network(address string) string {
	if strings.IndexByte(address, ':') < 0 {
		return address
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Is4In6() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.Addr().String()
}

// keyOf compiles strategy and key.
func (c *guardCompiler) keyOf(cfg *RateLimitConfig) (func(*Exchange, *http.Request, *validator.Claims) (string, bool), error) {
	if cfg.Key == "" {
		return nil, fmt.Errorf("is missing, want the name of the %s that tells clients apart", cfg.Strategy)
	}
	switch cfg.Strategy {
	case "param":
		i := slices.Index(c.params, cfg.Key)
		if i < 0 {
			return nil, fmt.Errorf("got %q, want a parameter of the endpoint's path%s", cfg.Key, listed(c.params))
		}
		return func(x *Exchange, _ *http.Request, _ *validator.Claims) (string, bool) {
			return unescaped(x.Params[i], url.PathUnescape), true // one value has many spellings
		}, nil
	case "header":
		if slot, ok := c.claimOf(cfg.Key); ok {
			return ofClaim(slot), nil
		}
		name := http.CanonicalHeaderKey(cfg.Key)
		return func(_ *Exchange, r *http.Request, _ *validator.Claims) (string, bool) {
			values := r.Header[name]
			if name == "Authorization" && len(values) == 1 {
				return credentials(values[0]), true
			}
			return strings.Join(values, ","), len(values) > 0
		}, nil
	}
	if c.cfg.Extra.Validator == nil {
		return nil, errors.New("names a claim, but the endpoint has no auth/validator")
	}
	ref, err := validator.NewRef(cfg.Key)
	if err != nil {
		return nil, err
	}
	return ofClaim(c.wants.Add(ref, validator.Plain)), nil
}

// credentials are what stands behind the scheme, which has many spellings.
func credentials(authorization string) string {
	if scheme, rest, ok := strings.Cut(authorization, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimLeft(rest, " ")
	}
	return authorization
}

func listed(names []string) string {
	if len(names) == 0 {
		return ", which has none"
	}
	return ": " + strings.Join(names, ", ")
}

// claimOf finds the claim that a header is made of (propagate_claims): the client cannot send such a header itself.
func (c *guardCompiler) claimOf(header string) (slot int, ok bool) {
	if c.cfg.Extra.Validator == nil {
		return 0, false
	}
	for _, p := range c.cfg.Extra.Validator.Propagated() {
		if FoldHeader(p.Header) == FoldHeader(header) {
			return c.wants.Add(p.Claim, validator.Plain), true
		}
	}
	return 0, false
}

// ofClaim is the claim's value. Who has none, a guest for example, is counted by address.
func ofClaim(slot int) func(*Exchange, *http.Request, *validator.Claims) (string, bool) {
	return func(x *Exchange, _ *http.Request, claims *validator.Claims) (string, bool) {
		if value, ok := claims.Value(slot); ok {
			return value, true
		}
		return "\x00" + network(x.Client), true
	}
}

// guard counts the request. Every answer of the endpoint says what is left (draft-ietf-httpapi-ratelimit-headers).
func (l *limiter) guard(_ context.Context, x *Exchange, w http.ResponseWriter, r *http.Request, claims *validator.Claims) error {
	now := time.Since(l.counts.start)
	var g grant
	if l.counts.single != nil {
		g = l.counts.single.take(now)
	} else {
		key, ok := l.key(x, r, claims)
		if !ok {
			return &Denied{Status: l.status, Reason: "rate_limited", Detail: "the request lacks what tells clients apart"}
		}
		g = l.counts.buckets.take(key, now)
	}
	l.tell(w.Header(), g)
	if g.ok {
		return nil
	}
	wait := string(appendSeconds(nil, g.wait))
	return &Denied{Status: l.status, Reason: "rate_limited", Detail: "too many requests, try again in " + wait + " seconds",
		Header: http.Header{"Retry-After": {wait}}}
}

// tell sets the headers; two limits share a line each.
func (l *limiter) tell(h http.Header, g grant) {
	b := make([]byte, 0, 48)
	b = append(b, '"')
	b = append(b, l.name...)
	b = append(b, `";r=`...)
	b = strconv.AppendInt(b, g.remaining, 10)
	b = append(b, ";t="...)
	b = appendSeconds(b, g.full)
	left, policy := string(b), l.policy
	if before := h["Ratelimit"]; len(before) == 1 && len(h["Ratelimit-Policy"]) == 1 {
		left, policy = before[0]+", "+left, h["Ratelimit-Policy"][0]+", "+policy
	}
	values := []string{left, policy}
	h["Ratelimit"], h["Ratelimit-Policy"] = values[:1:1], values[1:2:2]
}

package gateway

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// door is what every request passes before its route is known. It may set headers of the answer, and it may answer itself:
// then it is true, and nothing else happens.
type door func(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) (answered bool)

// newDoors is the one list of doors, in the order in which they stand (krakend.md 2.1). Whoever asks for our health does not
// come to the inner ones.
func (g *Gateway) newDoors(cfg Config, m manners, env endpoints.Env, at func(error, ...any)) (inner []door) {
	list := &g.doors
	add := func(d door, err error, namespace string) {
		at(err, "extra_config", namespace)
		if d != nil && err == nil {
			*list = append(*list, d)
		}
	}
	if limit := conf.Value(routerOf(cfg).MaxPayload, 0); limit < 0 {
		at(fmt.Errorf("got %d, want 0 (no limit) or more", limit), "extra_config", "router", "max_payload")
	}
	if c := cfg.Extra.CORS; c != nil {
		d, err := g.newCORS(*c, m)
		add(d, err, "security/cors")
	}
	if c := cfg.Extra.Secure; c != nil {
		d, err := newSecure(*c, m, env.Voice)
		add(d, err, "security/http")
	}
	list = &inner
	if c := cfg.Extra.Lua; c != nil {
		d, err := newScript(cfg, env)
		add(d, err, "modifier/lua-endpoint")
	}
	if c := cfg.Extra.Bots; c != nil {
		d, err := newBots(*c, env.Voice)
		add(d, err, "security/bot-detector")
	}
	return inner
}

// newScript is the service's script. It sees every request, also where there is nothing.
func newScript(cfg Config, env endpoints.Env) (door, error) {
	guard, err := endpoints.ScriptOfService(*cfg.Extra.Lua, env)
	if err != nil {
		return nil, err
	}
	timeout := cfg.Timeout.Or(endpoints.DefaultTimeout)
	return func(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) bool {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		err := guard(ctx, x, w, r, nil)
		if err != nil {
			env.Voice.Fail(x, w, r, err)
		}
		return err != nil
	}, nil
}

// newBots turns bots away at every path, also where there is nothing.
func newBots(cfg endpoints.BotsConfig, voice endpoints.Voice) (door, error) {
	b, err := endpoints.NewBots(cfg)
	if err != nil {
		return nil, err
	}
	return func(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) bool {
		err := b.Check(r)
		if err != nil {
			voice.Fail(x, w, r, err)
		}
		return err != nil
	}, nil
}

// limited fills in what depends on the file's version in rate limits and schemas.
func (m manners) limited(c endpoints.Config) endpoints.Config {
	if l := c.Extra.RateLimit; l != nil {
		own := *l
		own.Status = or(own.Status, m.limitStatus)
		own.Every = m.every(l)
		c.Extra.RateLimit = &own
	}
	c.Extra.Schema = c.Extra.Schema.Of(m.olderSchemas)
	return c
}

// every is the time of a rate limit, which KrakenD takes for no less than a second (krakend.md 5).
func (m manners) every(l *endpoints.RateLimitConfig) *conf.Duration {
	if m.shortened(l) {
		return &m.leastEvery
	}
	return l.Every
}

// shortened reports whether a limit says less than it is taken for; a mistake stays one.
func (m manners) shortened(l *endpoints.RateLimitConfig) bool {
	every := l.Every.Or(time.Second)
	return every >= time.Millisecond && every < m.leastEvery.Or(0)
}

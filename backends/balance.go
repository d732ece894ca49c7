package backends

import (
	"context"
	"sync/atomic"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// host is one place where a backend can be asked: its connections and its breaker.
type host struct {
	origin    outbound.Origin
	transport outbound.Transport
	breaker   *breaker // nil: none
}

// send sends the call to this host.
func (h *host) send(ctx context.Context, c *call) (*outbound.Response, error) {
	c.settled(nil)
	c.at = h
	if h.breaker == nil {
		return h.transport.RoundTrip(ctx, &c.out)
	}
	done, err := h.breaker.allow()
	if err != nil {
		return nil, err
	}
	res, err := h.transport.RoundTrip(ctx, &c.out)
	if err != nil {
		done(failed(ctx, err))
		return nil, err
	}
	if h.breaker.counts(res.Status) {
		done(errUpstream)
		return res, nil
	}
	c.settle = done
	return res, nil
}

// balancer picks the host of each call, in turn.
type balancer struct {
	hosts []*host
	next  atomic.Uint32
}

func (b *balancer) send(ctx context.Context, c *call) (*outbound.Response, error) {
	c.among = b.hosts
	if c.pin != nil {
		return c.pin.send(ctx, c)
	}
	if len(b.hosts) == 1 {
		return b.hosts[0].send(ctx, c)
	}
	return b.hosts[b.next.Add(1)%uint32(len(b.hosts))].send(ctx, c)
}

// sender wires how a call travels: redirects, credentials, hosts. It is the only place where senders are stacked.
func (m *mistakes) sender(cfg Config, env Env) sender {
	b := &balancer{}
	if len(cfg.Host) == 0 {
		m.at(errNoHost, "host")
	}
	for i, written := range cfg.Host {
		h, err := env.Hosts.host(written, cfg, env)
		if m.at(err, "host", i) {
			continue
		}
		h.breaker = m.breaker(cfg.Extra.Breaker, h.origin.Authority(), env)
		b.hosts = append(b.hosts, h)
	}
	send := sender(b.send)
	if c := cfg.Extra.Credentials; c.on() {
		wrapped, err := env.Tokens.wrap(c, env, send)
		if !m.at(err, "extra_config", "auth/client-credentials") {
			send = wrapped
		}
	}
	redirects, err := newRedirects(cfg, env, send)
	if !m.at(err) && redirects.max > 0 {
		send = redirects.send
	}
	return send
}

// outcome sets which statuses are successes, and what becomes of the others.
func (m *mistakes) outcome(cfg Config) (*StatusSet, failureRule) {
	rule := failureRule{pass: conf.Value(cfg.OnError, "pass") == "pass", own: cfg.Extra.Credentials.on()}
	if h := cfg.Extra.HTTP; h != nil {
		rule.code, rule.details = h.ReturnErrorCode, h.ReturnErrorDetails
	}
	if cfg.SuccessStatus == nil {
		return Statuses("2xx"), rule
	}
	return cfg.SuccessStatus, rule
}

func (m *mistakes) target(cfg Config, env Env) *target {
	t, err := parseTarget(cfg.URLPattern, env)
	m.at(err, "url_pattern")
	return t
}

package backends

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// balancer picks the host of each call.
type balancer struct {
	service *service // the hosts come from SRV records; nil: they are fixed
	fixed   []*host  // as the file lists them
	room    [1]*host // for them, where there is one
	first   host     // of them
	pick    func(b *balancer, c *call, hosts []*host) int
	key     balanceKey
	next    atomic.Uint32
}

// balanceKey is what a hash goes by.
type balanceKey struct {
	header string
	slot   int // of a claim; -1: none
}

func (m *mistakes) balance(b *balancer, cfg Config, env Env, s settings) {
	b.key.slot = -1
	switch cfg.Balance {
	case "", "least_outstanding":
		b.pick = pickLeast
	case "round_robin":
		b.pick = pickNext
	case "random":
		b.pick = pickAny
	case "hash":
		b.pick = pickSame
	default:
		m.at(fmt.Errorf("got %q, want least_outstanding, round_robin, random or hash", cfg.Balance), "balance")
	}
	m.at(b.by(cfg, env), "balance_by")
	if len(cfg.Host) == 0 {
		m.at(errNoHost, "host")
	}
	if cfg.SD == "dns" {
		b.service = m.service(cfg, env, s)
		return
	}
	b.fixed = b.room[:0]
	for i, written := range cfg.Host {
		h := &b.first
		if i > 0 {
			h = &host{}
		}
		if m.at(env.Hosts.host(h, written, s, env), "host", i) {
			continue
		}
		breaker, err := env.Hosts.breaker(cfg.Extra.Breaker, h.origin.Authority(), env)
		if m.at(err, "extra_config", "qos/circuit-breaker") {
			break
		}
		h.breaker = breaker
		h.crowd.compile(cfg, env, h.upstream)
		m.at(env.Hosts.check(cfg.HealthCheck, h, s, env.Life), "health_check")
		b.fixed = append(b.fixed, h)
	}
}

func (b *balancer) by(cfg Config, env Env) error {
	kind, name, _ := strings.Cut(cfg.BalanceBy, ":")
	switch {
	case cfg.BalanceBy == "" && cfg.Balance != "hash":
		return nil
	case cfg.Balance != "hash":
		return errors.New(`means nothing unless balance is "hash"`)
	case kind == "header" && name != "":
		b.key.header = http.CanonicalHeaderKey(name)
		return nil
	case kind == "claim" && name != "":
		if env.Claim == nil {
			return errors.New("goes by a claim, and the endpoint has no auth/validator")
		}
		slot, err := env.Claim(name)
		b.key.slot = slot
		return err
	}
	return fmt.Errorf(`got %q, want "header:NAME" or "claim:NAME"`, cfg.BalanceBy)
}

// hosts are the places to choose from.
func (b *balancer) hosts(ctx context.Context) ([]*host, error) {
	if b.service == nil {
		return b.fixed, nil
	}
	return b.service.hosts(ctx)
}

// choose is the host to ask: one that is fit and has not been tried for this call; nil if all were tried or are behind an
// open breaker. Where no host is fit, one that is not is asked all the same: it may have recovered, and there is nothing
// to lose.
func (b *balancer) choose(c *call, hosts []*host, repeatable bool) *host {
	if len(hosts) == 1 {
		if c.tried(hosts[0]) {
			return nil
		}
		return hosts[0]
	}
	now := time.Now()
	at := b.pick(b, c, hosts)
	var last *host
	for i := range hosts {
		h := hosts[(at+i)%len(hosts)]
		if c.tried(h) || h.shutAt(now) {
			continue
		}
		ok, try := h.health.fit(now, repeatable)
		if ok && (!try || h.health.trying.CompareAndSwap(false, true)) {
			return h
		}
		if last == nil || sooner(h, last) {
			last = h
		}
	}
	return last
}

// sooner reports whether a host's rest ends before that of another.
func sooner(h, other *host) bool {
	a, b := h.health.rest.Load(), other.health.rest.Load()
	return b != nil && (a == nil || a.Before(*b))
}

// The ways to pick a host. Each says where to begin to look.

func pickNext(b *balancer, _ *call, hosts []*host) int {
	return int(b.next.Add(1) % uint32(len(hosts)))
}

func pickAny(_ *balancer, _ *call, hosts []*host) int { return rand.IntN(len(hosts)) }

// pickLeast takes the less busy of two: the next one, and any other (the power of two choices).
func pickLeast(b *balancer, c *call, hosts []*host) int {
	one := pickNext(b, c, hosts)
	two := (one + 1 + rand.IntN(len(hosts)-1)) % len(hosts)
	if hosts[two].load.Load() < hosts[one].load.Load() {
		return two
	}
	return one
}

// pickSame takes the host that scores highest with the call's key (rendezvous hashing): when a host leaves, only its own
// keys move. A call without a key is nobody's.
func pickSame(b *balancer, c *call, hosts []*host) int {
	key, ok := b.key.of(c)
	if !ok {
		return pickLeast(b, c, hosts)
	}
	best, top, now := 0, uint64(0), time.Now()
	for i, h := range hosts {
		if ok, _ := h.health.fit(now, true); !ok || c.tried(h) {
			continue
		}
		if score := scoreOf(h.seed, key); score >= top {
			best, top = i, score
		}
	}
	return best
}

// of is the key of a call.
func (k *balanceKey) of(c *call) (string, bool) {
	if k.slot >= 0 {
		if c.req.Caller.Claims == nil {
			return "", false
		}
		return c.req.Caller.Claims.Value(k.slot)
	}
	for _, list := range [...]int{0, 1} {
		fields := c.req.Header
		if list == 1 {
			fields = c.req.Claims
		}
		for i := range fields {
			if strings.EqualFold(fields[i].Name, k.header) {
				return fields[i].Value, true
			}
		}
	}
	return "", false
}

// scoreOf mixes a host's seed with a key. It must be the same in every process: gateways beside each other agree.
func scoreOf(seed uint64, key string) uint64 {
	h := seed
	for i := 0; i < len(key); i++ {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return h
}

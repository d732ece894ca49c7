package endpoints

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"

	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// BotsConfig is security/bot-detector: who is turned away for its User-Agent.
type BotsConfig struct {
	Allow     []string `json:"allow" old:"allowlist,whitelist" doc:"User agents that may pass, whatever else is said; compared whole."`
	Deny      []string `json:"deny" old:"denylist,blacklist" doc:"User agents that may not pass; compared whole."`
	Patterns  []string `json:"patterns" doc:"Regular expressions (RE2) of user agents that may not pass."`
	CacheSize int      `json:"cache_size" old:"cacheSize" doc:"How many user agents to remember the verdict of, so that patterns are not tried again." default:"0"`
	Empty     bool     `json:"empty_user_agent_is_bot" doc:"Who has no User-Agent may not pass." default:"false"`
}

// Bots tells bots from others. It may be asked by many at once.
type Bots struct {
	allow, deny map[string]bool
	patterns    []*regexp.Regexp
	empty       bool
	seen        *verdicts // nil: nothing is remembered
}

// NewBots compiles the rules. All mistakes are told at once, each under its key.
func NewBots(cfg BotsConfig) (*Bots, error) {
	b := &Bots{allow: setOf(cfg.Allow), deny: setOf(cfg.Deny), empty: cfg.Empty}
	var errs []error
	for i, text := range cfg.Patterns {
		p, err := regexp.Compile(text)
		if err != nil {
			errs = append(errs, conf.At(err, "patterns", i))
			continue
		}
		b.patterns = append(b.patterns, p)
	}
	switch {
	case cfg.CacheSize < 0:
		errs = append(errs, conf.At(fmt.Errorf("got %d, want 0 or more", cfg.CacheSize), "cache_size"))
	case cfg.CacheSize > 0:
		b.seen = &verdicts{size: (cfg.CacheSize + 1) / 2, young: map[string]bool{}}
	}
	if len(cfg.Deny) == 0 && len(cfg.Patterns) == 0 && !cfg.Empty {
		errs = append(errs, errors.New("turns nobody away, want deny, patterns or empty_user_agent_is_bot"))
	}
	return b, conf.Join(errs...)
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, one := range list {
		set[one] = true
	}
	return set
}

// maxRemembered is the longest user agent that is remembered, so that memory stays bounded.
const maxRemembered = 512

// Check is nil or, for a bot, a [*Denied]. The rules are tried in KrakenD's order: empty, allow, deny, patterns.
func (b *Bots) Check(r *http.Request) error {
	if b.isBot(r.Header.Get("User-Agent")) {
		return &Denied{Status: http.StatusForbidden, Reason: "bot", Detail: "this client may not pass"}
	}
	return nil
}

func (b *Bots) isBot(agent string) bool {
	switch {
	case agent == "":
		return b.empty
	case b.allow[agent]:
		return false
	case b.deny[agent]:
		return true
	case len(b.patterns) == 0:
		return false
	case b.seen == nil || len(agent) > maxRemembered:
		return b.matches(agent)
	}
	if bot, known := b.seen.get(agent); known {
		return bot
	}
	bot := b.matches(agent)
	b.seen.put(agent, bot)
	return bot
}

func (b *Bots) matches(agent string) bool {
	for _, p := range b.patterns {
		if p.MatchString(agent) {
			return true
		}
	}
	return false
}

// verdicts remember in two generations: when the young one is full, the old one is forgotten.
type verdicts struct {
	size       int
	mu         sync.RWMutex
	young, old map[string]bool
}

func (v *verdicts) get(agent string) (bot, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if bot, known = v.young[agent]; !known {
		bot, known = v.old[agent]
	}
	return bot, known
}

func (v *verdicts) put(agent string, bot bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.young) >= v.size {
		v.old, v.young = v.young, make(map[string]bool, v.size)
	}
	v.young[agent] = bot
}

func (c *guardCompiler) bots() {
	cfg := c.cfg.Extra.Bots
	if cfg == nil {
		return
	}
	b, err := NewBots(*cfg)
	if c.mistake(err, "security/bot-detector") {
		return
	}
	c.endpoint.early = append(c.endpoint.early, func(_ context.Context, _ *Exchange, _ http.ResponseWriter, r *http.Request, _ *validator.Claims) error {
		return b.Check(r)
	})
}

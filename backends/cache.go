package backends

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// CacheConfig is qos/http-cache: answers that their backend lets be kept are kept (RFC 9111, as a shared cache).
type CacheConfig struct {
	Shared   bool   `json:"shared" doc:"Share what is kept with all backends that say so too." default:"false"`
	MaxSize  *int64 `json:"max_size" doc:"Bytes that are kept at most." default:"67108864"`
	MaxItems *int64 `json:"max_items" doc:"Accepted for KrakenD's sake: bytes are what is bounded."`
	MaxItem  *int64 `json:"max_item_size" since:"4" doc:"Bytes of a body that is kept at most." default:"1048576"`
}

const (
	defaultCacheSize = 64 << 20
	defaultItemSize  = 1 << 20
	renewTime        = 30 * time.Second // for a renewal in the background
)

// cache answers from what is kept, and keeps what may be kept. It stands above credentials: a token of ours is the same
// for everybody, and what a backend says to it is for everybody it is fetched for.
type cache struct {
	next     sender
	store    *store
	origin   string // of the backend: its hosts, and whose token it is asked with
	personal bool   // the caller shows in what is sent below the cache, or in ways that nobody can tell
	raw      bool   // no-op: streams pass as they come
}

type storeKey struct{ entry, settings string }

// cached puts a cache in front of a sender, if the file asks for one.
func (m *mistakes) cached(cfg Config, env Env, next sender) sender {
	c := cfg.Extra.Cache
	if c == nil {
		return next
	}
	size, item := conf.Value(c.MaxSize, defaultCacheSize), conf.Value(c.MaxItem, defaultItemSize)
	if size == 0 {
		size = defaultCacheSize
	}
	if size < 0 || item <= 0 || conf.Value(c.MaxItems, 0) < 0 {
		m.at(errors.New("max_size, max_items and max_item_size are counts, 0 or more"), "extra_config", "qos/http-cache")
		return next
	}
	key := storeKey{entry: env.Entry, settings: fmt.Sprint(size, item)}
	if c.Shared {
		key.entry = "shared"
	}
	s, err := env.Hosts.stores.hold(key, env.Life, func() (*store, error) { return newStore(size, item), nil })
	m.at(err, "extra_config", "qos/http-cache")
	k := &cache{next: next, store: s, origin: strings.Join(cfg.Host, ","), raw: cfg.Encoding == "no-op"}
	if cfg.Extra.Credentials.on() {
		k.origin += fmt.Sprintf(" %x", sha256.Sum256([]byte(settingsKey(cfg.Extra.Credentials.TokenClient))))
	}
	if cfg.Extra.Lua != nil || cfg.Extra.Martian != nil {
		k.origin += fmt.Sprintf(" %x", sha256.Sum256([]byte(settingsKey(cfg.Extra.Lua, cfg.Extra.Martian)))) // they may change what is asked
	}
	k.personal = cfg.Extra.Exchange.on() || cfg.Extra.Lua != nil || cfg.Extra.Martian != nil
	return k.send
}

func (k *cache) send(ctx context.Context, c *call) (*outbound.Response, error) {
	if c.out.Method != "GET" && c.out.Method != "HEAD" {
		return k.unsafe(ctx, c)
	}
	q := k.question(c)
	if q.noStore || c.out.Upgrade != "" || c.out.Body != nil || c.out.Data != nil || outbound.Get(c.out.Header, "Range") != "" {
		return k.next(ctx, c)
	}
	for first := true; ; {
		v := k.store.find(q.place, c.out.Header)
		if v != nil {
			if ok, later := v.usable(time.Now(), &q.directives); ok {
				if later {
					k.renew(c, q, v)
				}
				return v.answer(q, c), nil
			}
		}
		if q.onlyIfCached {
			return respond(http.StatusGatewayTimeout, nil, nil), nil
		}
		if c.out.Method == "HEAD" || !first || k.store.passes(q.place) {
			return k.ask(ctx, c, q, v, nil)
		}
		f, leads := k.store.join(q.place)
		if leads {
			return k.ask(ctx, c, q, v, f)
		}
		select {
		case <-f.done:
			first = f.gone // whoever asked has left: somebody else leads
		case <-ctx.Done():
			return nil, failed(ctx, ctx.Err())
		}
	}
}

// question is a request as the cache sees it.
type question struct {
	place
	directives
	credentials bool             // the client's own Authorization goes along
	conditions  []outbound.Field // the client's own If-None-Match and If-Modified-Since
}

func (k *cache) question(c *call) *question {
	q := &question{directives: readDirectives(c.out.Header), place: place{url: k.origin + c.out.Target}}
	if outbound.Get(c.out.Header, "Cache-Control") == "" && strings.Contains(strings.ToLower(outbound.Get(c.out.Header, "Pragma")), "no-cache") {
		q.noCache = true
	}
	var who []outbound.Field
	for _, f := range c.out.Header {
		switch strings.ToLower(f.Name) {
		case "authorization":
			q.credentials = true
			who = append(who, f)
		case "cookie", "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token", "proxy-authorization":
			who = append(who, f) // backends that know callers by these seldom say so
		case "if-none-match", "if-modified-since":
			q.conditions = append(q.conditions, f)
		}
	}
	who = append(who, c.req.Claims...)
	if k.personal {
		who = append(who, outbound.Field{Name: "caller", Value: c.req.Caller.ID}, outbound.Field{Name: "token", Value: c.req.Caller.Token})
	}
	if len(who) > 0 {
		q.identity = sha256.Sum256(fmt.Appendf(nil, "%q", who))
	}
	return q
}

// unsafe sends what changes something, and forgets what may have changed (RFC 9111 4.4).
func (k *cache) unsafe(ctx context.Context, c *call) (*outbound.Response, error) {
	target := c.out.Target
	res, err := k.next(ctx, c)
	if err != nil || res.Status >= 400 {
		return res, err
	}
	switch c.out.Method {
	case "OPTIONS", "TRACE":
		return res, nil
	}
	k.store.forget(k.origin + target)
	for _, name := range []string{"Location", "Content-Location"} {
		if u, err := url.Parse(outbound.Get(res.Header, name)); err == nil && u.Path != "" && u.Host == "" {
			k.store.forget(k.origin + u.RequestURI())
		}
	}
	return res, nil
}

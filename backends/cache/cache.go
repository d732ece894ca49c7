// Package cache keeps answers that their origin lets be kept: RFC 9111, as a shared cache, with stale-while-revalidate and
// stale-if-error (RFC 5861).
package cache

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

// Config is qos/http-cache: answers that their backend lets be kept are kept (RFC 9111, as a shared cache).
type Config struct {
	Shared   bool   `json:"shared" doc:"Share what is kept with all backends that say so too." default:"false"`
	MaxSize  *int64 `json:"max_size" doc:"Bytes that are kept at most." default:"67108864"`
	MaxItems *int64 `json:"max_items" doc:"Accepted for KrakenD's sake: bytes are what is bounded."`
	MaxItem  *int64 `json:"max_item_size" since:"4" doc:"Bytes of a body that is kept at most." default:"1048576"`
}

const (
	defaultSize = 64 << 20
	defaultItem = 1 << 20
	renewTime   = 30 * time.Second // for a renewal in the background
)

// Bounds are how much a [Store] keeps.
type Bounds struct {
	Size int64 // bytes of everything
	Item int64 // bytes of one body
}

// Bounds are those of the file.
func (c *Config) Bounds() (Bounds, error) {
	b := Bounds{Size: conf.Value(c.MaxSize, defaultSize), Item: conf.Value(c.MaxItem, defaultItem)}
	if b.Size == 0 {
		b.Size = defaultSize
	}
	if b.Size < 0 || b.Item <= 0 || conf.Value(c.MaxItems, 0) < 0 {
		return b, errors.New("max_size, max_items and max_item_size are counts, 0 or more")
	}
	return b, nil
}

// Cache answers from what is kept, and keeps what may be kept. It stands above credentials: a token of ours is the same
// for everybody, and what a backend says to it is for everybody it is fetched for.
type Cache struct {
	Next     Sender
	Store    *Store
	Origin   string // of the backend: its hosts, and whose token it is asked with
	Personal bool   // the caller shows in what is sent below the cache, or in ways that nobody can tell
	Streams  bool   // no-op: streams pass as they come

	Tells func(c Call, f outbound.Field) bool // a field says who the caller is, besides those that are known for it; nil: none else
}

// Sender asks the origin.
type Sender func(ctx context.Context, c Call) (*outbound.Response, error)

// Call is a request on its way to its origin.
type Call interface {
	Out() *outbound.Request       // what is sent; a cache may put another header there, before it asks
	Claims() []outbound.Field     // the headers made of claims
	Caller() (id, token string)   // who asks, and the token that may be exchanged for another; "": nobody
	Apart() (c Call, free func()) // the same to be sent after this one has been answered
}

// Send answers a call, from what is kept or from the origin.
func (k *Cache) Send(ctx context.Context, c Call) (*outbound.Response, error) {
	out := c.Out()
	if out.Method != "GET" && out.Method != "HEAD" {
		return k.unsafe(ctx, c)
	}
	q := k.question(c)
	if q.noStore || out.Upgrade != "" || out.Body != nil || out.Data != nil || outbound.Get(out.Header, "Range") != "" {
		return k.Next(ctx, c)
	}
	for first := true; ; {
		v := k.Store.find(q.place, out.Header)
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
		if out.Method == "HEAD" || !first || k.Store.passes(q.place) {
			return k.ask(ctx, c, q, v, nil)
		}
		f, leads := k.Store.join(q.place)
		if leads {
			return k.ask(ctx, c, q, v, f)
		}
		select {
		case <-f.done:
			first = f.gone // whoever asked has left: somebody else leads
		case <-ctx.Done():
			if v != nil && waits(ctx) && v.despite(time.Now(), &q.directives) {
				return v.answer(q, c), nil
			}
			return nil, ctx.Err()
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

func (k *Cache) question(c Call) *question {
	out := c.Out()
	q := &question{directives: readDirectives(out.Header), place: place{url: k.Origin + out.Target}}
	if outbound.Get(out.Header, "Cache-Control") == "" && strings.Contains(strings.ToLower(outbound.Get(out.Header, "Pragma")), "no-cache") {
		q.noCache = true
	}
	var who []outbound.Field
	for _, f := range out.Header {
		switch strings.ToLower(f.Name) {
		case "authorization":
			q.credentials = true
			who = append(who, f)
		case "cookie", "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token", "proxy-authorization":
			who = append(who, f) // backends that know callers by these seldom say so
		case "if-none-match", "if-modified-since":
			q.conditions = append(q.conditions, f)
		case "x-original-url", "x-rewrite-url", "x-http-method-override", "x-http-method", "x-method-override":
			q.noStore = true // to some backends it is another request than it seems, and Vary does not say so
		default:
			if k.Tells != nil && k.Tells(c, f) {
				who = append(who, f)
			}
		}
	}
	who = append(who, c.Claims()...)
	if k.Personal {
		id, token := c.Caller()
		who = append(who, outbound.Field{Name: "caller", Value: id}, outbound.Field{Name: "token", Value: token})
	}
	if len(who) > 0 {
		q.identity = sha256.Sum256(fmt.Appendf(nil, "%q", who))
	}
	return q
}

// unsafe sends what changes something, and forgets what may have changed (RFC 9111 4.4).
func (k *Cache) unsafe(ctx context.Context, c Call) (*outbound.Response, error) {
	target := c.Out().Target
	res, err := k.Next(ctx, c)
	if err != nil || res.Status >= 400 {
		return res, err
	}
	switch c.Out().Method {
	case "OPTIONS", "TRACE":
		return res, nil
	}
	k.Store.forget(k.Origin + target)
	for _, name := range []string{"Location", "Content-Location"} {
		if u, err := url.Parse(outbound.Get(res.Header, name)); err == nil && u.Path != "" && u.Host == "" {
			k.Store.forget(k.Origin + u.RequestURI())
		}
	}
	return res, nil
}

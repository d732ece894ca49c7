package backends

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

var (
	errNoHost    = errors.New("no host: neither the backend nor the service names one")
	errRedirects = errors.New("want 0 to 20")
)

// redirects follows what the file allows to be followed: within the backend's own origins, and to others that the file
// names, but then with nothing that says who we or the client are (security.md 32). What may not be followed is handed on.
type redirects struct {
	next sender
	max  int
	away map[outbound.Origin]*host // others that a redirect may lead to
}

func newRedirects(cfg Config, env Env, s settings, next sender) (*redirects, error) {
	r := &redirects{next: next, max: conf.Value(cfg.FollowRedirects, 0), away: map[outbound.Origin]*host{}}
	if cfg.Extra.Client != nil && cfg.Extra.Client.NoRedirect {
		r.max = 0
	}
	if r.max < 0 || r.max > 20 {
		return r, conf.At(errRedirects, "follow_redirects")
	}
	if len(cfg.FollowRedirectsTo) > 0 && r.max == 0 {
		return r, conf.At(errors.New("follow_redirects is 0, so none is followed; say how many"), "follow_redirects_to")
	}
	var errs mistakes
	for i, written := range cfg.FollowRedirectsTo {
		h := &host{}
		if !errs.at(env.Hosts.host(h, written, s, env), "follow_redirects_to", i) {
			r.away[h.origin] = h
		}
	}
	return r, conf.Join(errs.list...)
}

func (r *redirects) send(ctx context.Context, c *call) (*outbound.Response, error) {
	for hop := 0; ; hop++ {
		res, err := r.next.send(ctx, c)
		if err != nil || !redirected(res.Status) || hop == r.max || !r.follow(c, res) {
			return res, err
		}
		res.Body.Close()
		outbound.Look(ctx)
	}
}

func within(origins []outbound.Origin, u *url.URL) bool {
	origin, err := outbound.OriginOf(u)
	return err == nil && slices.Contains(origins, origin)
}

func redirected(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// follow turns the call into the one that the answer points at (RFC 9110 15.4); false: it may not be followed, and the
// call is as it was.
func (r *redirects) follow(c *call, res *outbound.Response) bool {
	to, err := url.Parse(outbound.Get(res.Header, "Location"))
	if err != nil || to.User != nil || to.Opaque != "" || to.Path == "" && to.Host == "" && to.RawQuery == "" {
		return false
	}
	pin, ok := r.place(c, to)
	if !ok {
		return false
	}
	base, err := url.ParseRequestURI(c.out.Target)
	if err != nil {
		return false
	}
	target := base.ResolveReference(&url.URL{Path: to.Path, RawPath: to.RawPath, RawQuery: to.RawQuery}).RequestURI()
	if !strings.HasPrefix(target, "/") || strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	switch method := c.out.Method; {
	case res.Status == 303 && method != "HEAD" && method != "GET", (res.Status == 301 || res.Status == 302) && method == "POST":
		c.out.Method = "GET"
		c.dropBody()
	case !c.bodyless && !c.req.Body.Replayable():
		return false
	}
	c.rewind()
	c.out.Target, c.pin = target, pin
	if c.bare = c.bare || r.away[pin.origin] == pin; c.bare {
		c.undress()
	}
	return true
}

// place is the host that a redirect leads to.
func (r *redirects) place(c *call, to *url.URL) (*host, bool) {
	if to.Host == "" {
		return c.at, to.Scheme == "" && c.at != nil
	}
	if to.Scheme == "" { // "//host/path": the scheme stays
		to.Scheme = c.at.origin.Scheme
	}
	origin, err := outbound.OriginOf(to)
	if err != nil {
		return nil, false
	}
	if c.at.origin == origin {
		return c.at, true
	}
	for _, h := range c.among {
		if h.origin == origin {
			return h, true
		}
	}
	h, ok := r.away[origin]
	return h, ok
}

// relocate makes a Location within the backend's own origins one at ours, as a path; others stay (config.md).
func relocate(header []outbound.Field, own []outbound.Origin) {
	for i := range header {
		if !strings.EqualFold(header[i].Name, "Location") {
			continue
		}
		u, err := url.Parse(header[i].Value)
		if err == nil && u.Host != "" && within(own, u) {
			path := (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, Fragment: u.Fragment, RawFragment: u.RawFragment}).String()
			header[i].Value = "/" + strings.TrimLeft(path, "/")
		}
	}
}

// origins are where a backend is.
func origins(cfg Config) (list []outbound.Origin) {
	for _, h := range cfg.Host {
		if origin, err := outbound.ParseHost(h); err == nil {
			list = append(list, origin)
		}
	}
	return list
}

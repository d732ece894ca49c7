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

// redirects follows what the file allows to be followed: within the backend's own origin, never with credentials
// elsewhere (security.md 32). What may not be followed is handed on as it is.
type redirects struct {
	next sender
	max  int
	own  []outbound.Origin // of the backend
}

func newRedirects(cfg Config) (*redirects, error) {
	r := &redirects{max: conf.Value(cfg.FollowRedirects, 0), own: origins(cfg)}
	if r.max < 0 || r.max > 20 {
		return r, conf.At(errRedirects, "follow_redirects")
	}
	if len(cfg.FollowRedirectsTo) > 0 && r.max == 0 {
		return r, conf.At(errors.New("follow_redirects is 0, so none is followed; say how many"), "follow_redirects_to")
	}
	return r, nil
}

func (r *redirects) send(ctx context.Context, c *call) (*outbound.Response, error) {
	for hop := 0; ; hop++ {
		res, err := r.next(ctx, c)
		if err != nil || !redirected(res.Status) || hop == r.max {
			return res, err
		}
		target, ok := r.follow(c, res)
		if !ok {
			return res, nil
		}
		res.Body.Close()
		c.out.Target = target
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

// follow turns the call into the one that the answer points at (RFC 9110 15.4); false: it may not be followed.
func (r *redirects) follow(c *call, res *outbound.Response) (target string, ok bool) {
	to, err := url.Parse(field(res.Header, "Location"))
	if err != nil || to.Path == "" && to.Host == "" && to.RawQuery == "" {
		return "", false
	}
	if to.Host != "" && !within(r.own, to) {
		return "", false
	}
	base, err := url.Parse(c.out.Target)
	if err != nil {
		return "", false
	}
	method := c.out.Method
	switch {
	case res.Status == 303 && method != "HEAD", (res.Status == 301 || res.Status == 302) && method == "POST":
		c.out.Method, c.out.Body, c.out.Length = "GET", nil, 0
	case !c.req.Body.Replayable():
		return "", false
	default:
		c.rewind()
	}
	next := base.ResolveReference(&url.URL{Path: to.Path, RawPath: to.RawPath, RawQuery: to.RawQuery})
	if strings.ContainsAny(next.RequestURI(), "\r\n\x00 ") {
		return "", false
	}
	return next.RequestURI(), true
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
		if origin, err := ParseHost(h); err == nil {
			list = append(list, origin)
		}
	}
	return list
}

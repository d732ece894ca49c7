package backends

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

type urlConfig struct {
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
	Path   string `json:"path"`
	Query  string `json:"query"`
}

// urlModifier writes path and query of the request; scheme and host are those of the backend's hosts (see elsewhere).
func (k *martian) urlModifier(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		Scope scope `json:"scope"`
		urlConfig
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	errs := []error{cfg.Scope.check()}
	target := (&url.URL{Path: cfg.Path}).EscapedPath()
	if cfg.Path != "" && (!strings.HasPrefix(cfg.Path, "/") || badTarget(target)) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want a path such as /users", cfg.Path), "path"))
	}
	if badTarget("?" + cfg.Query) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want a query, escaped, such as a=1&b=2", cfg.Query), "query"))
	}
	if !slices.Contains([]string{"", "http", "https"}, cfg.Scheme) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want http or https", cfg.Scheme), "scheme"))
	}
	if cfg.Host != "" {
		_, err := ParseHost(cfg.Host)
		if strings.Contains(cfg.Host, "://") {
			err = fmt.Errorf("got %q, want a name and a port; the scheme stands in scheme", cfg.Host)
		}
		errs = append(errs, conf.At(err, "host"))
	}
	if k.filtered && (cfg.Host != "" || cfg.Scheme != "") {
		errs = append(errs, conf.At(errors.New("a filter cannot choose the host"), "host"))
	}
	k.scheme, k.host = cmp.Or(cfg.Scheme, k.scheme), cmp.Or(cfg.Host, k.host)
	return cfg.Scope.of(modifier{request: func(c *call) error {
		path, query, asked := strings.Cut(c.out.Target, "?")
		if cfg.Path != "" {
			path = target
		}
		if cfg.Query != "" {
			query, asked = cfg.Query, true
		}
		if asked {
			path += "?" + query
		}
		c.out.Target = path
		return nil
	}}), conf.Join(errs...)
}

// fits reports whether the URL of a call has the parts that are written.
func (u urlConfig) fits(b *backend, c *call) bool {
	path, query, _ := strings.Cut(c.out.Target, "?")
	var o outbound.Origin
	if len(b.origins) > 0 {
		o = b.origins[0]
	}
	return (u.Scheme == "" || u.Scheme == o.Scheme) && (u.Host == "" || strings.EqualFold(u.Host, o.Authority())) &&
		(u.Path == "" || u.Path == path) && (u.Query == "" || u.Query == query)
}

func (k *martian) urlFilter(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		branches
		urlConfig
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	b := k.backend
	return k.filter(cfg.branches, func(c *call) bool { return cfg.fits(b, c) }, func(c *call, _ *outbound.Response) bool { return cfg.fits(b, c) })
}

func (k *martian) urlRegexFilter(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		branches
		Regex string `json:"regex"`
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	pattern, err := regexp.Compile(cfg.Regex)
	if err != nil {
		return modifier{}, conf.At(err, "regex")
	}
	b := k.backend
	has := func(c *call) bool { return pattern.MatchString(b.url(c)) }
	return k.filter(cfg.branches, has, func(c *call, _ *outbound.Response) bool { return has(c) })
}

// url is where a call goes, as far as it is known before a host is chosen.
func (b *backend) url(c *call) string {
	if len(b.origins) == 0 {
		return c.out.Target
	}
	return b.origins[0].String() + c.out.Target
}

type pairConfig struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// queryModifier sets one parameter: in the place of its first value, or at the end.
func (k *martian) queryModifier(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		Scope scope `json:"scope"`
		pairConfig
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	if cfg.Name == "" {
		return modifier{}, conf.At(errors.New("is missing, want the name of a parameter"), "name")
	}
	pair := url.QueryEscape(cfg.Name) + "=" + url.QueryEscape(cfg.Value)
	return cfg.Scope.of(modifier{request: func(c *call) error {
		path, query, _ := strings.Cut(c.out.Target, "?")
		var kept []string
		set := false
		for one := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(one, "=")
			switch {
			case one == "":
			case unescaped(name) != cfg.Name:
				kept = append(kept, one)
			case !set:
				kept, set = append(kept, pair), true
			}
		}
		if !set {
			kept = append(kept, pair)
		}
		c.out.Target = path + "?" + strings.Join(kept, "&")
		return nil
	}}), cfg.Scope.check()
}

func (k *martian) queryFilter(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		branches
		pairConfig
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	has := func(c *call) bool {
		_, query, _ := strings.Cut(c.out.Target, "?")
		values, there := Parameters(query)[cfg.Name]
		return there && (cfg.Value == "" || slices.Contains(values, cfg.Value))
	}
	return k.filter(cfg.branches, has, func(c *call, _ *outbound.Response) bool { return has(c) })
}

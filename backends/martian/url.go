package martian

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

// urlModifier writes path and query of the request; scheme and host are those of the backend's hosts (see [Config.Move]).
func (k *compiler) urlModifier(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope `json:"scope"`
		urlConfig
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	errs := []error{cfg.Scope.check()}
	target := (&url.URL{Path: cfg.Path}).EscapedPath()
	if cfg.Path != "" && (!strings.HasPrefix(cfg.Path, "/") || !outbound.IsPlain(target)) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want a path such as /users", cfg.Path), "path"))
	}
	if !outbound.IsPlain("?" + cfg.Query) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want a query, escaped, such as a=1&b=2", cfg.Query), "query"))
	}
	if !slices.Contains([]string{"", "http", "https"}, cfg.Scheme) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want http or https", cfg.Scheme), "scheme"))
	}
	if cfg.Host != "" {
		_, err := outbound.ParseHost(cfg.Host)
		if strings.Contains(cfg.Host, "://") {
			err = fmt.Errorf("got %q, want a name and a port; the scheme stands in scheme", cfg.Host)
		}
		errs = append(errs, conf.At(err, "host"))
	}
	if k.filtered && (cfg.Host != "" || cfg.Scheme != "") {
		errs = append(errs, conf.At(errors.New("a filter cannot choose the host"), "host"))
	}
	k.scheme, k.host = cmp.Or(cfg.Scheme, k.scheme), cmp.Or(cfg.Host, k.host)
	return cfg.Scope.of(Modifier{Request: func(c Call) error {
		path, query, asked := strings.Cut(c.Out().Target, "?")
		if cfg.Path != "" {
			path = target
		}
		if cfg.Query != "" {
			query, asked = cfg.Query, true
		}
		if asked {
			path += "?" + query
		}
		c.Out().Target = path
		return nil
	}}), conf.Join(errs...)
}

// fits reports whether the URL of a call has the parts that are written.
func (u urlConfig) fits(o outbound.Origin, c Call) bool {
	path, query, _ := strings.Cut(c.Out().Target, "?")
	return (u.Scheme == "" || u.Scheme == o.Scheme) && (u.Host == "" || strings.EqualFold(u.Host, o.Authority())) &&
		(u.Path == "" || u.Path == path) && (u.Query == "" || u.Query == query)
}

func (k *compiler) urlFilter(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		branches
		urlConfig
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	at := k.at
	return k.filter(cfg.branches, func(c Call) bool { return cfg.fits(at, c) }, func(c Call, _ *outbound.Response) bool { return cfg.fits(at, c) })
}

func (k *compiler) urlRegexFilter(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		branches
		Regex string `json:"regex"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	pattern, err := regexp.Compile(cfg.Regex)
	if err != nil {
		return Modifier{}, conf.At(err, "regex")
	}
	at := k.at
	has := func(c Call) bool { return pattern.MatchString(whole(at, c)) }
	return k.filter(cfg.branches, has, func(c Call, _ *outbound.Response) bool { return has(c) })
}

// whole is the URL of a call, as far as it is known before a host is chosen.
func whole(at outbound.Origin, c Call) string {
	if at == (outbound.Origin{}) {
		return c.Out().Target
	}
	return at.String() + c.Out().Target
}

type pairConfig struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// queryModifier sets one parameter: in the place of its first value, or at the end.
func (k *compiler) queryModifier(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope `json:"scope"`
		pairConfig
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	if cfg.Name == "" {
		return Modifier{}, conf.At(errors.New("is missing, want the name of a parameter"), "name")
	}
	pair := url.QueryEscape(cfg.Name) + "=" + url.QueryEscape(cfg.Value)
	return cfg.Scope.of(Modifier{Request: func(c Call) error {
		path, query, _ := strings.Cut(c.Out().Target, "?")
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
		c.Out().Target = path + "?" + strings.Join(kept, "&")
		return nil
	}}), cfg.Scope.check()
}

func (k *compiler) queryFilter(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		branches
		pairConfig
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	has := func(c Call) bool {
		_, query, _ := strings.Cut(c.Out().Target, "?")
		for one := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(one, "=")
			if one != "" && unescaped(name) == cfg.Name && (cfg.Value == "" || unescaped(value) == cfg.Value) {
				return true
			}
		}
		return false
	}
	return k.filter(cfg.branches, has, func(c Call, _ *outbound.Response) bool { return has(c) })
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

package backends

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// cookieFilter asks for a cookie: one that the client sent, or one that it is to keep.
func (k *martian) cookieFilter(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		branches
		pairConfig
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	if cfg.Name == "" {
		return modifier{}, conf.At(errors.New("is missing, want the name of a cookie"), "name")
	}
	has := func(cookies []*http.Cookie) bool {
		for _, c := range cookies {
			if c.Name == cfg.Name && (cfg.Value == "" || c.Value == cfg.Value) {
				return true
			}
		}
		return false
	}
	return k.filter(cfg.branches, func(c *call) bool {
		return has((&http.Request{Header: http.Header{"Cookie": fields(c.header).values("Cookie")}}).Cookies())
	}, func(_ *call, out *outbound.Response) bool {
		return has((&http.Response{Header: http.Header{"Set-Cookie": fields(out.Header).values("Set-Cookie")}}).Cookies())
	})
}

// portFilter asks for the port of the backend's first host.
func (k *martian) portFilter(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		branches
		Port int `json:"port"`
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	if cfg.Port < 1 || cfg.Port > 65535 {
		return modifier{}, conf.At(errors.New("want a port from 1 to 65535"), "port")
	}
	b, port := k.backend, strconv.Itoa(cfg.Port)
	has := func() bool { return b != nil && len(b.origins) > 0 && b.origins[0].Port == port }
	return k.filter(cfg.branches, func(*call) bool { return has() }, func(*call, *outbound.Response) bool { return has() })
}

package martian

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// cookieFilter asks for a cookie: one that the client sent, or one that it is to keep.
func (k *compiler) cookieFilter(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		branches
		pairConfig
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	if cfg.Name == "" {
		return Modifier{}, conf.At(errors.New("is missing, want the name of a cookie"), "name")
	}
	has := func(cookies []*http.Cookie) bool {
		for _, c := range cookies {
			if c.Name == cfg.Name && (cfg.Value == "" || c.Value == cfg.Value) {
				return true
			}
		}
		return false
	}
	return k.filter(cfg.branches, func(c Call) bool {
		return has((&http.Request{Header: http.Header{"Cookie": fields(c.Out().Header).values("Cookie")}}).Cookies())
	}, func(_ Call, out *outbound.Response) bool {
		return has((&http.Response{Header: http.Header{"Set-Cookie": fields(out.Header).values("Set-Cookie")}}).Cookies())
	})
}

// portFilter asks for the port of the backend's first host.
func (k *compiler) portFilter(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		branches
		Port int `json:"port"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	if cfg.Port < 1 || cfg.Port > 65535 {
		return Modifier{}, conf.At(errors.New("want a port from 1 to 65535"), "port")
	}
	has := k.at.Port == strconv.Itoa(cfg.Port)
	return k.filter(cfg.branches, func(Call) bool { return has }, func(Call, *outbound.Response) bool { return has })
}

package gateway

import (
	"errors"
	"reflect"

	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// ServiceValidator is auth/validator at the level of the service: in version 4 what every endpoint inherits, field by
// field; in versions 2 and 3 shared_cache_duration alone.
type ServiceValidator struct {
	validator.Config
	SharedCacheDuration *int   `json:"shared_cache_duration" doc:"Seconds for which keys are fresh where an endpoint does not say so (cache_duration)." default:"900"`
	TokenCacheSize      *int64 `json:"token_cache_size" since:"4" doc:"Bytes for verified tokens, so that one that was seen before is not verified again; 0: each is verified each time." default:"16777216"`
}

// defaultTokenCache is the memory for verified tokens, overhead included.
const defaultTokenCache = 16 << 20

// inherited is what endpoints inherit of it.
func (s *ServiceValidator) inherited(version int) *validator.Config {
	switch {
	case s == nil:
		return nil
	case version >= 4:
		cfg := s.Config
		if cfg.Duration == nil {
			cfg.Duration = s.SharedCacheDuration
		}
		if reflect.ValueOf(s.Config).IsZero() {
			return nil
		}
		return &cfg
	}
	return nil
}

// check refuses a validator that its author believes to protect something, and that does not.
func (s *ServiceValidator) check(version int) error {
	if s == nil {
		return nil
	}
	var errs []error
	if version < 4 && !reflect.ValueOf(s.Config).IsZero() {
		errs = append(errs, errors.New("protects nothing at the level of the service in this version: put it into each endpoint, or write \"version\": 4"))
	}
	if n := conf.Value(s.TokenCacheSize, defaultTokenCache); n < 0 {
		errs = append(errs, conf.At(errors.New("want 0 or more bytes"), "token_cache_size"))
	}
	return conf.At(conf.Join(errs...), "extra_config", "auth/validator")
}

// auth is what all validators of a configuration share.
func (g *Gateway) auth(cfg Config, shared Shared) (validator.Deps, error) {
	deps := validator.Deps{Keys: shared.Keys, Log: shared.Log, Providers: map[string]*validator.Provider{}}
	var errs []error
	for name, p := range cfg.Providers {
		deps.Providers[name] = &p
		errs = append(errs, conf.At(p.Check(), "providers", name))
	}
	if err := conf.Join(errs...); err != nil {
		return deps, err
	}
	size := int64(defaultTokenCache)
	if s := cfg.Extra.Validator; s != nil {
		size = conf.Value(s.TokenCacheSize, size)
	}
	deps.Cache = validator.NewCache(int(size))
	if r := cfg.Extra.Revoker; r != nil {
		revoked, err := validator.NewRevoked(*r, shared.Keys.Config())
		if err != nil {
			return deps, conf.At(err, "extra_config", "auth/revoker")
		}
		deps.Revoked, g.revoked = revoked, revoked
	}
	return deps, nil
}

// unusedWays refuses keys and users at the service that no endpoint asks for: their author believes them to protect
// something.
func unusedWays(cfg Config) error {
	keys, basic := cfg.Extra.APIKeys != nil, cfg.Extra.Basic != nil
	for _, e := range cfg.Endpoints {
		keys, basic = keys && e.Extra.APIKeys == nil, basic && e.Extra.Basic == nil
	}
	var errs []error
	for name, unused := range map[string]bool{"auth/api-keys": keys, "auth/basic": basic} {
		if unused {
			errs = append(errs, conf.At(errors.New("protects nothing: no endpoint has "+name+"; write \""+name+"\": {} where it is wanted"), "extra_config", name))
		}
	}
	return conf.Join(errs...)
}

package validator

import (
	"errors"
	"fmt"
	"slices"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
)

// issuer is who may have issued a token: a name, its keys, and what is asked of its tokens alone. A validator has one, or
// one for each of its providers.
type issuer struct {
	iss      string // "": any
	algs     []jose.Alg
	audience []string
	match    string // any or all
	strategy strategy
	ring     *ring
	wish     wish // of it
}

// newIssuer compiles a source. Mistakes are under the source's keys.
func newIssuer(src *Source, audience, algs []string, match string, keys *Keys) (*issuer, error) {
	var errs []error
	if !src.written() {
		errs = append(errs, errors.New("says nowhere where keys come from; want issuer, jwk_url or jwk_local_path"))
	}
	errs = append(errs, src.check())
	is := &issuer{wish: src.wish(), iss: src.Issuer, audience: audience, match: match, strategy: strategy(conf.Value(src.Identify, "kid"))}
	for i, name := range algs {
		alg, err := jose.ParseAlg(name)
		errs = append(errs, conf.At(err, "algs", i))
		is.algs = append(is.algs, alg)
	}
	if slices.Contains(audience, "") {
		errs = append(errs, conf.At(errors.New("an empty audience is one that no token may have"), "audience"))
	}
	if err := conf.Join(errs...); err != nil {
		return nil, err
	}
	var err error
	if is.ring, err = keys.acquire(src); err != nil {
		return nil, err
	}
	return is, nil
}

// allows finds the algorithm of a token in the issuer's list, by its exact name.
func (is *issuer) allows(name string) (jose.Alg, bool) {
	for _, alg := range is.algs {
		if string(alg) == name {
			return alg, true
		}
	}
	return "", false
}

// Check finds what is wrong with a provider by itself, each mistake under its key, so that a service can say where.
func (p *Provider) Check() error {
	errs := []error{p.check()}
	if !p.written() {
		errs = append(errs, errors.New("says nowhere where keys come from; want issuer, jwk_url or jwk_local_path"))
	}
	for i, name := range p.Algs {
		_, err := jose.ParseAlg(name)
		errs = append(errs, conf.At(err, "algs", i))
	}
	return conf.Join(errs...)
}

// Warnings are settings that work and deserve a second thought, each under its key.
func (p *Provider) Warnings() error { return p.warnings() }

// issuers compiles who may issue tokens for this validator.
func (c *Config) issuers(deps *Deps) ([]*issuer, error) {
	algs, err := c.algorithms()
	errs := []error{err}
	match := conf.Value(c.AudienceMatch, "any")
	var list []*issuer
	if len(c.Providers) == 0 {
		is, err := newIssuer(&c.Source, c.Audience, algs, match, deps.Keys)
		return append(list, is), conf.Join(append(errs, err)...)
	}
	if c.written() {
		errs = append(errs, conf.At(errors.New("stand beside issuer, jwk_url or jwk_local_path; want one or the other"), "providers"))
	}
	for i, name := range c.Providers {
		is, err := c.provided(name, algs, match, deps)
		for _, other := range list {
			if err == nil && other.iss == is.iss {
				err = fmt.Errorf("provider %q has the issuer of another one", name)
			}
		}
		errs = append(errs, conf.At(err, "providers", i))
		if is != nil {
			list = append(list, is)
		}
	}
	return list, conf.Join(errs...)
}

// provided compiles one of the service's providers for this validator.
func (c *Config) provided(name string, algs []string, match string, deps *Deps) (*issuer, error) {
	p := deps.Providers[name]
	switch {
	case p == nil:
		return nil, fmt.Errorf("no provider %q among the service's providers", name)
	case len(c.Providers) > 1 && p.Issuer == "":
		return nil, fmt.Errorf("provider %q has no issuer, by which tokens could be told apart", name)
	}
	audience := c.Audience
	if p.Audience != nil {
		audience = p.Audience
	}
	if p.Algs != nil {
		algs = p.Algs
	}
	is, err := newIssuer(&p.Source, audience, algs, match, deps.Keys)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", name, err)
	}
	return is, nil
}

// algorithms is what alg and algs come to.
func (c *Config) algorithms() ([]string, error) {
	switch {
	case c.Alg != "" && c.Algs != nil:
		return nil, conf.At(errors.New("stands beside algs; want one or the other"), "alg")
	case c.Alg != "":
		if _, err := jose.ParseAlg(c.Alg); err != nil {
			return nil, conf.At(err, "alg")
		}
		return []string{c.Alg}, nil
	case c.Algs != nil && len(c.Algs) == 0:
		return nil, conf.At(errors.New("an empty list refuses every token"), "algs")
	case c.Algs != nil:
		return c.Algs, nil
	}
	return []string{string(jose.RS256), string(jose.ES256)}, nil
}

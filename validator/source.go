package validator

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/conf"
)

// discoveryPath is where a provider describes itself (OpenID Connect Discovery 1.0 section 4).
const discoveryPath = "/.well-known/openid-configuration"

func (s *Source) allowHTTP() bool {
	return conf.Value(s.AllowHTTP, conf.Value(s.DisableSecurity, false))
}

func (s *Source) skipVerify() bool {
	return conf.Value(s.SkipVerify, conf.Value(s.DisableSecurity, false))
}

func (s *Source) wish() wish {
	return wish{fresh: time.Duration(conf.Value(s.Duration, 900)) * time.Second, stale: s.MaxStale.Or(24 * time.Hour)}
}

// written reports whether the source says where keys come from.
func (s *Source) written() bool { return s.Issuer != "" || s.URL != "" || s.File != "" }

// check finds what is wrong with a source, each mistake under its key.
func (s *Source) check() error {
	var errs []error
	at := func(err error, path ...any) { errs = append(errs, conf.At(err, path...)) }
	if s.File == "" {
		switch {
		case s.URL != "":
			at(s.mayFetch(s.URL), "jwk_url")
		case s.Issuer != "":
			at(s.mayFetch(s.Issuer), "issuer")
		}
	}
	if (s.SecretURL == "") != (s.CypherKey == "") {
		at(errors.New("secret_url and cypher_key go together"), "secret_url")
	} else if s.SecretURL != "" && s.File == "" {
		at(errors.New("decrypts jwk_local_path, which is not there"), "secret_url")
	}
	if d := conf.Value(s.Duration, 900); d < 1 {
		at(fmt.Errorf("got %d, want a number of seconds of at least 1", d), "cache_duration")
	}
	if d := s.wish().stale; d < 0 {
		at(fmt.Errorf("got %s, want no less than nothing", d), "max_stale")
	}
	if (s.ClientCert == "") != (s.ClientKey == "") {
		at(errors.New("jwk_client_cert and jwk_client_key go together"), "jwk_client_cert")
	}
	if s.Proxy != "" {
		if u, err := url.Parse(s.Proxy); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			at(errors.New("want the URL of an HTTP proxy, such as http://proxy:3128"), "jwk_proxy")
		}
	}
	return conf.Join(errs...)
}

// mayFetch refuses addresses that keys must not come from: another scheme than https, but for loopback, where nobody is
// on the way.
func (s *Source) mayFetch(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return errors.New("want an absolute https URL")
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		if s.allowHTTP() || loopback(u.Hostname()) {
			return nil
		}
		return errors.New("keys fetched over http can be replaced by whoever is on the way; want https, or dangerously_allow_http")
	}
	return fmt.Errorf("got scheme %q, want https", u.Scheme)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// warnings are settings that work and should not be used.
func (s *Source) warnings() error {
	var errs []error
	warn := func(key, text string) { errs = append(errs, conf.At(errors.New(text), key)) }
	switch {
	case conf.Value(s.DisableSecurity, false):
		warn("disable_jwk_security", "keys may be fetched without TLS, and from servers that cannot prove who they are: whoever is on the way can let anybody in; say dangerously_allow_http or dangerously_skip_tls_verify for the one that is needed")
	case s.allowHTTP():
		warn("dangerously_allow_http", "keys may be fetched without TLS: whoever is on the way can let anybody in")
	case s.skipVerify():
		warn("dangerously_skip_tls_verify", "keys are fetched from servers that cannot prove who they are: whoever is on the way can let anybody in")
	}
	if s.File != "" && s.URL != "" {
		warn("jwk_url", "is not asked, since jwk_local_path has the keys")
	}
	return conf.Join(errs...)
}

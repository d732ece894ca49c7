package backends

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// ClientConfig is how connections to somebody are made: part of backend/http/client, and of what asks token endpoints.
type ClientConfig struct {
	TLS   TLSConfig `json:"client_tls" doc:"Certificates, ours and theirs."`
	Proxy string    `json:"proxy_address" doc:"The URL of an HTTP proxy to go through." default:"HTTPS_PROXY and HTTP_PROXY of the environment"`
}

// TLSConfig is client_tls (krakend.md 1.3).
type TLSConfig struct {
	SkipVerify   bool         `json:"dangerously_skip_tls_verify" old:"allow_insecure_connections" doc:"Accept any certificate: whoever stands in between reads everything." default:"false"`
	CA           []string     `json:"ca_certs" doc:"Files with certificates to trust."`
	NoSystemCA   bool         `json:"disable_system_ca_pool" doc:"Trust ca_certs only, not what the system trusts." default:"false"`
	MinVersion   string       `json:"min_version" enum:"TLS10|TLS11|TLS12|TLS13" doc:"The lowest version of TLS." default:"TLS12"`
	MaxVersion   string       `json:"max_version" enum:"TLS10|TLS11|TLS12|TLS13" doc:"The highest version of TLS." default:"TLS13"`
	Curves       []uint16     `json:"curve_preferences" doc:"Curves by their TLS numbers, the best first." default:"Go's"`
	CipherSuites []uint16     `json:"cipher_suites" doc:"Suites of TLS 1.2 by their numbers." default:"Go's"`
	Certificates []ClientCert `json:"client_certs" doc:"Certificates that we show, with their keys."`
	ServerName   string       `json:"server_name" since:"4" doc:"The name that their certificate must have." default:"the host's"`
}

// ClientCert is a certificate of ours with its key, two files.
type ClientCert struct {
	Certificate string `json:"certificate" doc:"A PEM file with the certificate and those above it."`
	PrivateKey  string `json:"private_key" doc:"A PEM file with its key."`
}

// key tells one set of settings from another.
func (c *ClientConfig) key() string {
	b, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// options adds the settings to base.
func (c *ClientConfig) options(base outbound.Options) (outbound.Options, error) {
	var errs mistakes
	if c.Proxy != "" {
		u, err := url.Parse(c.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs.at(errors.New("want http://host:port or https://host:port"), "proxy_address")
		}
	}
	_, err := c.TLS.compile()
	errs.at(err, "client_tls")
	return base, conf.Join(errs.list...)
}

// compile makes the settings of the standard library; nil where nothing is written.
func (c *TLSConfig) compile() (*tls.Config, error) {
	var errs mistakes
	out := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SkipVerify, ServerName: c.ServerName, CipherSuites: c.CipherSuites}
	if c.MinVersion != "" {
		out.MinVersion = tlsVersion(c.MinVersion)
	}
	if c.MaxVersion != "" {
		out.MaxVersion = tlsVersion(c.MaxVersion)
		if out.MaxVersion < out.MinVersion {
			errs.at(fmt.Errorf("got %s, want at least min_version", c.MaxVersion), "max_version")
		}
	}
	for _, id := range c.Curves {
		out.CurvePreferences = append(out.CurvePreferences, tls.CurveID(id))
	}
	if len(c.CA) > 0 || c.NoSystemCA {
		out.RootCAs = errs.roots(c)
	}
	for i, pair := range c.Certificates {
		cert, err := tls.LoadX509KeyPair(pair.Certificate, pair.PrivateKey)
		if !errs.at(err, "client_certs", i) {
			out.Certificates = append(out.Certificates, cert)
		}
	}
	return out, conf.Join(errs.list...)
}

func (m *mistakes) roots(c *TLSConfig) *x509.CertPool {
	pool := x509.NewCertPool()
	if !c.NoSystemCA {
		if system, err := x509.SystemCertPool(); err == nil {
			pool = system
		}
	}
	for i, file := range c.CA {
		pem, err := os.ReadFile(file)
		if err == nil && !pool.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s has no PEM certificate", file)
		}
		m.at(err, "ca_certs", i)
	}
	return pool
}

func tlsVersion(name string) uint16 {
	switch strings.TrimPrefix(name, "TLS") {
	case "10":
		return tls.VersionTLS10
	case "11":
		return tls.VersionTLS11
	case "13":
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

package outbound

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"gatehouse/internal/conf"
)

// TLSConfig is what a file says of TLS towards others (KrakenD's client_tls).
type TLSConfig struct {
	DangerouslySkipVerify bool      `json:"dangerously_skip_tls_verify" old:"allow_insecure_connections" doc:"Accept any certificate: whoever stands in between reads and writes everything." default:"false"`
	CA                    []string  `json:"ca_certs" doc:"PEM files with certificates to trust."`
	NoSystemCA            bool      `json:"disable_system_ca_pool" doc:"Trust ca_certs only, not what the system trusts." default:"false"`
	Certificates          []KeyPair `json:"client_certs" doc:"Certificates that we show, with their keys."`
	MinVersion            string    `json:"min_version" enum:"TLS10|TLS11|TLS12|TLS13" doc:"The lowest version of TLS." default:"TLS12"`
	MaxVersion            string    `json:"max_version" enum:"TLS10|TLS11|TLS12|TLS13" doc:"The highest version of TLS." default:"TLS13"`
	CipherSuites          []uint16  `json:"cipher_suites" doc:"Suites of TLS up to 1.2 by their numbers." default:"Go's"`
	Curves                []uint16  `json:"curve_preferences" doc:"Curves by their TLS numbers, the best first." default:"Go's"`
	ServerName            string    `json:"server_name" since:"4" doc:"The name that their certificate must have." default:"the host of the URL"`
	Fingerprints          []string  `json:"fingerprints" since:"4" doc:"SHA-256 of the public keys (SPKI), in base64; one of them must stand in the verified chain."`
}

// KeyPair is a certificate with its key, two PEM files.
type KeyPair struct {
	Certificate string `json:"certificate" doc:"A PEM file with the certificate and those above it."`
	PrivateKey  string `json:"private_key" doc:"A PEM file with its key."`
}

// Compile reads the files and makes the settings of the standard library. All mistakes are reported, each at its key.
func (c TLSConfig) Compile() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.DangerouslySkipVerify}
	var errs []error
	note := func(err error, place ...any) { errs = append(errs, conf.At(err, place...)) }

	out.MinVersion = tlsVersion(c.MinVersion, tls.VersionTLS12)
	out.MaxVersion = tlsVersion(c.MaxVersion, tls.VersionTLS13)
	if out.MaxVersion < out.MinVersion {
		note(fmt.Errorf("got %q, want at least min_version", c.MaxVersion), "max_version")
	}
	for i, id := range c.CipherSuites {
		note(knownSuite(id), "cipher_suites", i)
	}
	out.CipherSuites = c.CipherSuites
	for _, id := range c.Curves {
		out.CurvePreferences = append(out.CurvePreferences, tls.CurveID(id))
	}
	if len(c.CA) > 0 || c.NoSystemCA {
		out.RootCAs = c.roots(note)
	}
	for i, pair := range c.Certificates {
		cert, err := tls.LoadX509KeyPair(pair.Certificate, pair.PrivateKey)
		note(err, "client_certs", i)
		out.Certificates = append(out.Certificates, cert)
	}
	if len(c.Fingerprints) > 0 {
		out.VerifyConnection = c.pins(note).verify
	}
	return out, conf.Join(errs...)
}

func tlsVersion(name string, other uint16) uint16 {
	switch name {
	case "TLS10":
		return tls.VersionTLS10
	case "TLS11":
		return tls.VersionTLS11
	case "TLS12":
		return tls.VersionTLS12
	case "TLS13":
		return tls.VersionTLS13
	}
	return other
}

func knownSuite(id uint16) error {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, s := range list {
			if s.ID == id {
				return nil
			}
		}
	}
	return fmt.Errorf("got cipher suite %d, want one that Go knows, such as 49199", id)
}

func (c TLSConfig) roots(note func(error, ...any)) *x509.CertPool {
	pool := x509.NewCertPool()
	if !c.NoSystemCA {
		if system, err := x509.SystemCertPool(); err == nil {
			pool = system
		}
	}
	for i, file := range c.CA {
		pem, err := os.ReadFile(file)
		if err == nil && !pool.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("got %s, want PEM with a certificate", file)
		}
		note(err, "ca_certs", i)
	}
	return pool
}

// pins are fingerprints of public keys.
type pins map[[sha256.Size]byte]bool

// pins takes base64 of either alphabet, padded or not.
func (c TLSConfig) pins(note func(error, ...any)) pins {
	p := pins{}
	for i, s := range c.Fingerprints {
		plain := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(s)
		raw, err := base64.RawStdEncoding.DecodeString(plain)
		if err == nil && len(raw) != sha256.Size {
			err = fmt.Errorf("%d bytes", len(raw))
		}
		if err != nil {
			note(fmt.Errorf("got %q, want base64 of 32 bytes: %w", s, err), "fingerprints", i)
			continue
		}
		p[[sha256.Size]byte(raw)] = true
	}
	return p
}

var errPins = errors.New("no certificate of the chain has a public key with one of the fingerprints")

// verify runs after the usual checks, on resumed sessions too. Where those are skipped, only the server's own certificate
// counts: the rest of what it sends proves nothing.
func (p pins) verify(state tls.ConnectionState) error {
	chains := state.VerifiedChains
	if len(chains) == 0 && len(state.PeerCertificates) > 0 {
		chains = [][]*x509.Certificate{state.PeerCertificates[:1]}
	}
	for _, chain := range chains {
		for _, cert := range chain {
			if p[sha256.Sum256(cert.RawSubjectPublicKeyInfo)] {
				return nil
			}
		}
	}
	return errPins
}

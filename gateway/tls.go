package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/conf"
)

// TLSConfig is the server's side of TLS (krakend.md 1.3).
type TLSConfig struct {
	Disabled   bool      `json:"disabled" doc:"Serve plain HTTP all the same." default:"false"`
	Keys       []KeyPair `json:"keys" doc:"Our certificates with their keys; the name that the client asks for picks one. Files are read again when they change."`
	PublicKey  string    `json:"public_key" doc:"The certificate, where there is one alone: a PEM file."`
	PrivateKey string    `json:"private_key" doc:"Its key: a PEM file."`
	MinVersion *string   `json:"min_version" enum:"TLS10|TLS11|TLS12|TLS13" doc:"The lowest version of TLS." default:"TLS12 (versions 2 and 3: TLS13)"`
	MaxVersion *string   `json:"max_version" enum:"TLS10|TLS11|TLS12|TLS13" doc:"The highest version of TLS." default:"TLS13"`
	Curves     []uint16  `json:"curve_preferences" doc:"Curves by their TLS numbers." default:"Go's"`
	Ciphers    []uint16  `json:"cipher_suites" doc:"Suites of TLS 1.2 by their numbers; those of TLS 1.3 are fixed." default:"Go's"`
	MTLS       bool      `json:"enable_mtls" doc:"Let in only clients that show a certificate which ca_certs (or the system, if there are none) has signed." default:"false"`
	CA         []string  `json:"ca_certs" doc:"PEM files with the certificates that sign those of clients."`
	NoSystemCA bool      `json:"disable_system_ca_pool" doc:"Let in only what ca_certs have signed." default:"false (version 4: true where there are ca_certs)"`
}

// KeyPair is a certificate with its key, two files.
type KeyPair struct {
	PublicKey  string `json:"public_key" doc:"A PEM file with the certificate and those above it."`
	PrivateKey string `json:"private_key" doc:"A PEM file with its key."`
}

// active reports whether HTTPS is served.
func (c *TLSConfig) active() bool { return c != nil && !c.Disabled }

// compile makes the settings of the standard library; nil where plain HTTP is served. The files are read.
func (c *TLSConfig) compile(m manners, log *slog.Logger) (*tls.Config, error) {
	if !c.active() {
		return nil, nil
	}
	r := &renewal{cfg: *c, manners: m, log: log}
	first, err := r.load()
	if err != nil {
		return nil, err
	}
	r.current.Store(first)
	r.checked = time.Now()
	r.stamp = r.stamps()
	return &tls.Config{GetConfigForClient: r.config, MinVersion: first.MinVersion, NextProtos: first.NextProtos}, nil
}

// renewal hands out the settings made of files, and reads these again when they change: at most one look in five seconds,
// by the client that comes then. What cannot be read leaves everything as it is.
type renewal struct {
	cfg     TLSConfig
	manners manners
	log     *slog.Logger
	current atomic.Pointer[tls.Config]

	mu      sync.Mutex
	checked time.Time
	stamp   string
}

const renewalPause = 5 * time.Second

func (r *renewal) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	if r.mu.TryLock() {
		defer r.mu.Unlock()
		if time.Since(r.checked) >= renewalPause {
			r.checked = time.Now()
			r.renew()
		}
	}
	return r.current.Load(), nil
}

func (r *renewal) renew() {
	stamp := r.stamps()
	if stamp == r.stamp {
		return
	}
	next, err := r.load()
	if err != nil {
		r.log.Error("certificates have changed but cannot be used; the old ones stay", "error", err.Error())
		return
	}
	r.stamp = stamp
	r.current.Store(next)
	r.log.Info("certificates have changed and are in use")
}

// stamps tell one state of the files from another.
func (r *renewal) stamps() string {
	var all string
	files := slices.Clone(r.cfg.CA)
	for _, k := range r.cfg.pairs() {
		files = append(files, k.PublicKey, k.PrivateKey)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			all += fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), ";")
		} else {
			all += err.Error() + ";"
		}
	}
	return all
}

func (c *TLSConfig) pairs() []KeyPair {
	if c.PublicKey == "" && c.PrivateKey == "" {
		return c.Keys
	}
	return append([]KeyPair{{c.PublicKey, c.PrivateKey}}, c.Keys...)
}

// load reads the files.
func (r *renewal) load() (*tls.Config, error) {
	c := &r.cfg
	var errs []error
	at := func(err error, path ...any) {
		if err != nil {
			errs = append(errs, conf.At(err, path...))
		}
	}
	out := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, CipherSuites: c.Ciphers,
		MinVersion: versionOf(conf.Value(c.MinVersion, r.manners.minTLS)), MaxVersion: versionOf(conf.Value(c.MaxVersion, "TLS13"))}
	if out.MaxVersion < out.MinVersion {
		at(fmt.Errorf("got %s, want at least min_version, %s", *c.MaxVersion, conf.Value(c.MinVersion, r.manners.minTLS)), "max_version")
	}
	for i, id := range c.Ciphers {
		if !knownSuite(id) {
			at(fmt.Errorf("got %d, want the number of a suite of TLS 1.2 such as 49199", id), "cipher_suites", i)
		}
	}
	for _, id := range c.Curves {
		out.CurvePreferences = append(out.CurvePreferences, tls.CurveID(id))
	}
	out.Certificates = r.certificates(at)
	if c.MTLS {
		out.ClientAuth, out.ClientCAs = tls.RequireAndVerifyClientCert, r.pool(at)
	}
	return out, conf.Join(errs...)
}

func (r *renewal) certificates(at func(error, ...any)) (list []tls.Certificate) {
	load := func(k KeyPair, path ...any) {
		cert, err := tls.LoadX509KeyPair(k.PublicKey, k.PrivateKey)
		at(err, path...)
		list = append(list, cert)
	}
	if c := &r.cfg; c.PublicKey != "" || c.PrivateKey != "" {
		load(KeyPair{c.PublicKey, c.PrivateKey}, "public_key")
	}
	for i, k := range r.cfg.Keys {
		load(k, "keys", i)
	}
	if len(list) == 0 {
		at(errors.New("has no keys, want [{\"public_key\": file, \"private_key\": file}]"), "keys")
	}
	return list
}

// pool is whom we believe about clients. Old files trust our own certificate files too, as KrakenD does.
func (r *renewal) pool(at func(error, ...any)) *x509.CertPool {
	c, pool := &r.cfg, x509.NewCertPool()
	modern := r.manners.version >= 4
	if !c.NoSystemCA && !(modern && len(c.CA) > 0) {
		if system, err := x509.SystemCertPool(); err == nil {
			pool = system
		}
	} else if len(c.CA) == 0 && modern {
		at(errors.New("asks for certificates that nobody may sign, want ca_certs"), "enable_mtls")
	}
	for i, file := range c.CA {
		pem, err := os.ReadFile(file)
		if err == nil && !pool.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s has no PEM certificate", file)
		}
		at(err, "ca_certs", i)
	}
	if !modern {
		for _, k := range c.pairs() {
			if pem, err := os.ReadFile(k.PublicKey); err == nil {
				pool.AppendCertsFromPEM(pem)
			}
		}
	}
	return pool
}

func knownSuite(id uint16) bool {
	is := func(s *tls.CipherSuite) bool { return s.ID == id }
	return slices.ContainsFunc(tls.CipherSuites(), is) || slices.ContainsFunc(tls.InsecureCipherSuites(), is)
}

func versionOf(name string) uint16 {
	switch name {
	case "TLS10":
		return tls.VersionTLS10
	case "TLS11":
		return tls.VersionTLS11
	case "TLS12":
		return tls.VersionTLS12
	}
	return tls.VersionTLS13
}

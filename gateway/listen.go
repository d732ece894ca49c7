package gateway

import (
	"gatehouse/internal/conf"
)

// ServerConfig is how clients reach us (krakend.md 1.3).
type ServerConfig struct {
	TLS          *TLSConfig     `json:"tls" doc:"Serve HTTPS."`
	H2C          bool           `json:"use_h2c" doc:"Serve HTTP/2 without TLS too, to clients that begin with it." default:"false"`
	StallTimeout *conf.Duration `json:"stall_timeout" since:"4" doc:"How long a client may take to send 4 KiB of a body, or to take 64 KiB of an answer; 0: for ever." default:"30s"`
	DisableREST  bool           `json:"disable_rest" doc:"Parameters may stand anywhere in a segment of an endpoint's path, as in /{name}.json." default:"false"`
	Sequential   bool           `json:"sequential_start" doc:"Accepted and without effect: nothing is asked at the start."`
}

// TLSConfig is the server's side of TLS.
type TLSConfig struct {
	Disabled   bool      `json:"disabled" doc:"Serve plain HTTP all the same." default:"false"`
	Keys       []KeyPair `json:"keys" doc:"Our certificates with their keys; the client's server name picks one. They are read again when they change."`
	PublicKey  string    `json:"public_key" doc:"The certificate, if there is one alone: a PEM file."`
	PrivateKey string    `json:"private_key" doc:"Its key: a PEM file."`
	MinVersion string    `json:"min_version" enum:"SSL3.0|TLS10|TLS11|TLS12|TLS13" doc:"The lowest version of TLS." default:"TLS12 (versions 2 and 3: TLS13)"`
	MaxVersion string    `json:"max_version" enum:"SSL3.0|TLS10|TLS11|TLS12|TLS13" doc:"The highest version of TLS." default:"TLS13"`
	Curves     []uint16  `json:"curve_preferences" doc:"Curves by their TLS numbers." default:"Go's, the hybrid post-quantum one included"`
	Ciphers    []uint16  `json:"cipher_suites" doc:"Suites of TLS 1.2 by their numbers; those of TLS 1.3 are not chosen." default:"the ones with ECDHE and AEAD"`
	MTLS       bool      `json:"enable_mtls" doc:"Let in only clients that show a certificate of ca_certs or the system's pool." default:"false"`
	NoSystemCA bool      `json:"disable_system_ca_pool" doc:"Trust ca_certs only, not what the system trusts." default:"false"`
	CA         []string  `json:"ca_certs" doc:"Files with certificates that clients' certificates may be signed by."`
}

// KeyPair is a certificate with its key, two files.
type KeyPair struct {
	PublicKey  string `json:"public_key" doc:"A PEM file with the certificate and those above it."`
	PrivateKey string `json:"private_key" doc:"A PEM file with its key."`
}

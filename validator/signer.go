package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
	"gatehouse/internal/outbound"
)

// SignerConfig is auth/signer as written: which members of an answer leave as tokens of ours (krakend.md 3.4).
type SignerConfig struct {
	Alg        string   `json:"alg" enum:"EdDSA|HS256|HS384|HS512|RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512" doc:"The signature algorithm."`
	Kid        string   `json:"kid" doc:"Which key of the set signs."`
	KeysToSign []string `json:"keys_to_sign" old:"keys-to-sign" doc:"The members of the answer whose objects are signed; others, and what is no object, stay as they are."`
	Full       bool     `json:"full" doc:"Write the JSON serialisation of the signature instead of the compact one." default:"false"`
	Typ        *string  `json:"typ" doc:"The typ in the header of what is signed; \"\" for none." default:"JWT (version 2: none)"`

	URL          string   `json:"jwk_url" old:"jwk-url" doc:"Where the private keys are (a JWK set), https."`
	File         string   `json:"jwk_local_path" doc:"A file with the private keys (a JWK set)."`
	SecretURL    string   `json:"secret_url" doc:"What decrypts cypher_key: base64key:// and the key." conf:"secret"`
	CypherKey    string   `json:"cypher_key" doc:"The encrypted key, base64, that jwk_local_path is encrypted with (AES-GCM)." conf:"secret"`
	LocalCA      string   `json:"jwk_local_ca" doc:"A file with certificates to trust besides the system's."`
	Fingerprints []string `json:"jwk_fingerprints" doc:"Pins: one certificate of the server's chain must have one of these SHA-256 fingerprints of its public key, base64url."`
	CipherSuites []uint16 `json:"cipher_suites" doc:"TLS 1.2 cipher suites that may be used, by number." default:"Go's"`

	DisableSecurity *bool `json:"disable_jwk_security" doc:"KrakenD's way to say both dangerously_allow_http and dangerously_skip_tls_verify." default:"false"`
	AllowHTTP       *bool `json:"dangerously_allow_http" since:"4" doc:"Fetch the private keys without TLS: whoever is on the way can read them. Loopback needs no permission." default:"false"`
	SkipVerify      *bool `json:"dangerously_skip_tls_verify" since:"4" doc:"Fetch the private keys from a server that cannot prove who it is." default:"false"`
}

func (c *SignerConfig) source() *Source {
	return &Source{
		URL: c.URL, File: c.File, SecretURL: c.SecretURL, CypherKey: c.CypherKey, LocalCA: c.LocalCA, Fingerprints: c.Fingerprints,
		CipherSuites: c.CipherSuites, DisableSecurity: c.DisableSecurity, AllowHTTP: c.AllowHTTP, SkipVerify: c.SkipVerify,
	}
}

// Warnings are settings that work and deserve a second thought, each under its key.
func (c *SignerConfig) Warnings() error { return c.source().warnings() }

// check finds what is wrong with a signer before its key is looked at.
func (c *SignerConfig) check() error {
	errs := []error{c.source().check()}
	if _, err := jose.ParseAlg(c.Alg); err != nil {
		errs = append(errs, conf.At(err, "alg"))
	}
	if c.Kid == "" {
		errs = append(errs, conf.At(errors.New("is missing: which key of the set signs?"), "kid"))
	}
	if c.URL == "" && c.File == "" {
		errs = append(errs, errors.New("has no key to sign with, want jwk_url or jwk_local_path"))
	}
	return conf.Join(errs...)
}

// Signer signs parts of answers with one key. A key in a file is read when the signer is made, so that a missing one stops
// the start; one behind a URL is fetched when it is first needed, and again every quarter of an hour.
type Signer struct {
	cfg    SignerConfig
	header []byte                           // of every token
	key    *jose.PrivateKey                 // nil: fetched
	from   *fetcher                         // nil: from a file
	cell   *outbound.Cell[*jose.PrivateKey] // of a fetched key
}

// keyLife is how long a fetched private key is used before it is fetched again.
const keyLife = 15 * time.Minute

// NewSigner compiles a signer. Mistakes are under their keys.
func NewSigner(cfg SignerConfig, keys *Keys) (*Signer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Signer{cfg: cfg}
	var err error
	if s.header, err = s.head(); err != nil {
		return nil, err
	}
	if cfg.File != "" {
		data, err := cfg.source().ReadKeys()
		if err != nil {
			return nil, err
		}
		s.key, err = s.pick(data)
		return s, conf.At(err, "jwk_local_path")
	}
	if s.from, err = newFetcher(cfg.source(), keys.cfg); err != nil {
		return nil, err
	}
	s.cell = outbound.NewCell(outbound.CellOptions[*jose.PrivateKey]{
		Fetch: s.fetch, Timeout: fetchTimeout, Span: keyLife, MaxStale: 24 * time.Hour,
		Failed: func(err error) { keys.cfg.Log.Warn("the key that signs cannot be fetched", "why", err) },
	})
	return s, nil
}

// head is the header of every token, in KrakenD's order.
func (s *Signer) head() ([]byte, error) {
	return json.Marshal(struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ,omitempty"`
	}{s.cfg.Alg, s.cfg.Kid, conf.Value(s.cfg.Typ, "JWT")})
}

func (s *Signer) fetch(ctx context.Context) (*jose.PrivateKey, outbound.Life, error) {
	doc, err := s.from.get(ctx, s.cfg.URL, maxDocument)
	if err != nil {
		return nil, outbound.Life{}, err
	}
	key, err := s.pick(doc.Body)
	if err != nil {
		err = fmt.Errorf("GET %s: %w", doc.URL, err)
	}
	return key, outbound.Life{}, err
}

// pick finds the key of a set that signs.
func (s *Signer) pick(set []byte) (*jose.PrivateKey, error) {
	list, err := jose.ParsePrivateSet(set)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if k.ID() == s.cfg.Kid {
			return k.ForAlg(jose.Alg(s.cfg.Alg))
		}
	}
	return nil, fmt.Errorf("no key %q that could sign", s.cfg.Kid)
}

// Keys are the members of an answer whose objects are signed.
func (s *Signer) Keys() []string { return s.cfg.KeysToSign }

// Start fetches the key, so that the first answer need not wait for it.
func (s *Signer) Start() {
	if s.cell != nil {
		s.cell.Warm()
	}
}

// Close gives back what the signer holds.
func (s *Signer) Close() {
	if s.cell != nil {
		_ = s.cell.Close()
		s.from.close()
	}
}

// Sign signs one JSON object, its bytes as they are, and returns what stands in its place: a JSON string. It waits for a
// fetched key no longer than ctx says; an error is a key that is not to be had.
func (s *Signer) Sign(ctx context.Context, object []byte) ([]byte, error) {
	key := s.key
	if key == nil {
		var err error
		if key, err = s.cell.Get(ctx); err != nil {
			return nil, fmt.Errorf("the key that signs is not to be had: %w", err)
		}
	}
	token, err := key.SignParts(s.header, object)
	if err != nil {
		return nil, err
	}
	if s.cfg.Full {
		token = flattened(token)
	}
	return json.Marshal(token)
}

// flattened is the JSON serialisation of a compact token (RFC 7515 section 7.2.2), as KrakenD writes it.
func flattened(token string) string {
	parts := strings.Split(token, ".")
	return `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`
}

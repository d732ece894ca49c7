package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
	"gatehouse/internal/outbound"
)

// SignerConfig is auth/signer as written: parts of an answer that leave as tokens of ours (krakend.md 3.4).
type SignerConfig struct {
	Alg             string   `json:"alg" enum:"EdDSA|HS256|HS384|HS512|RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512" doc:"The signature algorithm."`
	Kid             string   `json:"kid" doc:"Which key of the set signs."`
	KeysToSign      []string `json:"keys_to_sign" old:"keys-to-sign" doc:"The keys of the answer whose objects are signed; others, and what is no object, stay as they are."`
	Full            bool     `json:"full" doc:"Write the JSON serialisation of the signature instead of the compact one." default:"false"`
	Typ             *string  `json:"typ" doc:"The typ in the header of what is signed." default:"JWT (version 2: none)"`
	URL             string   `json:"jwk_url" old:"jwk-url" doc:"Where the private keys are (a JWK set), https."`
	File            string   `json:"jwk_local_path" doc:"A file with the private keys (a JWK set)."`
	SecretURL       string   `json:"secret_url" doc:"What decrypts cypher_key: base64key:// and the key." conf:"secret"`
	CypherKey       string   `json:"cypher_key" doc:"The encrypted key, base64, that jwk_local_path is encrypted with (AES-GCM)." conf:"secret"`
	DisableSecurity *bool    `json:"disable_jwk_security" doc:"KrakenD's way to say both dangerously_allow_http and dangerously_skip_tls_verify." default:"false"`
	AllowHTTP       *bool    `json:"dangerously_allow_http" since:"4" doc:"Fetch the private keys without TLS: whoever is on the way can read them. Loopback needs no permission." default:"false"`
	SkipVerify      *bool    `json:"dangerously_skip_tls_verify" since:"4" doc:"Fetch the private keys from a server that cannot prove who it is." default:"false"`
	LocalCA         string   `json:"jwk_local_ca" doc:"A file with certificates to trust besides the system's."`
	Fingerprints    []string `json:"jwk_fingerprints" doc:"Pins: one certificate of the server's chain must have one of these SHA-256 fingerprints of its public key, base64url."`
	CipherSuites    []int    `json:"cipher_suites" doc:"TLS 1.2 cipher suites that may be used, by number." default:"Go's"`
}

// Signer signs parts of answers with one key. A key in a file is read when the signer is made, so that a missing one stops
// the start; one behind a URL is fetched when it is first needed, and again every quarter of an hour.
type Signer struct {
	cfg  SignerConfig
	alg  jose.Alg
	key  *jose.PrivateKey // nil: fetched
	cell *outbound.Cell[*jose.PrivateKey]
	http *fetcher
}

// keyLife is how long a fetched private key is used before it is fetched again.
const keyLife = 15 * time.Minute

// NewSigner compiles a signer. Mistakes are under their keys.
func NewSigner(cfg SignerConfig, keys *Keys) (*Signer, error) {
	s := &Signer{cfg: cfg}
	var err error
	if s.alg, err = jose.ParseAlg(cfg.Alg); err != nil {
		return nil, conf.At(fmt.Errorf("got %q, want the name of an algorithm such as RS256", cfg.Alg), "alg")
	}
	if cfg.Kid == "" {
		return nil, conf.At(errors.New("is missing: which key of the set signs?"), "kid")
	}
	src := cfg.source()
	if err := src.check(); err != nil {
		return nil, err
	}
	switch {
	case cfg.File != "":
		return s, s.readFile(src)
	case cfg.URL != "":
		return s, s.open(src, keys)
	}
	return nil, errors.New("has no key to sign with, want jwk_url or jwk_local_path")
}

func (c *SignerConfig) source() *Source {
	return &Source{URL: c.URL, File: c.File, SecretURL: c.SecretURL, CypherKey: c.CypherKey, DisableSecurity: c.DisableSecurity,
		AllowHTTP: c.AllowHTTP, SkipVerify: c.SkipVerify, LocalCA: c.LocalCA, Fingerprints: c.Fingerprints, CipherSuites: c.CipherSuites}
}

// Warnings are settings that work and should not be used.
func (c *SignerConfig) Warnings() error { return c.source().warnings() }

func (s *Signer) readFile(src *Source) error {
	data, err := readBounded(src.File, maxDocument)
	if err != nil {
		return conf.At(err, "jwk_local_path")
	}
	if src.SecretURL != "" {
		opener, err := newOpener(src.SecretURL, src.CypherKey)
		if err != nil {
			return err
		}
		if data, err = opener.open(data); err != nil {
			return conf.At(err, "jwk_local_path")
		}
	}
	s.key, err = s.pick(data)
	return conf.At(err, "jwk_local_path")
}

func (s *Signer) open(src *Source, keys *Keys) error {
	var err error
	if s.http, err = newFetcher(src, keys.cfg); err != nil {
		return err
	}
	s.cell = outbound.NewCell(outbound.CellOptions[*jose.PrivateKey]{
		Fetch: func(ctx context.Context) (*jose.PrivateKey, outbound.Life, error) {
			doc, err := s.http.get(ctx, src.URL, maxDocument)
			if err != nil {
				return nil, outbound.Life{}, err
			}
			key, err := s.pick(doc.Body)
			return key, outbound.Life{Expires: time.Now().Add(keyLife)}, err
		},
		Timeout: fetchTimeout,
	})
	return nil
}

// pick finds the key that signs.
func (s *Signer) pick(set []byte) (*jose.PrivateKey, error) {
	list, err := jose.ParsePrivateSet(set)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if k.ID() == s.cfg.Kid {
			return k.ForAlg(s.alg)
		}
	}
	return nil, fmt.Errorf("the set has no private key %q", s.cfg.Kid)
}

// Keys are the keys of an answer whose objects are signed.
func (s *Signer) Keys() []string { return s.cfg.KeysToSign }

// Sign signs one JSON object and returns what stands in its place: a JSON string.
func (s *Signer) Sign(ctx context.Context, object []byte) ([]byte, error) {
	key := s.key
	if key == nil {
		var err error
		if key, err = s.cell.Get(ctx); err != nil {
			return nil, err
		}
	}
	header := map[string]any{}
	if typ := conf.Value(s.cfg.Typ, "JWT"); typ != "" {
		header["typ"] = typ
	}
	token, err := key.Sign(header, object)
	if err != nil {
		return nil, err
	}
	if s.cfg.Full {
		token = fullSerialization(token)
	}
	return json.Marshal(token)
}

// Close ends what fetches keys.
func (s *Signer) Close() {
	if s.cell != nil {
		s.cell.Close()
		s.http.close()
	}
}

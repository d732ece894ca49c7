package validator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" //nolint:gosec // the format of files that exist; the key is what is hashed, not what it protects
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"

	"gatehouse/internal/conf"
)

// opener decrypts key files as KrakenD writes them: the file is AES-GCM under a key, that key is encrypted (cypher_key)
// under another one, and secret_url leads to the last.
type opener struct{ aead cipher.AEAD }

// newOpener opens the chain of keys. It serves base64key://, a secretbox key in the file itself; what needs a key service
// is refused by name.
func newOpener(secretURL, cypherKey string) (*opener, error) {
	scheme, text, _ := strings.Cut(secretURL, "://")
	if scheme != "base64key" {
		return nil, conf.At(errors.New("only base64key:// is served here, not "+scheme+"://"), "secret_url")
	}
	outer, err := decodeAny(text)
	if err != nil || len(outer) < 32 {
		return nil, conf.At(errors.New("want base64key:// and the base64 of 32 bytes"), "secret_url")
	}
	sealed, err := decodeAny(cypherKey)
	if err != nil || len(sealed) < 24+secretbox.Overhead {
		return nil, conf.At(errors.New("want the base64 of an encrypted key"), "cypher_key")
	}
	inner, ok := secretbox.Open(nil, sealed[24:], (*[24]byte)(sealed[:24]), (*[32]byte)(outer[:32]))
	if !ok {
		return nil, conf.At(errors.New("was not encrypted with the key of secret_url"), "cypher_key")
	}
	sum := md5.Sum(inner) //nolint:gosec // see above
	block, err := aes.NewCipher([]byte(hex.EncodeToString(sum[:])))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &opener{aead}, err
}

// decodeAny decodes base64 of either alphabet, padded or not.
func decodeAny(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	return base64.RawStdEncoding.DecodeString(text)
}

// open decrypts a file: a nonce, and what is sealed with it.
func (o *opener) open(file []byte) ([]byte, error) {
	n := o.aead.NonceSize()
	if len(file) < n {
		return nil, errors.New("too short for an encrypted key file")
	}
	plain, err := o.aead.Open(nil, file[:n], file[n:], nil)
	if err != nil {
		return nil, errors.New("not encrypted with cypher_key")
	}
	return plain, nil
}

// ReadKeys reads the key file of a source, decrypted where it says so. Mistakes are under their keys.
func (s *Source) ReadKeys() ([]byte, error) {
	data, err := readBounded(s.File, maxDocument)
	if err != nil {
		return nil, conf.At(err, "jwk_local_path")
	}
	if s.SecretURL == "" {
		return data, nil
	}
	o, err := newOpener(s.SecretURL, s.CypherKey)
	if err != nil {
		return nil, err
	}
	plain, err := o.open(data)
	return plain, conf.At(err, "jwk_local_path")
}

// Package jose holds the cryptography of tokens: key sets as others publish them (RFC 7517), the bare verification of a
// signature (RFC 7515, 7518, 8037), and keys that sign. What a token must look like is not its business; package validator
// checks that before anything comes here.
//
// Keys are parsed by jwx; each [Key] then knows the algorithms that it may be used for, and no others. Signatures are
// verified by the standard library; those of RSA with its arithmetic (bigmod), or with vectors where the processor has them.
package jose

import (
	"crypto"
	"crypto/elliptic"
	_ "crypto/sha256" // registers SHA-256 for crypto.Hash
	_ "crypto/sha512" // registers SHA-384 and SHA-512
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// Alg is a signature algorithm by its registered name. Names are compared exactly.
type Alg string

// The algorithms that we sign with and verify: RFC 7518 section 3.1 and RFC 8037 section 3.1, without "none".
const (
	HS256 Alg = "HS256"
	HS384 Alg = "HS384"
	HS512 Alg = "HS512"
	RS256 Alg = "RS256"
	RS384 Alg = "RS384"
	RS512 Alg = "RS512"
	PS256 Alg = "PS256"
	PS384 Alg = "PS384"
	PS512 Alg = "PS512"
	ES256 Alg = "ES256"
	ES384 Alg = "ES384"
	ES512 Alg = "ES512"
	EdDSA Alg = "EdDSA"
)

// family is the kind of mathematics behind an algorithm.
type family int

const (
	unknown family = iota
	hmacs
	pkcs1
	pss
	ecdsas
	edwards
)

// Algs lists every algorithm that we know.
func Algs() []Alg {
	return []Alg{HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA}
}

// ParseAlg is the algorithm of that name, spelled exactly so.
func ParseAlg(name string) (Alg, error) {
	if a := Alg(name); slices.Contains(Algs(), a) {
		return a, nil
	}
	for _, a := range Algs() {
		if strings.EqualFold(name, string(a)) {
			return "", fmt.Errorf("unknown algorithm %q (did you mean %q?)", name, a)
		}
	}
	return "", fmt.Errorf("unknown algorithm %q, want one of %v", name, Algs())
}

// Symmetric reports whether whoever can verify can also sign.
func (a Alg) Symmetric() bool { return a.family() == hmacs }

func (a Alg) family() family {
	switch a {
	case HS256, HS384, HS512:
		return hmacs
	case RS256, RS384, RS512:
		return pkcs1
	case PS256, PS384, PS512:
		return pss
	case ES256, ES384, ES512:
		return ecdsas
	case EdDSA:
		return edwards
	}
	return unknown
}

// hash is the digest of the algorithm; 0 for EdDSA, which takes the message itself.
func (a Alg) hash() crypto.Hash {
	switch a {
	case HS256, RS256, PS256, ES256:
		return crypto.SHA256
	case HS384, RS384, PS384, ES384:
		return crypto.SHA384
	case HS512, RS512, PS512, ES512:
		return crypto.SHA512
	}
	return 0
}

// curve is the only curve that the algorithm may be used with (RFC 7518 section 3.4); nil if it has none.
func (a Alg) curve() elliptic.Curve {
	switch a {
	case ES256:
		return elliptic.P256()
	case ES384:
		return elliptic.P384()
	case ES512:
		return elliptic.P521()
	}
	return nil
}

// encoding is base64url as JOSE wants it: no padding, no spare bits (RFC 7515 section 2).
func encoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

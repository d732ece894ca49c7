package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
)

// fits says why a key of this kind cannot be used for an algorithm: type, curve and length (RFC 7518 sections 3.2 to 3.5).
// The key is a *rsa.PublicKey, an *ecdsa.PublicKey, an ed25519.PublicKey or a secret ([]byte).
func fits(key any, alg Alg) error {
	switch key := key.(type) {
	case []byte:
		if !alg.Symmetric() {
			return fmt.Errorf("a symmetric key does not fit %s", alg)
		}
		if len(key) < alg.hash().Size() {
			return fmt.Errorf("a secret of %d bytes is too short for %s, want %d", len(key), alg, alg.hash().Size())
		}
	case *rsa.PublicKey:
		if f := alg.family(); f != pkcs1 && f != pss {
			return fmt.Errorf("an RSA key does not fit %s", alg)
		}
		return soundRSA(key)
	case *ecdsa.PublicKey:
		if alg.family() != ecdsas || alg.curve() != key.Curve {
			return fmt.Errorf("a key on curve %s does not fit %s", key.Curve.Params().Name, alg)
		}
		if _, err := key.ECDH(); err != nil {
			return errors.New("the point is not on its curve")
		}
	case ed25519.PublicKey:
		if alg.family() != edwards {
			return fmt.Errorf("an Ed25519 key does not fit %s", alg)
		}
	default:
		return fmt.Errorf("a key of type %T cannot verify a signature", key)
	}
	return nil
}

// soundRSA refuses keys that do not protect (security.md 6): short ones, even or tiny exponents, and the fingerprint of
// a broken generator.
func soundRSA(key *rsa.PublicKey) error {
	if n := key.N.BitLen(); n < 2048 {
		return fmt.Errorf("an RSA key of %d bits is too short, want 2048", n)
	}
	if n := key.N.BitLen(); n > 16384 {
		return fmt.Errorf("an RSA key of %d bits is too long, want at most 16384", n)
	}
	if key.E < 3 || key.E%2 == 0 {
		return fmt.Errorf("RSA exponent %d is not odd and at least 3", key.E)
	}
	if key.N.Bit(0) == 0 {
		return errors.New("an even RSA modulus")
	}
	if roca(key.N) {
		return errors.New("an RSA key with the ROCA fingerprint (CVE-2017-15361)")
	}
	return nil
}

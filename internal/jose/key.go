package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Key verifies signatures, with exactly the algorithms that it is for (security.md 7). It never changes and is safe for
// concurrent use.
type Key struct {
	ID      string // kid; meaningful only if HasID
	HasID   bool   // the set gives this key a kid, be it the empty one
	X5T     string // SHA-1 thumbprint of its certificate, as the set writes it; "" if there is none
	X5TS256 string // SHA-256 thumbprint, likewise

	algs   []Alg
	public any      // what fits takes
	rsa    *modulus // public, if that is RSA; nil if crypto/rsa has to judge
	print  [sha256.Size]byte
}

// Fits reports whether the key may verify signatures of this algorithm.
func (k *Key) Fits(alg Alg) bool { return slices.Contains(k.algs, alg) }

// Algs are the algorithms that the key may be used with.
func (k *Key) Algs() []Alg { return slices.Clone(k.algs) }

// Print tells keys apart: two keys have the same print if name, material and use are the same.
func (k *Key) Print() [sha256.Size]byte { return k.print }

// fits says why a key of this kind cannot be used for an algorithm: type, curve and length (RFC 7518 sections 3.2 to 3.5).
// The key is a *rsa.PublicKey, an *ecdsa.PublicKey, an ed25519.PublicKey or a secret ([]byte).
func fits(key any, alg Alg) error {
	if err := sound(key); err != nil {
		return err
	}
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
	case *ecdsa.PublicKey:
		if alg.family() != ecdsas || alg.curve() != key.Curve {
			return fmt.Errorf("a key on curve %s does not fit %s", key.Curve.Params().Name, alg)
		}
	case ed25519.PublicKey:
		if alg.family() != edwards {
			return fmt.Errorf("an Ed25519 key does not fit %s", alg)
		}
	}
	return nil
}

// sound refuses keys that do not protect, whatever the algorithm (security.md 6).
func sound(key any) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return soundRSA(key)
	case *ecdsa.PublicKey:
		if _, err := key.ECDH(); err != nil {
			return errors.New("the point is not on its curve")
		}
	case ed25519.PublicKey:
		if smallOrder(key) {
			return errors.New("an Ed25519 key of small order, for which anybody can sign")
		}
	case []byte:
	default:
		return fmt.Errorf("a key of type %T cannot verify a signature", key)
	}
	return nil
}

// smallOrder reports whether an Ed25519 key is one of the points whose multiples are few (RFC 8032 section 5.1.7 does not
// forbid them): signatures under it can be made up. The sign of x is left out, and y may be written as y + p.
func smallOrder(key ed25519.PublicKey) bool {
	y := [32]byte(key)
	y[31] &= 0x7f
	switch hex.EncodeToString(y[:]) {
	case "0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f":
		return true
	}
	return false
}

// soundRSA refuses short keys, even or tiny exponents, and the fingerprint of a broken generator.
func soundRSA(key *rsa.PublicKey) error {
	switch n := key.N.BitLen(); {
	case n < 2048:
		return fmt.Errorf("an RSA key of %d bits is too short, want 2048", n)
	case n > 16384:
		return fmt.Errorf("an RSA key of %d bits is too long, want at most 16384", n)
	case key.N.Bit(0) == 0:
		return errors.New("an even RSA modulus")
	case key.E < 3 || key.E%2 == 0:
		return fmt.Errorf("an RSA exponent of %d, want an odd one of at least 3", key.E)
	case roca(key.N):
		return errors.New("an RSA key with the ROCA fingerprint (CVE-2017-15361)")
	}
	return nil
}

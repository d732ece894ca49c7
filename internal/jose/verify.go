package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
)

// Verify reports whether sig is this key's signature of the message under the algorithm. A key that is not for the
// algorithm verifies nothing.
//
// RSASSA-PSS wants a salt of the hash's length and ECDSA the two raw numbers, each of the curve's length and in range
// (RFC 7518 sections 3.4 and 3.5).
func (k *Key) Verify(alg Alg, message, sig []byte) bool {
	if !k.Fits(alg) {
		return false
	}
	var room [sha512.Size]byte
	switch key := k.public.(type) {
	case []byte:
		m := hmac.New(alg.hash().New, key)
		m.Write(message)
		return hmac.Equal(m.Sum(nil), sig)
	case *rsa.PublicKey:
		return k.verifyRSA(key, alg, digest(room[:0], alg.hash(), message), sig)
	case *ecdsa.PublicKey:
		return verifyECDSA(key, digest(room[:0], alg.hash(), message), sig)
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, sig)
	}
	return false
}

func (k *Key) verifyRSA(key *rsa.PublicKey, alg Alg, digest, sig []byte) bool {
	switch probabilistic := alg.family() == pss; {
	case k.rsa != nil && probabilistic:
		return k.rsa.verifyPSS(alg.hash(), digest, sig)
	case k.rsa != nil:
		return k.rsa.verify(alg.hash(), digest, sig)
	case probabilistic:
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(key, alg.hash(), bytes.Clone(digest), sig, opts) == nil
	}
	return rsa.VerifyPKCS1v15(key, alg.hash(), bytes.Clone(digest), sig) == nil
}

func verifyECDSA(key *ecdsa.PublicKey, digest, sig []byte) bool {
	params := key.Params()
	n := (params.BitSize + 7) / 8
	if len(sig) != 2*n {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])
	inRange := func(x *big.Int) bool { return x.Sign() > 0 && x.Cmp(params.N) < 0 }
	return inRange(r) && inRange(s) && ecdsa.Verify(key, digest, r, s)
}

// digest appends the hash of a message.
func digest(b []byte, hash crypto.Hash, message []byte) []byte {
	switch hash {
	case crypto.SHA256:
		sum := sha256.Sum256(message)
		return append(b, sum[:]...)
	case crypto.SHA384:
		sum := sha512.Sum384(message)
		return append(b, sum[:]...)
	}
	sum := sha512.Sum512(message)
	return append(b, sum[:]...)
}

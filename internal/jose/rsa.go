package jose

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"math"

	"filippo.io/bigmod"
)

// modulus is an RSA key made ready to verify again and again: crypto/rsa works out the same constants of the modulus for every
// signature, which is a third of its time.
type modulus struct {
	n    *bigmod.Modulus
	e    uint
	size int         // bytes of the modulus, and of every signature
	fast *montgomery // nil where bigmod has to do
}

// ready makes a key ready; nil for one that crypto/rsa has to judge (it refuses exponents of more than 31 bits).
func ready(key *rsa.PublicKey) *modulus {
	if key.N.Bit(0) == 0 || key.E < 3 || key.E > math.MaxInt32 {
		return nil
	}
	n, err := bigmod.NewModulus(key.N.Bytes())
	if err != nil {
		return nil
	}
	m := &modulus{n: n, e: uint(key.E), size: key.Size()}
	if key.E == 65537 {
		m.fast = newMontgomery(key.N)
	}
	return m
}

// roomForRSA is enough for a message encoded under a key of 4096 bits.
const roomForRSA = 8 * wordsOfModulus

// verify reports whether sig is a signature of a digest (RFC 8017 section 8.2.2): the encoded message is written down anew and
// compared whole, so nothing that a signature contains is ever parsed.
func (m *modulus) verify(hash crypto.Hash, digest, sig []byte) bool {
	var room, wanted [roomForRSA]byte
	message, ok := m.open(room[:0], sig)
	return ok && bytes.Equal(message, encoded(wanted[:0], m.size, hash, digest))
}

// open is the encoded message of a signature (RFC 8017 section 5.2.2), in the room if it is large enough; false if the
// signature is not as long as the modulus or not below it.
func (m *modulus) open(room, sig []byte) ([]byte, bool) {
	if len(sig) != m.size {
		return nil, false
	}
	if m.fast != nil {
		return m.fast.power(room, sig)
	}
	s, err := bigmod.NewNat().SetBytes(sig, m.n)
	if err != nil {
		return nil, false // not below the modulus
	}
	return bigmod.NewNat().ExpShortVarTime(s, m.e, m.n).Bytes(m.n), true
}

// encoded appends the encoded message of a digest (RFC 8017 section 9.2) of the given length. Keys are of 2048 bits and more:
// there is always room.
func encoded(b []byte, size int, hash crypto.Hash, digest []byte) []byte {
	prefix := digestInfo(hash)
	b = append(b, 0, 1)
	const ones = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	for n := size - 3 - len(prefix) - len(digest); n > 0; n -= len(ones) {
		b = append(b, ones[:min(n, len(ones))]...)
	}
	b = append(b, 0)
	return append(append(b, prefix...), digest...)
}

// digestInfo is the DER of what stands before a digest (RFC 8017 section 9.2, note 1).
func digestInfo(hash crypto.Hash) string {
	const id = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"
	switch hash {
	case crypto.SHA256:
		return "\x30\x31\x30\x0d" + id + "\x01\x05\x00\x04\x20"
	case crypto.SHA384:
		return "\x30\x41\x30\x0d" + id + "\x02\x05\x00\x04\x30"
	}
	return "\x30\x51\x30\x0d" + id + "\x03\x05\x00\x04\x40" // SHA-512
}

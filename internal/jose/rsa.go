package jose

import (
	"bytes"
	"crypto"
	"crypto/rsa"

	"filippo.io/bigmod"
)

// modulus is an RSA key made ready to verify RSASSA-PKCS1-v1_5 again and again: crypto/rsa works out the same constants of
// the modulus for every signature, which is a third of its time.
type modulus struct {
	n    *bigmod.Modulus
	e    uint
	size int // bytes of the modulus, and of every signature
}

// ready makes a key ready; nil for one that crypto/rsa has to judge.
func ready(key *rsa.PublicKey) *modulus {
	if key.N.Bit(0) == 0 || key.E < 3 {
		return nil
	}
	n, err := bigmod.NewModulus(key.N.Bytes())
	if err != nil {
		return nil
	}
	return &modulus{n: n, e: uint(key.E), size: key.Size()}
}

// verify reports whether sig is a signature of a digest (RFC 8017 section 8.2.2): the encoded message is written down anew and
// compared whole, so nothing that a signature contains is ever parsed.
func (m *modulus) verify(hash crypto.Hash, digest, sig []byte) bool {
	if len(sig) != m.size {
		return false
	}
	s, err := bigmod.NewNat().SetBytes(sig, m.n)
	if err != nil {
		return false // not below the modulus
	}
	var wanted [512]byte // enough for keys of 4096 bits
	return bytes.Equal(bigmod.NewNat().ExpShortVarTime(s, m.e, m.n).Bytes(m.n), encoded(wanted[:0], m.size, hash, digest))
}

// encoded appends the encoded message of a digest (RFC 8017 section 9.2) of the given length. Keys are of 2048 bits and more:
// there is always room.
func encoded(b []byte, size int, hash crypto.Hash, digest []byte) []byte {
	prefix := digestInfo(hash)
	b = append(b, 0, 1)
	for range size - 3 - len(prefix) - len(digest) {
		b = append(b, 0xff)
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

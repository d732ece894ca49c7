package jose

import (
	"bytes"
	"crypto"
	"encoding/binary"
)

// verifyPSS reports whether sig is a signature of a digest (RFC 8017 section 8.1.2) with a salt of the digest's length.
func (m *modulus) verifyPSS(hash crypto.Hash, digest, sig []byte) bool {
	var room [roomForRSA]byte
	message, ok := m.open(room[:0], sig)
	return ok && encodesPSS(message, m.n.BitLen()-1, hash, digest)
}

// encodesPSS reports whether a message of so many bits encodes a digest (RFC 8017 section 9.1.2, with MGF1 of the same hash).
// It takes the mask off in place.
func encodesPSS(message []byte, size int, hash crypto.Hash, sum []byte) bool {
	if size%8 == 0 { // the modulus has a bit more, in a byte of its own
		if message[0] != 0 {
			return false
		}
		message = message[1:]
	}
	h, end := hash.Size(), len(message)-1
	if end+1 < 2*h+2 || message[end] != 0xbc {
		return false
	}
	db, seed := message[:end-h], message[end-h:end]
	allowed := byte(0xff) >> (8*len(message) - size)
	if db[0]&^allowed != 0 {
		return false
	}
	mask(db, hash, seed)
	db[0] &= allowed
	padding, salt := db[:len(db)-h], db[len(db)-h:]
	for _, b := range padding[:len(padding)-1] {
		if b != 0 {
			return false
		}
	}
	if padding[len(padding)-1] != 1 {
		return false
	}
	var room [8 + 2*64]byte
	var again [64]byte
	salted := append(append(room[:8], sum...), salt...)
	return bytes.Equal(digest(again[:0], hash, salted), seed)
}

// mask adds MGF1 of a seed (RFC 8017 appendix B.2.1) to db.
func mask(db []byte, hash crypto.Hash, seed []byte) {
	var room [64 + 4]byte
	var sum [64]byte
	for i := uint32(0); len(db) > 0; i++ {
		m := digest(sum[:0], hash, binary.BigEndian.AppendUint32(append(room[:0], seed...), i))
		n := min(len(db), len(m))
		for j := range n {
			db[j] ^= m[j]
		}
		db = db[n:]
	}
}

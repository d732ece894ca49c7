package jose

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"
)

// TestPSSAsCryptoRSA holds our verification against crypto/rsa's, over key sizes (with a bit more and a bit less than whole
// bytes), hashes and messages that are nearly right.
func TestPSSAsCryptoRSA(t *testing.T) {
	for _, bits := range []int{2048, 2049, 2050, 2056} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range []Alg{PS256, PS384, PS512} {
			sum := digest(nil, alg.hash(), []byte("message"))
			for name, s := range nearlyPSS(key, alg.hash(), sum) {
				want := verifiesPSS(key, alg.hash(), sum, s)
				for path, m := range paths(&key.PublicKey) {
					if got := m.verifyPSS(alg.hash(), sum, s); got != want || want != (name == "right" || name == "crypto/rsa's") {
						t.Errorf("%d bits, %s, %s, %s: got %v, crypto/rsa says %v", bits, alg, name, path, got, want)
					}
				}
			}
		}
	}
}

// nearlyPSS are two good signatures and many that must not pass.
func nearlyPSS(key *rsa.PrivateKey, hash crypto.Hash, sum []byte) map[string][]byte {
	h := hash.Size()
	salt := bytes.Repeat([]byte{0x5a}, h)
	changed := func(change func(m *pssMessage)) []byte {
		m := &pssMessage{bits: key.N.BitLen() - 1, hash: hash, sum: sum, salt: salt, one: 1, end: 0xbc}
		change(m)
		return m.sign(key)
	}
	theirs, err := rsa.SignPSS(rand.Reader, key, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		panic(err)
	}
	right := changed(func(*pssMessage) {})
	all := map[string][]byte{
		"right": right, "crypto/rsa's": theirs, "empty": {}, "short": right[:len(right)-1], "long": append(bytes.Clone(right), 0),
		"zero": make([]byte, len(right)), "one": big.NewInt(1).FillBytes(make([]byte, len(right))), "the modulus": key.N.Bytes(),
		"another end":        changed(func(m *pssMessage) { m.end = 0xbd }),
		"no one":             changed(func(m *pssMessage) { m.one = 0 }),
		"two for one":        changed(func(m *pssMessage) { m.one = 2 }),
		"padding first":      changed(func(m *pssMessage) { m.first = 1 }),
		"padding last":       changed(func(m *pssMessage) { m.last = 1 }),
		"another digest":     changed(func(m *pssMessage) { m.sum = salt }),
		"another salt":       changed(func(m *pssMessage) { m.unsalted = []byte{1} }),
		"a salt less a byte": changed(func(m *pssMessage) { m.salt = salt[1:] }),
		"a salt and a byte":  changed(func(m *pssMessage) { m.salt = append(bytes.Clone(salt), 1) }),
		"no salt":            changed(func(m *pssMessage) { m.salt = nil }),
		"mask off by one":    changed(func(m *pssMessage) { m.counter = 1 }),
	}
	// The bit above the message's length must be zero, be it in its first byte or in one before it. Some salt leads to such a message below the modulus.
	for i := range 256 {
		high := changed(func(m *pssMessage) {
			m.salt = append([]byte{byte(i)}, salt[1:]...)
			m.above = key.N.BitLen()
		})
		if high != nil {
			all["a bit too high"] = high
			break
		}
	}
	return all
}

// pssMessage is an encoded message in the making, after RFC 8017 section 9.1.1, with what can be wrong about it.
type pssMessage struct {
	bits                  int
	hash                  crypto.Hash
	sum, salt, unsalted   []byte
	one, end, first, last byte
	counter               uint32
	above                 int // the bit that is set although it must not be, counted from one
}

func (m *pssMessage) encode() *big.Int {
	h := m.hash.Size()
	length := (m.bits + 7) / 8
	seed := digest(nil, m.hash, append(append(append(make([]byte, 8), m.sum...), m.salt...), m.unsalted...))
	db := make([]byte, length-h-1)
	at := len(db) - len(m.salt) - 1
	db[at] = m.one
	copy(db[at+1:], m.salt)
	db[1] ^= m.first
	db[at-1] ^= m.last
	// MGF1, written down plainly.
	var stream []byte
	for i := m.counter; len(stream) < len(db); i++ {
		stream = append(stream, digest(nil, m.hash, append(bytes.Clone(seed), byte(i>>24), byte(i>>16), byte(i>>8), byte(i)))...)
	}
	for i := range db {
		db[i] ^= stream[i]
	}
	db[0] &= 0xff >> (8*length - m.bits)
	x := new(big.Int).SetBytes(append(append(db, seed...), m.end))
	if m.above > 0 {
		x.SetBit(x, m.above-1, 1)
	}
	return x
}

// sign is nil if the message is not below the modulus.
func (m *pssMessage) sign(key *rsa.PrivateKey) []byte {
	x := m.encode()
	if x.Cmp(key.N) >= 0 {
		return nil
	}
	return x.Exp(x, key.D, key.N).FillBytes(make([]byte, key.Size()))
}

func verifiesPSS(key *rsa.PrivateKey, hash crypto.Hash, sum, sig []byte) bool {
	return rsa.VerifyPSS(&key.PublicKey, hash, sum, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
}

// FuzzPSS holds our verification against crypto/rsa's for messages that are signed with the right key and encoded in any way.
func FuzzPSS(f *testing.F) {
	keys := make([]*rsa.PrivateKey, 2)
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048+i); err != nil {
			f.Fatal(err)
		}
	}
	salt := bytes.Repeat([]byte{1}, 32)
	f.Add(0, 0, byte(0), salt)
	f.Add(1, 0, byte(0), salt)
	f.Add(0, 255, byte(1), salt)
	f.Add(1, 100, byte(0x80), salt[1:])
	f.Fuzz(func(t *testing.T, which, at int, change byte, salt []byte) {
		key := keys[uint(which)%2]
		sum := digest(nil, crypto.SHA256, []byte("message"))
		m := &pssMessage{bits: key.N.BitLen() - 1, hash: crypto.SHA256, sum: sum, salt: salt[:min(len(salt), 200)], one: 1, end: 0xbc}
		message := m.encode().FillBytes(make([]byte, key.Size()))
		message[uint(at)%uint(len(message))] ^= change
		x := new(big.Int).SetBytes(message)
		sig := x.Exp(x.Mod(x, key.N), key.D, key.N).FillBytes(make([]byte, key.Size()))
		want := verifiesPSS(key, crypto.SHA256, sum, sig)
		for path, m := range paths(&key.PublicKey) {
			if got := m.verifyPSS(crypto.SHA256, sum, sig); got != want {
				t.Fatalf("%s: got %v, crypto/rsa says %v", path, got, want)
			}
		}
	})
}

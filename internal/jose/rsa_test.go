package jose

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math"
	"math/big"
	"testing"
)

// TestRSAAsCryptoRSA holds our verification against crypto/rsa's, over key sizes, hashes and signatures that are nearly right.
func TestRSAAsCryptoRSA(t *testing.T) {
	for _, bits := range []int{2048, 2049, 2056, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range []Alg{RS256, RS384, RS512} {
			sum := digest(nil, alg.hash(), []byte("message"))
			sig, err := rsa.SignPKCS1v15(rand.Reader, key, alg.hash(), sum)
			if err != nil {
				t.Fatal(err)
			}
			for name, s := range nearly(key, alg.hash(), sum, sig) {
				want := rsa.VerifyPKCS1v15(&key.PublicKey, alg.hash(), sum, s) == nil
				for path, m := range paths(&key.PublicKey) {
					if got := m.verify(alg.hash(), sum, s); got != want || want != (name == "right") {
						t.Errorf("%d bits, %s, %s, %s: got %v, crypto/rsa says %v", bits, alg, name, path, got, want)
					}
				}
			}
		}
	}
}

// paths are the ways in which a key can be worked with on this processor.
func paths(key *rsa.PublicKey) map[string]*modulus {
	m := ready(key)
	slow := *m
	slow.fast = nil
	all := map[string]*modulus{"bigmod": &slow}
	if m.fast != nil {
		all["vectors"] = m
	}
	return all
}

// Exponents other than 65537 are bigmod's, and those that crypto/rsa refuses are left to it.
func TestOtherExponents(t *testing.T) {
	n := new(big.Int).SetBit(big.NewInt(1), 2047, 1)
	for e, fast := range map[int]bool{3: false, 17: false, 65535: false, 65537: vectors(), 65539: false, math.MaxInt32: false} {
		if m := ready(&rsa.PublicKey{N: n, E: e}); m == nil || (m.fast != nil) != fast {
			t.Errorf("%d: got %v, want it fast: %v", e, m, fast)
		}
	}
	long := math.MaxInt32
	for _, e := range []int{-1, 0, 1, 2, long + 2} {
		if ready(&rsa.PublicKey{N: n, E: e}) != nil {
			t.Errorf("%d: it is ready", e)
		}
	}
	if ready(&rsa.PublicKey{N: new(big.Int).Add(n, big.NewInt(1)), E: 65537}) != nil {
		t.Error("an even modulus is ready")
	}
	key := &Key{algs: []Alg{RS256, PS256}, public: &rsa.PublicKey{N: n, E: long + 2}}
	if sig := big.NewInt(1).FillBytes(make([]byte, 256)); key.Verify(RS256, nil, sig) || key.Verify(PS256, nil, sig) {
		t.Error("one is a signature")
	}
}

// nearly are one good signature and many that must not pass; those made with the private key decode to a message that is
// encoded in another way.
func nearly(key *rsa.PrivateKey, hash crypto.Hash, sum, sig []byte) map[string][]byte {
	size := key.Size()
	em := encoded(nil, size, hash, sum)
	forge := func(em []byte) []byte {
		return new(big.Int).Exp(new(big.Int).SetBytes(em), key.D, key.N).FillBytes(make([]byte, size))
	}
	changed := func(at int, to byte) []byte {
		other := bytes.Clone(em)
		other[at] = to
		return forge(other)
	}
	s := new(big.Int).SetBytes(sig)
	all := map[string][]byte{
		"right": sig, "empty": {}, "short": sig[:size-1], "long": append(bytes.Clone(sig), 0), "padded": append([]byte{0}, sig...),
		"zero": make([]byte, size), "one": big.NewInt(1).FillBytes(make([]byte, size)),
		"the modulus": key.N.FillBytes(make([]byte, size)), "all ones": bytes.Repeat([]byte{0xff}, size),
		"negated": new(big.Int).Sub(key.N, s).FillBytes(make([]byte, size)),
		"type 2":  changed(1, 2), "padding with a hole": changed(20, 0), "no zero behind the padding": changed(size-len(sum)-len(digestInfo(hash))-1, 1),
		"another digest": changed(size-1, em[size-1]^1), "another hash in its name": changed(size-len(sum)-5, em[size-len(sum)-5]^1),
	}
	// The digest further to the front, and garbage behind it (CVE-2006-4339); without its parameters; without its name.
	short := encoded(nil, size-8, hash, sum)
	all["garbage behind the digest"] = forge(append(bytes.Clone(short), 1, 2, 3, 4, 5, 6, 7, 8))
	all["no name"] = forge(append(append(append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-3-len(sum))...), 0), sum...))
	if beyond := new(big.Int).Add(s, key.N); beyond.BitLen() <= size*8 {
		all["beyond the modulus"] = beyond.FillBytes(make([]byte, size))
	}
	return all
}

// FuzzRSA holds our verification against crypto/rsa's for whatever stands in a signature's place.
func FuzzRSA(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	sum := sha256.Sum256([]byte("message"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		f.Fatal(err)
	}
	ways := paths(&key.PublicKey)
	f.Add(0, byte(0), []byte{})
	f.Add(255, byte(1), []byte{0})
	f.Fuzz(func(t *testing.T, at int, change byte, more []byte) {
		s := append(bytes.Clone(sig), more...)
		s[uint(at)%uint(len(s))] ^= change
		want := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], s) == nil
		for path, m := range ways {
			if got := m.verify(crypto.SHA256, sum[:], s); got != want {
				t.Fatalf("%s: got %v, crypto/rsa says %v", path, got, want)
			}
		}
		// Most of these are refused whatever the message is: every byte of it must be right as well.
		base := new(big.Int).Mod(new(big.Int).SetBytes(s), key.N).FillBytes(make([]byte, key.Size()))
		message := new(big.Int).Exp(new(big.Int).SetBytes(base), big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
		for path, m := range ways {
			if got, ok := m.open(nil, base); !ok || !bytes.Equal(got, message) {
				t.Fatalf("%s: %x is opened as %x, %v; math/big says %x", path, base, got, ok, message)
			}
		}
	})
}

func BenchmarkRSA(b *testing.B) {
	for _, bits := range []int{2048, 3072, 4096} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			b.Fatal(err)
		}
		sum := sha256.Sum256([]byte("message"))
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		verifiers := map[string]func() bool{
			"crypto/rsa": func() bool { return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig) == nil },
		}
		for path, m := range paths(&key.PublicKey) {
			verifiers[path] = func() bool { return m.verify(crypto.SHA256, sum[:], sig) }
		}
		for name, verify := range verifiers {
			b.Run(fmt.Sprintf("%s/%d", name, bits), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !verify() {
						b.Fatal("it does not verify")
					}
				}
			})
		}
	}
}

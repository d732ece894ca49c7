package jose

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"testing"
)

// TestRSAAsCryptoRSA holds our verification against crypto/rsa's, over key sizes, hashes and signatures that are nearly right.
func TestRSAAsCryptoRSA(t *testing.T) {
	for _, bits := range []int{2048, 2056, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		m := ready(&key.PublicKey)
		for _, alg := range []Alg{RS256, RS384, RS512} {
			sum := digest(alg, []byte("message"))
			sig, err := rsa.SignPKCS1v15(rand.Reader, key, alg.hash(), sum)
			if err != nil {
				t.Fatal(err)
			}
			for name, s := range nearly(key, alg.hash(), sum, sig) {
				want := rsa.VerifyPKCS1v15(&key.PublicKey, alg.hash(), sum, s) == nil
				if got := m.verify(alg.hash(), sum, s); got != want || want != (name == "right") {
					t.Errorf("%d bits, %s, %s: got %v, crypto/rsa says %v", bits, alg, name, got, want)
				}
			}
		}
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
	m := ready(&key.PublicKey)
	sum := sha256.Sum256([]byte("message"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(0), []byte{})
	f.Add(255, byte(1), []byte{0})
	f.Fuzz(func(t *testing.T, at int, change byte, more []byte) {
		s := append(bytes.Clone(sig), more...)
		s[uint(at)%uint(len(s))] ^= change
		want := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], s) == nil
		if got := m.verify(crypto.SHA256, sum[:], s); got != want {
			t.Fatalf("got %v, crypto/rsa says %v", got, want)
		}
	})
}

func BenchmarkRSA(b *testing.B) {
	for _, bits := range []int{2048, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			b.Fatal(err)
		}
		sum := sha256.Sum256([]byte("message"))
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			b.Fatal(err)
		}
		m := ready(&key.PublicKey)
		for name, verify := range map[string]func() bool{
			"ours":       func() bool { return m.verify(crypto.SHA256, sum[:], sig) },
			"crypto/rsa": func() bool { return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig) == nil },
		} {
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

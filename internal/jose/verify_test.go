package jose

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"testing"
)

// Security.md 6: ECDSA signatures are raw, of the curve's length, both numbers in range; a PSS salt is as long as the hash.
func TestSignaturesThatMustNotVerify(t *testing.T) {
	message := []byte("message")
	for _, alg := range []Alg{ES256, ES384, ES512} {
		k := generate(t, alg)
		pub := verifierOf(t, k)
		sig, err := k.SignBytes(message)
		if err != nil {
			t.Fatal(err)
		}
		n := len(sig) / 2
		order := map[Alg]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521()}[alg].Params().N
		plus := func(part []byte) []byte { // the same number modulo the order, out of range
			return new(big.Int).Add(new(big.Int).SetBytes(part), order).FillBytes(make([]byte, n+1))
		}
		minus := new(big.Int).Sub(order, new(big.Int).SetBytes(sig[n:])).FillBytes(make([]byte, n))
		for name, forged := range map[string][]byte{
			"empty": nil, "a byte short": sig[:2*n-1], "a byte long": append(slices.Clone(sig), 0), "r of zero": slices.Concat(make([]byte, n), sig[n:]), "s of zero": slices.Concat(sig[:n], make([]byte, n)),
			"r beyond the order": slices.Concat(plus(sig[:n]), sig[n:]), "both padded": slices.Concat([]byte{0}, sig[:n], []byte{0}, sig[n:]), "halves swapped": slices.Concat(sig[n:], sig[:n]),
		} {
			if pub.Verify(alg, message, forged) {
				t.Errorf("%s: %s verified", alg, name)
			}
		}
		if !pub.Verify(alg, message, sig) || !pub.Verify(alg, message, slices.Concat(sig[:n], minus)) {
			t.Errorf("%s: a good signature did not verify", alg)
		}
	}
	k := generate(t, PS256)
	pub := verifierOf(t, k)
	for salt, want := range map[int]bool{rsa.PSSSaltLengthEqualsHash: true, 32: true, 20: false, 31: false, 33: false, rsa.PSSSaltLengthAuto: false} {
		// Auto signs with the longest salt that fits.
		sig, err := rsa.SignPSS(rand.Reader, k.signer.(*rsa.PrivateKey), PS256.hash(), digest(nil, PS256.hash(), message), &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if got := pub.Verify(PS256, message, sig); got != want {
			t.Errorf("a salt of %d: verified %v, want %v", salt, got, want)
		}
	}
}

func verifierOf(t *testing.T, k *PrivateKey) *Key {
	t.Helper()
	data, err := PrivateSet(k)
	if err != nil {
		t.Fatal(err)
	}
	set, err := ParseSet(data, Local)
	if err != nil || len(set.Keys) != 1 {
		t.Fatal(err, set)
	}
	return set.Keys[0]
}

// A key verifies with none of the algorithms that it is not for, even where the mathematics would allow it.
func TestAKeyVerifiesItsOwnAlgorithmAlone(t *testing.T) {
	message := []byte("message")
	k := generate(t, RS256)
	pub := verifierOf(t, k)
	for _, alg := range Algs() {
		signer, err := k.ForAlg(alg)
		if err != nil {
			continue
		}
		sig, err := signer.SignBytes(message)
		if err != nil {
			t.Fatal(err)
		}
		if got := pub.Verify(alg, message, sig); got != (alg == RS256) {
			t.Errorf("%s: verified %v", alg, got)
		}
		if pub.Verify("", message, sig) || pub.Verify("none", message, nil) {
			t.Error("no algorithm verified")
		}
	}
}

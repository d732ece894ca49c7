package jose

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// Points for which signatures can be made up: each of them is refused, and each of them would have been fooled.
func TestKeysOfSmallOrder(t *testing.T) {
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "0000000000000000000000000000000000000000000000000000000000000080",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	} {
		point, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		forged := append([]byte{1}, make([]byte, 63)...) // R is the neutral point, S is zero
		fooled := false
		for i := range 200 {
			fooled = fooled || ed25519.Verify(point, fmt.Append(nil, i), forged)
		}
		if !fooled {
			t.Errorf("%s: nobody is fooled by it", text)
		}
		set, err := ParseSet(fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q}]}`, b64(point)), Fetched)
		if err != nil || len(set.Keys) != 0 || !strings.Contains(fmt.Sprint(set.Skipped), "small order") {
			t.Errorf("%s: got %v %v", text, set, err)
		}
	}
}

func TestRoca(t *testing.T) {
	// A product of two primes of the shape k*M + (65537^a mod M) is a power of 65537 modulo every prime of M.
	primorial := big.NewInt(1)
	for _, p := range []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167} {
		primorial.Mul(primorial, big.NewInt(p))
	}
	weak := func(k, a int64) *big.Int {
		p := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), primorial)
		return p.Add(p, new(big.Int).Mul(big.NewInt(k), primorial))
	}
	for i := range int64(50) {
		n := new(big.Int).Mul(weak(i+1, 3*i+7), weak(2*i+5, i+11))
		if !roca(n) {
			t.Errorf("the fingerprint of %d is not seen", i)
		}
		if roca(n.Add(n, big.NewInt(2))) {
			t.Errorf("a neighbour of %d has the fingerprint", i)
		}
	}
	if roca(generate(t, RS256).signer.(*rsa.PrivateKey).N) {
		t.Error("a sound key has the fingerprint")
	}
}

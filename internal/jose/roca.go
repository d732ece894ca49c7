package jose

import "math/big"

// roca reports whether a modulus has the fingerprint of CVE-2017-15361: the primes of the broken generator are powers of
// 65537 modulo every small prime, so their product is one too. A sound key looks so with a chance of about 2^-28 over
// this list.
//
// Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack, ACM CCS 2017, section 2.
func roca(n *big.Int) bool {
	primes := []uint{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
		103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167}
	var m big.Int
	for _, p := range primes {
		rest := uint(m.Mod(n, big.NewInt(int64(p))).Uint64())
		if !powerOf65537(rest, p) {
			return false
		}
	}
	return true
}

// powerOf65537 reports whether rest is some power of 65537 modulo p.
func powerOf65537(rest, p uint) bool {
	base := 65537 % p
	for x, i := uint(1), uint(0); i < p; i++ {
		if x == rest {
			return true
		}
		x = x * base % p
	}
	return false
}

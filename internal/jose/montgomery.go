package jose

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"math/bits"
)

const (
	limb      = 52 // bits of a word of what multiply takes
	ones      = 1<<limb - 1
	blockBits = 8 * limb
	most      = 11 // blocks of the numbers: enough for keys of 4096 bits
	beyond    = 7  // words of 64 bits that are enough for what a product of multiply is longer than the modulus

	wordsOfModulus = (most-1)*blockBits/64 + 1
	wordsOfProduct = wordsOfModulus + beyond + 1
)

// montgomery raises numbers to 65537 modulo a number N, on processors that multiply eight words at once.
//
// Numbers between two multiplications are not reduced below N, but below twice M, the multiple of N that is -1 modulo 2^416.
// A product of two such numbers is below (2M)²/R + M, where R is 2^416 to the number of blocks; it is below 2M again if R is
// at least 4M: as M is below 2^416*N, two bits more than the modulus has and one block more will do.
type montgomery struct {
	n     []uint64 // N, lowest word first
	minus uint64   // -1/N modulo 2^64
	bytes []byte   // N as signatures are written
	above []uint64 // (M+1) / 2^416, in limbs: what multiply takes for M
	last  []uint64 // in limbs, what takes all powers of R off at once and multiplies by 2^448 for the end, modulo N
}

// newMontgomery is nil for moduli that are too long, and where the processor does not have the instructions.
func newMontgomery(n *big.Int) *montgomery {
	blocks := (n.BitLen()+2+blockBits-1)/blockBits + 1
	if blocks > most || !vectors() {
		return nil
	}
	two := big.NewInt(2)
	power := new(big.Int).Lsh(big.NewInt(1), blockBits)
	inverse := new(big.Int).ModInverse(n, power)
	above := inverse.Mul(inverse.Sub(power, inverse), n) // M
	above.Rsh(above.Add(above, big.NewInt(1)), blockBits)

	// x squared 16 times is x^65536 / R^65535; two multiplications more divide by R twice, and the end by 2^448.
	r := int64(blocks * blockBits)
	last := new(big.Int).Exp(two, big.NewInt(r*65537+64*beyond), n)

	m := &montgomery{n: make([]uint64, (n.BitLen()+63)/64), bytes: n.Bytes(), above: limbs(above, blocks-1), last: limbs(last, blocks)}
	words(m.n, m.bytes)
	m.minus = -inverse64(m.n[0])
	return m
}

// power is sig^65537 modulo N, as long as the modulus and in the room if it is large enough; false if sig is not as long or not
// below N.
func (m *montgomery) power(room, sig []byte) ([]byte, bool) {
	if len(sig) != len(m.bytes) || bytes.Compare(sig, m.bytes) >= 0 {
		return nil, false
	}
	var wide [wordsOfProduct]uint64
	var base [8 * most]uint64
	var work [16 * most]uint64
	x, w := base[:len(m.last)], work[:2*len(m.last)]
	y := w[len(x):]
	words(wide[:len(m.n)], sig)
	split(x, wide[:len(m.n)])
	multiply(w, x, x, m.above)
	for range 15 {
		multiply(w, y, y, m.above)
	}
	multiply(w, y, x, m.above)
	multiply(w, y, m.last, m.above)
	join(wide[:], y)
	return m.reduce(room, &wide), true
}

// reduce is t / 2^448 modulo N for a t below 2M: word by word as Montgomery does it, which leaves less than
// 2M/2^448 + N < 2N.
func (m *montgomery) reduce(room []byte, t *[wordsOfProduct]uint64) []byte {
	for i := range beyond {
		q := t[i] * m.minus
		var carry, c uint64
		row := t[i:][:len(m.n)]
		for j, n := range m.n {
			hi, lo := bits.Mul64(q, n)
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			row[j], c = bits.Add64(row[j], lo, 0)
			carry = hi + c
		}
		for j := i + len(m.n); carry != 0; j++ {
			t[j], carry = bits.Add64(t[j], carry, 0)
		}
	}
	var less [wordsOfModulus]uint64
	var borrow uint64
	rest := t[beyond:][:len(m.n)+1]
	for j, n := range m.n {
		less[j], borrow = bits.Sub64(rest[j], n, borrow)
	}
	if rest[len(m.n)] >= borrow {
		rest = less[:]
	}
	room = room[:0]
	for j := range m.n {
		room = binary.BigEndian.AppendUint64(room, rest[len(m.n)-1-j])
	}
	return room[len(room)-len(m.bytes):]
}

// inverse64 is 1/n modulo 2^64 of an odd n: every round doubles the bits that are right, of which n itself has three.
func inverse64(n uint64) uint64 {
	x := n
	for range 5 {
		x *= 2 - n*x
	}
	return x
}

// words reads a number that is written highest byte first.
func words(to []uint64, b []byte) {
	for i := range to {
		if len(b) >= 8 {
			to[i], b = binary.BigEndian.Uint64(b[len(b)-8:]), b[:len(b)-8]
			continue
		}
		to[i] = 0
		for _, c := range b {
			to[i] = to[i]<<8 | uint64(c)
		}
		b = nil
	}
}

// split makes limbs of words; behind the words are zeros.
func split(to, from []uint64) {
	var left uint64 // the bits that are not in a limb yet, and how many
	have := 0
	for i := range to {
		if have >= limb {
			to[i], left, have = left&ones, left>>limb, have-limb
			continue
		}
		var next uint64
		if len(from) > 0 {
			next, from = from[0], from[1:]
		}
		to[i], left, have = (left|next<<have)&ones, next>>(limb-have), have+64-limb
	}
}

// join makes words of limbs.
func join(to, from []uint64) {
	var left uint64
	have := 0
	for _, v := range from {
		left |= v << have
		have += limb
		if have >= 64 {
			have -= 64
			to[0], left, to = left, v>>(limb-have), to[1:]
		}
	}
	if have > 0 {
		to[0] = left
	}
}

// limbs writes a number into so many blocks.
func limbs(x *big.Int, blocks int) []uint64 {
	wide := make([]uint64, (x.BitLen()+63)/64)
	words(wide, x.Bytes())
	to := make([]uint64, 8*blocks)
	split(to, wide)
	return to
}

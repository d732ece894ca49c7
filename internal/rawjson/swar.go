package rawjson

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes of text are looked at as one word. A mask has the top bit of a byte set where the byte is what was asked
// for; borrows may set further bits above the lowest one, so only the lowest counts.
const (
	each01 = 0x0101010101010101
	each80 = 0x8080808080808080
)

// word is the eight bytes at i; the caller has checked that they are there.
func word(data []byte, i int) uint64 { return binary.LittleEndian.Uint64(data[i : i+8 : i+8]) }

// special marks quotes, backslashes and control characters: what ends a run of plain characters in a string.
// With bit 1 flipped the quote (0x22) sits just above the control characters, so one subtraction finds both.
func special(w uint64) uint64 {
	return (((w ^ 0x02*each01) - 0x21*each01) | ((w ^ 0x5c*each01) - each01)) & (^w & each80)
}

// digits is how many of the eight bytes, from the first, are decimal digits. Exact: no byte carries into the next.
func digits(w uint64) int {
	w ^= 0x30 * each01
	return lowest((w&^each80 + 0x76*each01 | w) & each80)
}

// blanks is how many of the eight bytes, from the first, are spaces.
func blanks(w uint64) int { return bits.TrailingZeros64(w^0x20*each01) >> 3 }

// lowest is the number of the byte that the lowest bit of a mask stands for; 8 for an empty mask.
func lowest(mask uint64) int { return bits.TrailingZeros64(mask) >> 3 }

// through is lowest plus one, for what mostly repeats itself, such as keys. It says so through branches: where the
// processor foresees them it goes on without waiting for the mask, and waiting for masks is where a scanner's time goes.
func through(mask uint64) int {
	switch lowest(mask) {
	case 0:
		return 1
	case 1:
		return 2
	case 2:
		return 3
	case 3:
		return 4
	case 4:
		return 5
	case 5:
		return 6
	case 6:
		return 7
	}
	return 8
}

package jose

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMultiplyAsMathBig holds the multiplication against math/big, digit by digit, for the shortest numbers and those of keys
// of 2048, 3072 and 4096 bits: every pair of extreme numbers under every extreme modulus, then numbers at random, half of them
// made of words in which ones run far.
func TestMultiplyAsMathBig(t *testing.T) {
	needsVectors(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, blocks := range []int{2, 3, 6, 9, most} {
		for _, n := range extremes(blocks-1, above(blocks)) {
			if n.Sign() == 0 {
				continue
			}
			f := newField(blocks, n)
			all := extremes(blocks, f.bound)
			for _, a := range all {
				f.square(t, a)
				for _, b := range all {
					f.multiply(t, a, b)
				}
			}
		}
		for i := range 100 {
			n := number(random, blocks-1, i%2 == 0, above(blocks))
			f := newField(blocks, n.Add(n, big.NewInt(1)))
			for j := range 20 {
				a, b := number(random, blocks, j%2 == 0, f.bound), number(random, blocks, j%4 < 2, f.bound)
				f.multiply(t, a, b)
				f.square(t, a)
			}
		}
	}
}

// FuzzMontgomery holds the multiplication against math/big for whatever numbers.
func FuzzMontgomery(f *testing.F) {
	needsVectors(f)
	ones := bytes.Repeat([]byte{0xff}, 600)
	f.Add(uint8(6), []byte{1}, ones, ones)
	f.Add(uint8(9), ones, []byte{1}, ones)
	f.Add(uint8(11), ones, ones, ones[:300])
	f.Fuzz(func(t *testing.T, blocks uint8, n, a, b []byte) {
		k := 2 + int(blocks)%(most-1)
		modulus := new(big.Int).Mod(new(big.Int).SetBytes(n), above(k))
		m := newField(k, modulus.Add(modulus, big.NewInt(1)))
		x, y := new(big.Int).Mod(new(big.Int).SetBytes(a), m.bound), new(big.Int).Mod(new(big.Int).SetBytes(b), m.bound)
		m.multiply(t, x, y)
		m.square(t, x)
	})
}

// TestPowerAsMathBig holds the whole power against math/big, at the lengths where numbers get a word or a block more, for moduli
// and bases at the ends of what there is.
func TestPowerAsMathBig(t *testing.T) {
	needsVectors(t)
	random := rand.New(rand.NewPCG(3, 4))
	for _, size := range []uint{512, 2048, 2049, 2055, 2056, 2078, 2079, 2080, 2081, 2112, 2494, 2495, 3072, 3328, 4096, 4158} {
		top := new(big.Int).Lsh(big.NewInt(1), size-1)
		moduli := []*big.Int{
			new(big.Int).Add(top, big.NewInt(1)), new(big.Int).Sub(new(big.Int).Lsh(top, 1), big.NewInt(1)),
			new(big.Int).SetBit(new(big.Int).Add(top, big.NewInt(1)), int(size/2), 1),
		}
		for range 5 {
			n := number(random, most, false, top)
			moduli = append(moduli, n.Or(n, top).SetBit(n, 0, 1))
		}
		for _, n := range moduli {
			m := newMontgomery(n)
			if m == nil {
				t.Fatalf("%d bits: bigmod has to do", size)
			}
			bases := []*big.Int{new(big.Int), big.NewInt(1), big.NewInt(2), top, new(big.Int).Sub(n, big.NewInt(1)), new(big.Int).Sub(n, big.NewInt(2)), new(big.Int).Rsh(n, 1)}
			for range 10 {
				bases = append(bases, number(random, most, false, n), number(random, most, true, n))
			}
			for _, x := range bases {
				want := new(big.Int).Exp(x, big.NewInt(65537), n).FillBytes(make([]byte, len(n.Bytes())))
				if got, ok := m.power(nil, x.FillBytes(make([]byte, len(want)))); !ok || !bytes.Equal(got, want) {
					t.Fatalf("%x to 65537 modulo %x:\ngot  %x %v\nwant %x", x, n, got, ok, want)
				}
			}
			for _, x := range []*big.Int{n, new(big.Int).Add(n, big.NewInt(1))} {
				if x.BitLen() <= 8*len(m.bytes) {
					if _, ok := m.power(nil, x.FillBytes(make([]byte, len(m.bytes)))); ok {
						t.Errorf("%d bits: a number that is not below the modulus has a power", size)
					}
				}
			}
		}
	}
	if newMontgomery(new(big.Int).SetBit(big.NewInt(1), 4158, 1)) != nil {
		t.Error("a modulus is taken that is too long")
	}
}

// TestReduce takes the end alone to where what is left is longer than the modulus.
func TestReduce(t *testing.T) {
	needsVectors(t)
	one := big.NewInt(1)
	n := new(big.Int).Sub(new(big.Int).Lsh(one, 2048), one)
	random := rand.New(rand.NewPCG(7, 8))
	bound := new(big.Int).Lsh(n, 417)
	all := []*big.Int{new(big.Int), one, n, new(big.Int).Sub(bound, one), new(big.Int).Sub(new(big.Int).Add(new(big.Int).Lsh(one, 2048), new(big.Int).Lsh(one, 448)), one)}
	for i := range 200 {
		all = append(all, number(random, most, i%2 == 0, bound))
	}
	m := newMontgomery(n)
	for _, x := range all {
		var wide [wordsOfProduct]uint64
		words(wide[:], x.Bytes())
		want := new(big.Int).ModInverse(new(big.Int).Lsh(one, 448), n)
		want.Mod(want.Mul(want, x), n)
		if got := m.reduce(nil, &wide); !bytes.Equal(got, want.FillBytes(make([]byte, 256))) {
			t.Errorf("%x:\ngot  %x\nwant %x", x, got, want)
		}
	}
}

func TestNumbersThatDoNotGoTogether(t *testing.T) {
	needsVectors(t)
	n := func(blocks int) []uint64 { return make([]uint64, 8*blocks) }
	for i, numbers := range [][4][]uint64{
		{n(5), n(3), n(3), n(2)}, {n(6), n(3), n(2), n(2)}, {n(6), n(3), n(3), n(1)}, {n(6), n(3), n(3), n(3)}, {n(2), n(1), n(1), n(0)},
		{n(6), n(3)[:23], n(3), n(2)}, {n(6)[:47], n(3), n(3), n(2)}, {},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("row %d is multiplied", i)
				}
			}()
			multiply(numbers[0], numbers[1], numbers[2], numbers[3])
		}()
	}
}

func needsVectors(t testing.TB) {
	t.Helper()
	if !vectors() {
		t.Skip("this processor lacks AVX-512 IFMA")
	}
}

// field is what multiply is held against: a modulus (n is what multiply is given for it), and its kind of product.
type field struct {
	blocks                   int
	n, m, bound, ones, minus *big.Int // n, M, 2M, R-1 and -1/M modulo R
	above                    []uint64 // n
}

func newField(blocks int, n *big.Int) *field {
	one := big.NewInt(1)
	r := new(big.Int).Lsh(one, uint(blocks*blockBits))
	f := &field{blocks: blocks, n: n, ones: new(big.Int).Sub(r, one), above: limbs(n, blocks-1)}
	f.m = new(big.Int).Sub(new(big.Int).Lsh(n, blockBits), one)
	f.bound = new(big.Int).Lsh(f.m, 1)
	f.minus = new(big.Int).Sub(r, new(big.Int).ModInverse(f.m, r))
	return f
}

// above is what (M+1) / 2^416 may be at most: a quarter of R.
func above(blocks int) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint((blocks-1)*blockBits-2))
}

// multiply takes two numbers to multiply, each of them once where the result comes.
func (f *field) multiply(t *testing.T, a, b *big.Int) {
	t.Helper()
	x, y, want := limbs(a, f.blocks), limbs(b, f.blocks), f.want(t, a, b)
	w := make([]uint64, 2*len(x))
	for i, place := range [][2][]uint64{{x, y}, {w[len(x):], y}, {x, w[len(x):]}} {
		p, q := place[0], place[1]
		copy(p, x)
		copy(q, y)
		multiply(w, p, q, f.above)
		if !slices.Equal(w, want) {
			t.Fatalf("%d blocks, n = %x: %x times %x (%d):\ngot  %x\nwant %x", f.blocks, f.n, a, b, i, w, want)
		}
	}
	if !slices.Equal(x, limbs(a, f.blocks)) || !slices.Equal(y, limbs(b, f.blocks)) || !slices.Equal(f.above, limbs(f.n, f.blocks-1)) {
		t.Fatal("what is multiplied has changed")
	}
}

// square takes a number to multiply with itself, once where the result comes.
func (f *field) square(t *testing.T, a *big.Int) {
	t.Helper()
	x, want := limbs(a, f.blocks), f.want(t, a, a)
	w := make([]uint64, 2*len(x))
	for _, p := range [][]uint64{x, w[len(x):]} {
		copy(p, x)
		multiply(w, p, p, f.above)
		if !slices.Equal(w, want) {
			t.Fatalf("%d blocks, n = %x: the square of %x:\ngot  %x\nwant %x", f.blocks, f.n, a, w, want)
		}
	}
}

// want is q and the product.
func (f *field) want(t *testing.T, a, b *big.Int) []uint64 {
	t.Helper()
	product := new(big.Int).Mul(a, b)
	q := new(big.Int).Mul(product, f.minus)
	q.And(q, f.ones)
	product.Add(product, new(big.Int).Mul(q, f.m))
	product.Rsh(product, uint(f.blocks*blockBits))
	if product.Cmp(f.bound) >= 0 {
		t.Fatal("the product is beyond the bound: the test is wrong")
	}
	return append(limbs(q, f.blocks), limbs(product, f.blocks)...)
}

// extremes are numbers of so many blocks below a bound: its neighbours, and words that are all ones, lone bits, or both in turn.
func extremes(blocks int, bound *big.Int) []*big.Int {
	sub := func(less int64) *big.Int { return new(big.Int).Sub(bound, big.NewInt(less)) }
	length := uint(bound.BitLen() - 1)
	ones := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), length), big.NewInt(1))
	inTurn := make([]uint64, 8*blocks-1)
	for i := range inTurn {
		inTurn[i] = uint64(i%2) * (1<<limb - 1)
	}
	all := []*big.Int{
		new(big.Int), big.NewInt(1), big.NewInt(1<<limb - 1), new(big.Int).Lsh(big.NewInt(1), blockBits-1), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), blockBits), big.NewInt(1)),
		sub(1), sub(2), ones, new(big.Int).Lsh(big.NewInt(1), length-1), new(big.Int).SetBit(big.NewInt(1), int(length-1), 1),
		new(big.Int).Lsh(new(big.Int).Rsh(ones, 100), 100), integer(inTurn),
	}
	for _, x := range all {
		x.Mod(x, bound)
	}
	return all
}

// number is one at random below a bound; a lumpy one is made of words at the ends of what a word can be.
func number(random *rand.Rand, blocks int, lumpy bool, bound *big.Int) *big.Int {
	w := make([]uint64, 8*blocks)
	lump := []uint64{0, 0, 1, 2, 1 << (limb - 1), 1<<limb - 2, 1<<limb - 1, 1<<limb - 1}
	same := random.IntN(len(w)) // from here on one word after another is the same
	for i := range w {
		switch {
		case !lumpy:
			w[i] = random.Uint64() >> (64 - limb)
		case i > same && random.IntN(8) > 0:
			w[i] = w[i-1]
		default:
			w[i] = lump[random.IntN(len(lump))]
		}
	}
	x := integer(w)
	return x.Mod(x, bound)
}

// integer is the number of so many words of 52 bits.
func integer(w []uint64) *big.Int {
	x := new(big.Int)
	for _, v := range slices.Backward(w) {
		x.Lsh(x, limb).Or(x, new(big.Int).SetUint64(v))
	}
	return x
}

func TestWordsAndLimbs(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for blocks := 1; blocks <= most; blocks++ {
		for i := range 50 {
			x := number(random, blocks, i%2 == 0, new(big.Int).Lsh(big.NewInt(1), uint(blocks*blockBits)))
			w := limbs(x, blocks)
			if integer(w).Cmp(x) != 0 {
				t.Fatalf("%x in limbs is %x", x, w)
			}
			back := make([]uint64, wordsOfProduct)
			join(back, w)
			whole := make([]uint64, wordsOfProduct)
			words(whole, x.Bytes())
			if text := fmt.Sprintf("%x", x); !slices.Equal(back, whole) || integer64(back) != text {
				t.Fatalf("%s comes back as %x", text, back)
			}
		}
	}
}

func integer64(w []uint64) string {
	x := new(big.Int)
	for _, v := range slices.Backward(w) {
		x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(v))
	}
	return fmt.Sprintf("%x", x)
}

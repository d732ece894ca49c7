package jose

import "golang.org/x/sys/cpu"

// vectors reports whether the processor has what columns needs, and the operating system keeps its registers.
func vectors() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512IFMA }

//go:noescape
func columns(w, a, b, n *uint64, k int)

// multiply puts (a*b + q*M) / R into the upper half of w and q into the lower, in limbs, where R is 2^(52*len(a)), M is
// 2^416*n - 1, and q the number below R that leaves no remainder. What comes out must be below R. Both a and b may be the upper
// half of w; a square takes less time if they are one slice.
func multiply(w, a, b, n []uint64) {
	k := len(a) / 8
	if k < 2 || len(a) != 8*k || len(b) != 8*k || len(n) != 8*(k-1) || len(w) != 16*k {
		panic("jose: numbers of lengths that do not go together")
	}
	columns(&w[0], &a[0], &b[0], &n[0], k)
}

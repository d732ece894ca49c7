#include "textflag.h"

// columns multiplies as Montgomery does, in digits of 2^416: w[k:] = (a*b + q*M) / 2^(416k), q = w[:k].
//
// Numbers are arrays of 64-bit words that hold 52 bits each, lowest first; eight of them, a block, fill a vector register.
// a and b have k blocks, n has k-1, w has 2k. M is 2^416*n - 1, and that makes the digits of q those of the sum itself: adding
// q[c]*M where q[c] stands leaves zero there, and q[c]*n in the columns above. (H. Orup's way to find quotients, "Simplifying
// quotient determination in high-radix modular multiplication", with the instructions that S. Gueron and V. Krasnov asked for,
// "Software implementation of modular exponentiation, using advanced vector instructions architectures".) So of 2k columns,
// column c sums the products of blocks
//
//     a[i]*b[c-i]  and  q[i]*n[c-1-i]
//
// and is written to w[c]: in the lower half that is q[c], in the upper half the result. If a and b are one array, products
// that occur twice are computed once and doubled. a and b may be the upper half of w: w[k+j] is written when their blocks up
// to j have been read for the last time.
//
// A product of two blocks, for every word d[s] of one and the other as V: lo(d[s]*V) is summed in X[s] and hi(d[s]*V) in
// X[s+1], which belong s and s+1 words above the column's lowest. Nothing is moved until the column is complete. The words
// that X[s] has beyond the column's highest belong to the next column, which takes them from P, the X of the column before.
//
// Bounds: every word of a, b, n and q is below 2^52 (the instructions heed no more). A column has at most k products of a and
// b and k-1 of q and n, each of which adds less than 2^53 to a word of an X: X < k*2^54. A word of the column's sum is that of
// X[0], of P[8] and, for every s from 1 to 7, of X[s] or P[s]: less than 9k*2^54, which is below 2^64 for k up to 113. What
// a word has beyond 52 bits is then below 2^12, so that after one round of carries a word is below 2^52 + 2^12, and whatever
// still comes to it, it passes on a one at most.
//
//	DI  w[c]                     R8  block going up        Z0-Z8    X[0] to X[8]
//	SI  first block of a         R9  block going down      Z9-Z17   P[0] to P[8] (P[0] is not used)
//	DX  last block of b          AX  products left         Z18      V
//	R10 first block of q         BX  1 if a and b are one  Z19-Z26  d[0] to d[7], each in every word
//	R11 last block of n          CX  one for the column    Z27      2^52-1 in every word
//	R12 columns left below k     R13, K1, K2 see carries   Z28      carries of the column before
//
// The numbers of products of a and b (m), and of q and n (r), are on the stack. R14 and R15 are left alone: g, dynamic linking.

#define DIGIT(s, d, lo) \
	VPBROADCASTQ (8*s)(R8), d \
	VPMADD52LUQ  Z18, d, lo

// PRODUCT adds the product of the blocks at R8 and R9 to X.
#define PRODUCT \
	VMOVDQU64 (R9), Z18 \
	DIGIT(0, Z19, Z0) \
	DIGIT(1, Z20, Z1) \
	DIGIT(2, Z21, Z2) \
	DIGIT(3, Z22, Z3) \
	DIGIT(4, Z23, Z4) \
	DIGIT(5, Z24, Z5) \
	DIGIT(6, Z25, Z6) \
	DIGIT(7, Z26, Z7) \
	VPMADD52HUQ Z18, Z19, Z1 \
	VPMADD52HUQ Z18, Z20, Z2 \
	VPMADD52HUQ Z18, Z21, Z3 \
	VPMADD52HUQ Z18, Z22, Z4 \
	VPMADD52HUQ Z18, Z23, Z5 \
	VPMADD52HUQ Z18, Z24, Z6 \
	VPMADD52HUQ Z18, Z25, Z7 \
	VPMADD52HUQ Z18, Z26, Z8

// NEXT makes P of an X, and the X zero.
#define NEXT(x, p) \
	VMOVDQA64 x, p \
	VPXORQ    x, x, x

// func columns(w, a, b, n *uint64, k int)
TEXT ·columns(SB), NOSPLIT, $16-40
	MOVQ w+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), R11
	MOVQ k+32(FP), R12
	MOVQ DI, R10
	SUBQ $64, R11          // column 0 has no product of q and n
	DECQ R12
	XORQ BX, BX
	CMPQ SI, DX
	SETEQ BX
	XORQ CX, CX
	MOVQ $0xfffffffffffff, AX
	VPBROADCASTQ AX, Z27
	VPXORQ Z28, Z28, Z28
	MOVQ $1, m-8(SP)
	MOVQ $0, r-16(SP)
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	VPXORQ Z8, Z8, Z8

column:
	NEXT(Z0, Z9)
	NEXT(Z1, Z10)
	NEXT(Z2, Z11)
	NEXT(Z3, Z12)
	NEXT(Z4, Z13)
	NEXT(Z5, Z14)
	NEXT(Z6, Z15)
	NEXT(Z7, Z16)
	NEXT(Z8, Z17)

	MOVQ SI, R8
	MOVQ DX, R9
	MOVQ m-8(SP), AX
	TESTQ BX, BX
	JZ   factors
	SHRQ $1, AX

factors:
	TESTQ AX, AX
	JZ    twice

factor:
	PRODUCT
	ADDQ $64, R8
	SUBQ $64, R9
	DECQ AX
	JNZ  factor

twice:
	TESTQ BX, BX
	JZ    quotients
	VPADDQ Z0, Z0, Z0
	VPADDQ Z1, Z1, Z1
	VPADDQ Z2, Z2, Z2
	VPADDQ Z3, Z3, Z3
	VPADDQ Z4, Z4, Z4
	VPADDQ Z5, Z5, Z5
	VPADDQ Z6, Z6, Z6
	VPADDQ Z7, Z7, Z7
	VPADDQ Z8, Z8, Z8
	TESTQ $1, m-8(SP)
	JZ    quotients
	PRODUCT                // a block with itself: R8 and R9 have met

quotients:
	MOVQ R10, R8
	MOVQ R11, R9
	MOVQ r-16(SP), AX
	TESTQ AX, AX
	JZ    sum

quotient:
	PRODUCT
	ADDQ $64, R8
	SUBQ $64, R9
	DECQ AX
	JNZ  quotient

sum:
	VALIGNQ $7, Z10, Z1, Z18
	VALIGNQ $6, Z11, Z2, Z19
	VALIGNQ $5, Z12, Z3, Z20
	VALIGNQ $4, Z13, Z4, Z21
	VALIGNQ $3, Z14, Z5, Z22
	VALIGNQ $2, Z15, Z6, Z23
	VALIGNQ $1, Z16, Z7, Z24
	VPADDQ  Z0, Z17, Z17
	VPADDQ  Z18, Z19, Z19
	VPADDQ  Z20, Z21, Z21
	VPADDQ  Z22, Z23, Z23
	VPADDQ  Z17, Z19, Z19
	VPADDQ  Z24, Z21, Z21
	VPADDQ  Z19, Z21, Z21
	VPADDQ  Z21, Z23, Z23
	// First every word passes on what it has beyond 52 bits. Then those that are 2^52 or more (G) make a one for the next
	// word, and those of ones alone (P) pass a one on: G, moved up, added to P lets the ones run through, and whatever bit
	// is not as in P has met one.
	VMOVDQA64  Z28, Z18
	VPSRLQ     $52, Z23, Z28
	VPANDQ     Z27, Z23, Z23
	VALIGNQ    $7, Z18, Z28, Z18
	VPADDQ     Z18, Z23, Z23
	VPCMPGTQ   Z27, Z23, K1 // G
	VPCMPEQQ   Z27, Z23, K2 // P
	KMOVW      K1, AX
	KMOVW      K2, R13
	LEAQ       (CX)(AX*2), CX
	ADDQ       R13, CX
	XORQ       CX, R13
	SHRQ       $8, CX // the one for the next column
	KMOVW      R13, K1
	VPSUBQ     Z27, Z23, K1, Z23 // taking 2^52-1 off is adding one, in 52 bits
	VPANDQ     Z27, Z23, Z23
	VMOVDQU64  Z23, (DI)

	ADDQ $64, DI
	DECQ R12
	JLT  upper
	INCQ m-8(SP)           // one product more for every column of the lower half
	INCQ r-16(SP)
	ADDQ $64, DX
	ADDQ $64, R11
	JMP  column

upper:
	MOVQ m-8(SP), AX       // one less for every column of the upper half: the last has none
	DECQ AX
	JLT  done
	MOVQ AX, m-8(SP)
	MOVQ AX, r-16(SP)
	ADDQ $64, SI
	ADDQ $64, R10
	JMP  column

done:
	VZEROUPPER
	RET

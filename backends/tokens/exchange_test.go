package tokens

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// swapping keeps tokens of so many bytes each.
func swapping(most int, size int64, each int) *Exchange {
	return newExchange("issuer.test", time.Second, most, size, func(context.Context, string) (*Token, error) {
		return newToken(strings.Repeat("t", each), time.Hour), nil
	})
}

func TestExchangedTokensAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := swapping(10, defaultTokens, 5)
		defer x.close()
		for n := range 1000 {
			if _, err := x.Get(t.Context(), fmt.Sprint("caller", n)); err != nil {
				t.Fatal(err)
			}
		}
		if len(x.callers) != 10 || x.recent.Len() != 10 {
			t.Errorf("%d callers are kept, want 10", len(x.callers))
		}
	})
}

func TestExchangedTokensAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := swapping(defaultCallers, 100_000, 10_000)
		defer x.close()
		for n := range 300 {
			if _, err := x.Get(t.Context(), fmt.Sprint("caller", n%100)); err != nil {
				t.Fatal(err)
			}
			var size int64
			for _, at := range x.callers {
				size += at.Value.(*exchanged).size()
			}
			if size != x.size || size > 100_000 || len(x.callers) != x.recent.Len() || n > 20 && size < 80_000 {
				t.Fatalf("after %d: %d callers and %d bytes are kept, counted as %d, want at most 100000", n, len(x.callers), size, x.size)
			}
		}
	})
}

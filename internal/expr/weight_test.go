package expr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestWeight(t *testing.T) {
	for text, want := range map[string]int{`1`: 1, `"a,[{\\\","`: 1, `[1,2,3]`: 4, `{"a,b":"\\","c":[true]}`: 4 + objectWeight} {
		if got := weight([]byte(text)); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

// An answer of many small values is refused, one of as many bytes in usual records is not.
func TestHeavyAnswers(t *testing.T) {
	var records strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&records, `{"id":%d,"name":"name %d","price":%d.5,"tags":["x","yy"],"note":null,"a":1,"b":2},`, i, i, i%100)
	}
	for _, row := range []struct {
		name, text string
		heavy      bool
	}{
		{"numbers", "[" + strings.Repeat("1,", 2_000_000) + "1]", true},
		{"objects", "[" + strings.Repeat(`{"a":1},`, 300_000) + "1]", true},
		{"a long string", `"` + strings.Repeat(",", 3_000_000) + `"`, false},
		{"records", "[" + records.String() + "1]", false},
	} {
		if _, err := DecodeAnswer([]byte(row.text)); errors.Is(err, ErrTooHeavy) != row.heavy || err != nil && !row.heavy {
			t.Errorf("%s: got %v, want heavy: %v", row.name, err, row.heavy)
		}
	}
}

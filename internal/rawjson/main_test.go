package rawjson

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parsed is a Value for tests that are about something else.
func parsed(t testing.TB, text string, depth int) *Value {
	t.Helper()
	v := new(Value)
	if err := v.Parse([]byte(text), depth); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func printed(t testing.TB, v *Value) string {
	t.Helper()
	out := v.Append(nil)
	if v.Len() != len(out) {
		t.Fatalf("Len says %d, Append added %d", v.Len(), len(out))
	}
	return string(out)
}

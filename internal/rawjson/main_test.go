package rawjson

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tester is what *testing.T, *testing.B and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// parsed is a Value for tests that are about something else.
func parsed(t tester, text string, depth int) *Value {
	t.Helper()
	v := new(Value)
	if err := v.Parse([]byte(text), depth); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func printed(t tester, v *Value) string {
	t.Helper()
	out := v.Append(nil)
	if v.Len() != len(out) {
		t.Fatalf("Len says %d, Append added %d", v.Len(), len(out))
	}
	return string(out)
}

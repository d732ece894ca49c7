package endpoints

import (
	"strings"
	"testing"
)

func TestSpellingsOfAHeaderAreOne(t *testing.T) {
	long := strings.Repeat("x-", 60) + "user"
	var s HeaderSet
	if !s.Empty() || s.Has("X-User") || (*HeaderSet)(nil).Has("X-User") {
		t.Error("an empty set has something")
	}
	s.Add("X-User_Id")
	s.Add(long)
	for name, want := range map[string]bool{
		"X-User-Id": true, "x_user_id": true, "X-USER.ID": true, "x!user~id": true, strings.ToUpper(long): true, strings.ReplaceAll(long, "-", "_"): true,
		"X-User-I": false, "X-User-Ie": false, "X-User-Id-": false, "XUser-Id": false, "Xaaaaaaid": false, "": false, long[1:]: false, long + "s": false,
	} {
		if got := s.Has(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { s.Has("x_user_id"); s.Has("Accept") }); n != 0 {
		t.Errorf("a look allocates %v times", n)
	}
}

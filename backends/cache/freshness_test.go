package cache

import (
	"strings"
	"testing"

	"gatehouse/internal/outbound"
)

func FuzzCacheControl(f *testing.F) {
	for _, s := range []string{"max-age=60", `private="a,b", max-age="1"`, "no-cache,,no-store=", `x="\"",max-age=5`, `max-age="`, "max-stale"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := readDirectives([]outbound.Field{{Name: "cache-control", Value: s}})
		if d.maxAge < none || d.maxAge > longest {
			t.Errorf("%q: got max-age %v", s, d.maxAge)
		}
		if !strings.Contains(s, "\"") && strings.Contains(","+strings.ReplaceAll(strings.ToLower(s), " ", "")+",", ",no-store,") && !d.noStore {
			t.Errorf("%q: no-store was not seen", s)
		}
	})
}

package validator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
)

func duration(d time.Duration) *conf.Duration { c := conf.Duration(d); return &c }

// Security.md 9: exact to the second, with and without the cache.
func TestTimesAreExact(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	no := false
	rows := []struct {
		name   string
		cfg    Config
		claims string        // with %d for now
		at     time.Duration // when the token is shown
		want   string
	}{
		{"just before exp", Config{Leeway: duration(0)}, `{"exp":%d}`, 10*time.Second - time.Microsecond, "ok"},
		{"at exp", Config{Leeway: duration(0)}, `{"exp":%d}`, 10 * time.Second, string(TokenExpired)},
		{"at exp, within the leeway", Config{Leeway: duration(5 * time.Second)}, `{"exp":%d}`, 10 * time.Second, "ok"},
		{"just before the end of the leeway", Config{Leeway: duration(5 * time.Second)}, `{"exp":%d}`, 15*time.Second - time.Microsecond, "ok"},
		{"at the end of the leeway", Config{Leeway: duration(5 * time.Second)}, `{"exp":%d}`, 15 * time.Second, string(TokenExpired)},
		{"a second of leeway by default", Config{}, `{"exp":%d}`, 11*time.Second - time.Microsecond, "ok"},
		{"and no more", Config{}, `{"exp":%d}`, 11 * time.Second, string(TokenExpired)},
		{"a fraction of exp counts", Config{Leeway: duration(0)}, `{"exp":%d.5}`, 10*time.Second + 499*time.Millisecond, "ok"},
		{"to its end", Config{Leeway: duration(0)}, `{"exp":%d.5}`, 10*time.Second + 500*time.Millisecond, string(TokenExpired)},
		{"just before nbf", Config{RequireExp: &no, Leeway: duration(0)}, `{"nbf":%d}`, 10*time.Second - time.Microsecond, string(TokenNotYetValid)},
		{"at nbf", Config{RequireExp: &no, Leeway: duration(0)}, `{"nbf":%d}`, 10 * time.Second, "ok"},
		{"before nbf, within the leeway", Config{RequireExp: &no, Leeway: duration(5 * time.Second)}, `{"nbf":%d}`, 5 * time.Second, "ok"},
		{"before nbf, outside it", Config{RequireExp: &no, Leeway: duration(5 * time.Second)}, `{"nbf":%d}`, 5*time.Second - time.Microsecond, string(TokenNotYetValid)},
		{"issued later than now", Config{RequireExp: &no, Leeway: duration(0)}, `{"iat":%d}`, 10*time.Second - time.Microsecond, string(TokenNotYetValid)},
		{"issued just now", Config{RequireExp: &no, Leeway: duration(0)}, `{"iat":%d}`, 10 * time.Second, "ok"},
		{"no exp where one is wanted", Config{}, `{"iat":%d}`, 20 * time.Second, string(ExpiryMissing)},
		{"no exp where none is wanted", Config{RequireExp: &no}, `{"iat":%d}`, 20 * time.Hour, "ok"},
		{"just young enough", Config{RequireExp: &no, Leeway: duration(0), MaxTokenAge: duration(time.Minute)}, `{"iat":%d}`, 70*time.Second - time.Microsecond, "ok"},
		{"too old", Config{RequireExp: &no, Leeway: duration(0), MaxTokenAge: duration(time.Minute)}, `{"iat":%d}`, 70 * time.Second, string(TokenTooOld)},
		{"of no known age", Config{RequireExp: &no, MaxTokenAge: duration(time.Minute)}, `{"nbf":%d}`, 20 * time.Second, string(TokenTooOld)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, k)
				row.cfg.URL = providerURL + "/jwks"
				v := newValidator(t, row.cfg, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, nil)
				token, err := k.SignParts([]byte(`{"alg":"ES256"}`), fmt.Appendf(nil, row.claims, time.Now().Unix()+10))
				if err != nil {
					t.Fatal(err)
				}
				outcome(v, request(token)) // may fill the cache
				time.Sleep(row.at - time.Microsecond)
				outcome(v, request(token))
				time.Sleep(time.Microsecond)
				if got := outcome(v, request(token)); got != row.want {
					t.Errorf("got %s, want %s", got, row.want)
				}
				v.cache = nil
				if got := outcome(v, request(token)); got != row.want {
					t.Errorf("without the cache: got %s, want %s", got, row.want)
				}
			})
		})
	}
}

func TestNumericDates(t *testing.T) {
	for raw, want := range map[string]moment{
		"0": 0, "1": 1e6, "1.5": 1.5e6, "1e3": 1e9, "1.0000001": 1e6, "1790000000": 1790000000e6, "1790000000.123456": 1790000000123456,
		"253402300799": 253402300799e6, "1e-400": 0, "17.9e8": 1790000000e6,
	} {
		if got, ok := numericDate([]byte(raw)); !ok || got < want-1 || got > want+1 {
			t.Errorf("%s: got %d %v, want %d", raw, got, ok, want)
		}
	}
	for _, raw := range []string{"", "-1", "-0", "null", "true", `"1"`, "[1]", "{}", "1e400", "253402300800", "1e12", "9e99"} {
		if got, ok := numericDate([]byte(raw)); ok {
			t.Errorf("%s: got %d, want none", raw, got)
		}
	}
}

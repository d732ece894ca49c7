package validator

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

// cached is a validator with a cache, and a way to see whether a token was verified or remembered.
func cached(t *testing.T, size int, cfg Config, wants *Wants, k *jose.PrivateKey) (*Validator, *Cache) {
	c := NewCache(size)
	p := newProvider(t, k)
	cfg.URL = providerURL + "/jwks"
	return newValidator(t, cfg, Deps{Keys: p.keys(nil), Cache: c}, wants), c
}

func TestATokenIsVerifiedOnce(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		v, c := cached(t, 1<<20, Config{}, nil, k)
		r := request(sign(t, k, nil, claims(nil)))
		first, err := v.Authenticate(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := v.Authenticate(t.Context(), r)
		if err != nil || again != first {
			t.Errorf("got other claims (%v), want the remembered ones", err)
		}
		if c.Len() != 1 {
			t.Errorf("%d verdicts, want 1", c.Len())
		}
		for _, bad := range []string{"a.b.c", sign(t, key(t, jose.ES256, "k2"), nil, claims(nil)), sign(t, k, nil, claims(map[string]any{"exp": 1}))} {
			outcome(v, request(bad))
		}
		if c.Len() != 1 {
			t.Errorf("%d verdicts after refusals, want 1: refusals are not remembered", c.Len())
		}
	})
}

// No two validators that demand different things share a verdict, nor two tokens.
func TestVerdictsAreNotShared(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		keys, c := p.keys(nil), NewCache(1<<20)
		r := request(sign(t, k, nil, claims(map[string]any{"roles": []string{"user"}})))
		subs, plain := &Wants{}, &Wants{}
		subs.Add(ParseRef("sub"), Joined)
		plain.Add(ParseRef("sub"), Plain)
		no := false
		seen := map[string]string{}
		for name, v := range map[string]*Validator{
			"plain":           newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys, Cache: c}, nil),
			"a role":          newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}, Roles: []string{"user"}}, Deps{Keys: keys, Cache: c}, nil),
			"a claim":         newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys, Cache: c}, subs),
			"another use":     newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys, Cache: c}, plain),
			"another url":     newValidator(t, Config{Source: Source{URL: providerURL + "/other"}}, Deps{Keys: keys, Cache: c}, nil),
			"exp not needed":  newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}, RequireExp: &no}, Deps{Keys: keys, Cache: c}, nil),
			"another cache":   newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys, Cache: NewCache(1 << 20)}, nil),
			"without a cache": newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys}, nil),
		} {
			claims, err := v.Authenticate(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if old, twice := seen[claims.ID()]; twice {
				t.Errorf("%s and %s have the same verdict", name, old)
			}
			seen[claims.ID()] = name
		}
		strict := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}, Roles: []string{"admin"}}, Deps{Keys: keys, Cache: c}, nil)
		ends(t, strict, r.Header.Get("Authorization")[7:], string(RoleMissing), "a stricter validator")
		same := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys, Cache: c}, nil)
		before := c.Len()
		ends(t, same, r.Header.Get("Authorization")[7:], "ok", "an equal validator")
		if c.Len() != before {
			t.Error("an equal validator verified again")
		}
	})
}

func TestTheCacheIsBounded(t *testing.T) {
	k := key(t, jose.HS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		const size = 256 << 10
		v, c := cached(t, size, Config{Alg: "HS256"}, nil, k)
		for i := range 5000 {
			ends(t, v, sign(t, k, nil, claims(map[string]any{"jti": fmt.Sprint(i), "pad": long(rand.IntN(3000))})), "ok", "one of many")
			if c.Bytes() > size {
				t.Fatalf("%d bytes after %d tokens, want at most %d", c.Bytes(), i, size)
			}
		}
		if c.Len() < 30 {
			t.Errorf("%d verdicts, want more", c.Len())
		}
		ends(t, v, sign(t, k, nil, claims(map[string]any{"pad": long(9000)})), "ok", "a large one")
	})
}

// What the cache counts is what it holds.
func TestTheCacheCountsWhatItHolds(t *testing.T) {
	k := key(t, jose.HS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		wants := &Wants{}
		wants.Add(ParseRef("sub"), Joined)
		wants.Add(ParseRef("list"), Repeat)
		v, c := cached(t, 64<<20, Config{Alg: "HS256"}, wants, k)
		var tokens []string
		for i := range 20_000 {
			tokens = append(tokens, sign(t, k, nil, claims(map[string]any{"jti": i, "list": []string{"a", "b"}, "pad": long(300)})))
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		counted := c.Bytes()
		for _, token := range tokens {
			outcome(v, request(token))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held, says := int(after.HeapAlloc)-int(before.HeapAlloc), c.Bytes()-counted
		t.Logf("%d verdicts hold %d bytes and are counted as %d", c.Len(), held, says)
		if float64(held) > 1.25*float64(says) {
			t.Errorf("it holds %d bytes and counts %d", held, says)
		}
		runtime.KeepAlive(tokens)
	})
}

// Tokens that are asked for outlive those that are not.
func TestTheCacheKeepsWhatIsUsed(t *testing.T) {
	k := key(t, jose.HS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		v, c := cached(t, 128<<10, Config{Alg: "HS256"}, nil, k)
		r := request(sign(t, k, nil, claims(nil)))
		first, err := v.Authenticate(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2000 {
			outcome(v, request(sign(t, k, nil, claims(map[string]any{"jti": i}))))
			if again, _ := v.Authenticate(t.Context(), r); again != first {
				t.Fatalf("forgotten after %d others, with %d verdicts", i, c.Len())
			}
		}
	})
}

// A crowd of tokens that has left makes room for the next one, which soon is verified no more.
func TestTheCacheFollowsItsCrowd(t *testing.T) {
	c := NewCache(DefaultCacheSize)
	var v verifier
	now := momentOf(time.Unix(1_800_000_000, 0))
	missed := func(crowd byte) (n int) {
		for i := range 10_000 {
			now += 100 // microseconds
			p := print{0: crowd}
			binary.LittleEndian.PutUint64(p[8:], uint64(i)*0x9e3779b97f4a7c15+uint64(crowd))
			binary.LittleEndian.PutUint64(p[16:], uint64(i)*0xbf58476d1ce4e5b9+uint64(crowd))
			if c.find(&p, now, nil, 0) == nil {
				n++
				c.keep(&entry{claims: Claims{print: p}, key: &v, until: lastMoment}, now)
			}
		}
		return n
	}
	for crowd := range byte(3) {
		for range 3 {
			missed(crowd)
		}
		if n := missed(crowd); n > 200 {
			t.Errorf("crowd %d: %d of 10,000 tokens were verified anew the fourth time", crowd, n)
		}
	}
}

func TestNoCacheIsNoCache(t *testing.T) {
	if NewCache(0) != nil || NewCache(-1) != nil {
		t.Error("want no cache")
	}
	if (*Cache)(nil).Len() != 0 || (*Cache)(nil).Bytes() != 0 {
		t.Error("want nothing in it")
	}
}

func TestTheCacheUnderManyHands(t *testing.T) {
	k := key(t, jose.HS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		v, _ := cached(t, 96<<10, Config{Alg: "HS256"}, nil, k)
		var list []*http.Request
		for i := range 300 {
			list = append(list, request(sign(t, k, nil, claims(map[string]any{"sub": fmt.Sprint(i), "exp": time.Now().Unix() + int64(i%7)}))))
		}
		var tasks sync.WaitGroup
		for range 8 {
			tasks.Go(func() {
				for range 3000 {
					i := rand.IntN(len(list))
					c, err := v.Authenticate(t.Context(), list[i])
					if err == nil && !contains(c.Payload(), fmt.Sprintf(`"sub":"%d"`, i)) {
						t.Errorf("token %d got the claims %s", i, c.Payload())
						return
					}
					if i%50 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		tasks.Wait()
	})
}

func contains(b []byte, s string) bool {
	for i := 0; i+len(s) <= len(b); i++ {
		if string(b[i:i+len(s)]) == s {
			return true
		}
	}
	return false
}

// A remembered token costs no allocation.
func TestARememberedTokenAllocatesNothing(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	keys := NewKeys(KeysConfig{})
	t.Cleanup(keys.Close)
	v := newValidator(t, Config{Source: Source{File: writeFile(t, "keys.json", publicSet(t, k))}}, Deps{Keys: keys, Cache: NewCache(1 << 20)}, nil)
	r := request(sign(t, k, nil, claims(nil)))
	if n := testing.AllocsPerRun(100, func() { v.Authenticate(t.Context(), r) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// The table stays right whatever is put in and taken out.
func TestTheCacheTable(t *testing.T) {
	c := NewCache(64 << 10)
	rng := rand.New(rand.NewPCG(1, 2))
	alive := &verifier{}
	for i := range 20_000 {
		e := &entry{claims: Claims{rest: &rest{payload: make([]byte, rng.IntN(2000))}}, key: alive, until: moment(rng.IntN(100)), size: 0}
		for j := range e.claims.print {
			e.claims.print[j] = byte(rng.Uint32())
		}
		now := moment(rng.IntN(100))
		c.keep(e, now)
		if got := c.find(&e.claims.print, now, nil, 0); got != nil && (got != &e.claims || now >= e.until) {
			t.Fatalf("round %d: got a verdict that does not hold", i)
		}
		sum := len(c.slots) * 16
		for s := range c.slots {
			if held := c.slots[s].entry.Load(); held != nil {
				sum += held.size
			}
		}
		if i%500 == 0 && (sum != c.Bytes() || sum > 64<<10) {
			t.Fatalf("round %d: %d bytes counted, %d held", i, c.Bytes(), sum)
		}
	}
}

package validator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

// chaos is a provider that goes through every trouble there is, at random, while it rotates its keys.
type chaos struct {
	t      *testing.T
	p      *fakeProvider
	stable *jose.PrivateKey   // always published
	spare  []*jose.PrivateKey // published in turn
	rng    *rand.Rand

	mu      sync.Mutex
	current *jose.PrivateKey // of spare, published beside stable
	since   time.Time        // when it was
	healthy time.Time        // since when the provider answers well; zero: it does not

	flying, most atomic.Int64 // fetches at a time
}

// set is what an honest answer holds now.
func (c *chaos) set() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return publicSet(c.t, c.stable, c.current)
}

// troubles are the ways in which a provider fails.
func (c *chaos) troubles() []http.HandlerFunc {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	large := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for range 50 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example/jwks", http.StatusFound)
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		w.Write(c.set())
		panic(http.ErrAbortHandler)
	}
	return []http.HandlerFunc{
		answer(500, "application/json", "{}"), answer(200, "text/html", "<html>"), answer(200, "application/json", `{"keys":[]}`), answer(200, "application/json", `{"keys":[{"kty":"X"},7]}`),
		answer(200, "application/json", `{"keys":[`), answer(404, "text/plain", "not here"), hang, large, redirect, cut,
	}
}

// counted wraps a handler to see how many fetches are under way.
func (c *chaos) counted(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.flying.Add(1)
		defer c.flying.Add(-1)
		time.Sleep(time.Millisecond) // the end of the fetch before may be seen in the same instant
		n := c.flying.Load()
		for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
		}
		h(w, r)
	}
}

func (c *chaos) heal(slow time.Duration) {
	c.mu.Lock()
	if c.healthy.IsZero() {
		c.healthy = time.Now()
	}
	c.mu.Unlock()
	c.p.do(c.counted(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(slow):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Write(c.set())
	}))
}

func (c *chaos) hurt() {
	c.mu.Lock()
	c.healthy = time.Time{}
	c.mu.Unlock()
	all := c.troubles()
	c.p.do(c.counted(all[c.rng.IntN(len(all))]))
}

func (c *chaos) rotate(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.since = c.spare[i%len(c.spare)], time.Now()
}

// run is the provider's life: minutes of health, minutes of trouble, a new key now and then.
func (c *chaos) run(ctx context.Context) {
	for i := 1; ctx.Err() == nil; i++ {
		switch c.rng.IntN(3) {
		case 0:
			c.hurt()
		case 1:
			c.heal(time.Duration(c.rng.IntN(3000)) * time.Millisecond)
		case 2:
			c.rotate(i)
		}
		select {
		case <-time.After(time.Duration(c.rng.IntN(600)) * time.Second):
		case <-ctx.Done():
		}
	}
}

// TestChaos lets clients come for a few hours while the provider misbehaves. What must hold holds all the time.
func TestChaos(t *testing.T) {
	stable, forger := key(t, jose.HS256, "stable"), key(t, jose.HS256, "forger") // for their speed
	var spare []*jose.PrivateKey
	for i := range 6 { // the last two share their name
		spare = append(spare, key(t, jose.HS256, fmt.Sprint("spare-", i)).WithID(fmt.Sprint("k", min(i, 4))))
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t)
				c := &chaos{t: t, p: p, stable: stable, spare: spare, rng: rand.New(rand.NewPCG(seed, 1)), current: spare[0]}
				c.heal(0)
				duration := 300
				v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks", Duration: &duration}, Alg: "HS256"}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, nil)
				ends(t, v, sign(t, stable, nil, claims(nil)), "ok", "at first")
				ctx, stop := context.WithTimeout(t.Context(), 3*time.Hour)
				defer stop()
				var tasks sync.WaitGroup
				tasks.Go(func() { c.run(ctx) })
				tasks.Go(func() { c.known(ctx, v) })
				tasks.Go(func() { c.rotated(ctx, v) })
				tasks.Go(func() { c.forged(ctx, v, forger) })
				tasks.Wait()
				if n := c.most.Load(); n > 1 {
					t.Errorf("%d fetches at a time, want 1", n)
				}
			})
		})
	}
}

// known clients are never refused and never wait.
func (c *chaos) known(ctx context.Context, v *Validator) {
	for i := 0; ctx.Err() == nil; i++ {
		token := sign(c.t, c.stable, nil, claims(map[string]any{"jti": i / 10}))
		began := time.Now()
		ends(c.t, v, token, "ok", "a key that was always there")
		if d := time.Since(began); d != 0 {
			c.t.Errorf("a key that was always there waited %s", d)
		}
		sleep(ctx, 3*time.Second)
	}
}

// rotated clients pass once their key is published and the provider has been well for long enough; those of a key that
// has gone are refused once the refresh time is over.
func (c *chaos) rotated(ctx context.Context, v *Validator) {
	for ctx.Err() == nil {
		c.mu.Lock()
		current, since, healthy := c.current, c.since, c.healthy
		c.mu.Unlock()
		settled := !healthy.IsZero() && time.Since(healthy) > 310*time.Second && time.Since(since) > 310*time.Second
		if settled {
			ends(c.t, v, sign(c.t, current, nil, claims(nil)), "ok", "a published key")
			for _, k := range c.spare {
				got := outcome(v, request(sign(c.t, k, nil, claims(nil))))
				c.mu.Lock()
				if got == "ok" && k != current && c.current == current {
					c.t.Errorf("a key that has gone (%s) still passes", k.ID())
				}
				c.mu.Unlock()
			}
		}
		sleep(ctx, 7*time.Second)
	}
}

// forged tokens never pass, and each is answered within 2 s.
func (c *chaos) forged(ctx context.Context, v *Validator, forger *jose.PrivateKey) {
	for i := 0; ctx.Err() == nil; i++ {
		began := time.Now()
		for _, kid := range []string{"stable", "k1", "", fmt.Sprint("forged-", i)} {
			got := outcome(v, request(sign(c.t, forger.WithID(kid), nil, claims(nil))))
			if got != string(SignatureInvalid) && got != string(KeyUnknown) && got != string(KeysUnavailable) {
				c.t.Errorf("a forged token ended as %s", got)
			}
		}
		if d := time.Since(began); d >= 8*time.Second {
			c.t.Errorf("four forged tokens took %s", d)
		}
		sleep(ctx, 11*time.Second)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

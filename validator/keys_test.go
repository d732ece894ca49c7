package validator

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

// logged collects what is logged.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// ends runs a token through a validator and complains if it does not end so.
func ends(t *testing.T, v Authenticator, token, outcomeWanted, when string) {
	t.Helper()
	if got := outcome(v, request(token)); got != outcomeWanted {
		t.Errorf("%s: got %s, want %s", when, got, outcomeWanted)
	}
}

// Security.md 16, and one fetch for all who use a URL.
func TestAThousandValidatorsFetchOnce(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		keys := p.keys(nil)
		token := sign(t, k, nil, claims(nil))
		var tasks sync.WaitGroup
		for i := range 1000 {
			v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}, Realm: fmt.Sprint(i)}, Deps{Keys: keys}, nil)
			tasks.Go(func() { ends(t, v, token, "ok", "cold") })
		}
		tasks.Wait()
		if n := p.fetches(); n != 1 {
			t.Errorf("%d fetches, want 1", n)
		}
		time.Sleep(900 * time.Second)
		synctest.Wait()
		if n := p.fetches(); n != 2 {
			t.Errorf("%d fetches after the refresh, want 2", n)
		}
		if status := keys.Status(); len(status) != 1 || status[0].From != providerURL+"/jwks" || len(status[0].Kids) != 1 || status[0].Error != "" {
			t.Errorf("status %+v, want one good set", status)
		}
	})
}

// Security.md 16: forged kids cost at most one fetch per 30 s, and those who are known nothing.
func TestForgedKidsCostNothing(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		v := p.validator(Config{}, nil)
		good := sign(t, k, nil, claims(map[string]any{"exp": time.Now().Unix() + 86400}))
		ends(t, v, good, "ok", "at first")
		began, before := time.Now(), p.fetches()
		for i := range 10_000 {
			ends(t, v, sign(t, k, map[string]any{"kid": fmt.Sprint("forged-", i)}, claims(nil)), string(KeyUnknown), "forged")
			time.Sleep(10 * time.Millisecond)
			if i%100 == 0 {
				ends(t, v, good, "ok", "known")
			}
		}
		allowed := int(time.Since(began)/forcedPause) + 1
		if n := p.fetches() - before; n > allowed {
			t.Errorf("%d fetches in %s, want at most %d", n, time.Since(began), allowed)
		}
	})
}

// Security.md 18: a provider that hangs costs those who are known nothing, and the others an answer within 2 s.
func TestAProviderThatHangs(t *testing.T) {
	k, other := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		v := p.validator(Config{}, nil)
		good := sign(t, k, nil, claims(map[string]any{"exp": time.Now().Unix() + 86400}))
		ends(t, v, good, "ok", "at first")
		p.do(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		var tasks sync.WaitGroup
		for range 50 {
			tasks.Go(func() {
				began := time.Now()
				ends(t, v, sign(t, other, nil, claims(nil)), string(KeysUnavailable), "unknown while it hangs")
				if d := time.Since(began); d >= 2*time.Second {
					t.Errorf("an answer after %s, want less than 2s", d)
				}
			})
		}
		began := time.Now()
		for range 1000 {
			ends(t, v, good, "ok", "known while it hangs")
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("known tokens waited %s", d)
		}
		tasks.Wait()
		// A caller leaves at its own deadline.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		time.Sleep(forcedPause)
		began = time.Now()
		if _, err := v.Authenticate(ctx, request(sign(t, other, nil, claims(nil)))); err == nil || refusalOf(t, err).Reason != KeysUnavailable {
			t.Errorf("got %v, want %s", err, KeysUnavailable)
		}
		if d := time.Since(began); d > 100*time.Millisecond {
			t.Errorf("left after %s, want 100ms", d)
		}
		ends(t, v, good, "ok", "after a long while")
	})
}

// Security.md 20, and pains.md A4: three issuers and three keys of one name.
func TestIssuersNeverVouchForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		providers := map[string]*Provider{}
		var names []string
		var signers []*jose.PrivateKey
		for i := range 3 {
			k := key(t, jose.ES256, fmt.Sprint("issuer-", i)).WithID("same")
			host := fmt.Sprintf("127.0.0.1:%d", 9100+i)
			set := publicSet(t, k)
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Write(set)
			})}
			go server.Serve(memory.listen(host))
			t.Cleanup(func() { server.Close() })
			name := fmt.Sprint("p", i)
			providers[name] = &Provider{Source: Source{Issuer: "https://issuer-" + name, URL: "http://" + host + "/jwks"}, Audience: []string{"aud-" + name}}
			names, signers = append(names, name), append(signers, k)
		}
		keys := NewKeys(KeysConfig{Dial: memory.dial})
		t.Cleanup(keys.Close)
		for _, p := range providers {
			p.Headers = nil
		}
		v := newValidator(t, Config{Providers: names}, Deps{Keys: keys, Providers: providers, Cache: NewCache(1 << 20)}, nil)
		for i := range signers {
			for j, name := range names {
				token := sign(t, signers[i], nil, claims(map[string]any{"iss": "https://issuer-" + name, "aud": "aud-" + name}))
				wanted := string(SignatureInvalid)
				if i == j {
					wanted = "ok"
				}
				ends(t, v, token, wanted, fmt.Sprintf("key %d for issuer %d", i, j))
			}
			token := sign(t, signers[i], nil, claims(map[string]any{"iss": "https://issuer-p" + fmt.Sprint(i), "aud": "aud-p" + fmt.Sprint((i+1)%3)}))
			ends(t, v, token, string(AudienceWrong), "another provider's audience")
		}
		for _, iss := range []any{nil, "", "https://issuer-p9", "https://issuer-p0/", 1, []string{"https://issuer-p0"}} {
			ends(t, v, sign(t, signers[0], nil, claims(map[string]any{"iss": iss, "aud": "aud-p0"})), string(IssuerWrong), fmt.Sprint("iss ", iss))
		}
		one := newValidator(t, Config{Providers: names[:1]}, Deps{Keys: keys, Providers: providers}, nil)
		ends(t, one, sign(t, signers[1], nil, claims(map[string]any{"iss": "https://issuer-p0", "aud": "aud-p0"})), string(SignatureInvalid), "alone, by another's key of the same name")
	})
}

func TestCacheControlShortensFreshness(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	for header, within := range map[string]time.Duration{
		"":                     900 * time.Second,
		"public":               900 * time.Second,
		"max-age=300":          300 * time.Second,
		"public, Max-Age=300":  300 * time.Second,
		`max-age="300"`:        300 * time.Second,
		"max-age=86400":        900 * time.Second,
		"max-age=5":            60 * time.Second,
		"max-age=0":            60 * time.Second,
		"no-store":             60 * time.Second,
		"private, no-cache":    60 * time.Second,
		"max-age=rubbish":      60 * time.Second,
		"max-age=999999999999": 60 * time.Second,
	} {
		t.Run(header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, k)
				p.cache = header
				v := p.validator(Config{}, nil)
				ends(t, v, sign(t, k, nil, claims(nil)), "ok", "at first")
				time.Sleep(within * 79 / 100)
				if n := p.fetches(); n != 1 {
					t.Errorf("%d fetches at 79 %% of its time, want 1", n)
				}
				time.Sleep(within * 12 / 100)
				if n := p.fetches(); n != 2 {
					t.Errorf("%d fetches at 91 %% of its time, want 2", n)
				}
			})
		})
	}
}

func TestTheShortestDurationCounts(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		keys := p.keys(nil)
		short := 10
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys}, nil)
		ends(t, v, sign(t, k, nil, claims(nil)), "ok", "at first")
		strict := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks", Duration: &short}}, Deps{Keys: keys}, nil)
		time.Sleep(95 * time.Second)
		if n := p.fetches(); n < 10 || n > 13 {
			t.Errorf("%d fetches in 95 s, want one every 8 to 9 s", n)
		}
		strict.Close()
		before := p.fetches()
		time.Sleep(700 * time.Second)
		if n := p.fetches() - before; n > 1 {
			t.Errorf("%d fetches after the impatient one has gone, want the patient one's", n)
		}
	})
}

// Requests never wait for a refresh (pains.md J6).
func TestARefreshIsNeverWaitedFor(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		set := publicSet(t, k)
		v := p.validator(Config{}, nil)
		ends(t, v, sign(t, k, nil, claims(nil)), "ok", "at first")
		p.do(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(1500 * time.Millisecond):
				w.Header().Set("Content-Type", "application/json")
				w.Write(set)
			case <-r.Context().Done():
			}
		})
		end := time.Now().Add(24 * time.Hour)
		for time.Now().Before(end) {
			began := time.Now()
			ends(t, v, sign(t, k, nil, claims(nil)), "ok", "during refreshes")
			if d := time.Since(began); d != 0 {
				t.Fatalf("waited %s", d)
			}
			time.Sleep(700 * time.Millisecond * 100)
		}
		if n := p.fetches(); n < 100 {
			t.Errorf("%d refreshes, want about a hundred", n)
		}
	})
}

func TestStartFetchesAhead(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		keys := p.keys(nil)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: keys}, nil)
		synctest.Wait()
		if n := p.fetches(); n != 0 {
			t.Errorf("%d fetches before the start, want none: New asks no network", n)
		}
		keys.Start()
		keys.Start()
		synctest.Wait()
		if n := p.fetches(); n != 1 {
			t.Errorf("%d fetches after the start, want 1", n)
		}
		ends(t, v, sign(t, k, nil, claims(nil)), "ok", "afterwards")
	})
}

// A configuration that ends takes its key sets with it, unless another one uses them.
func TestTheLastUserStopsAKeySet(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		keys := p.keys(nil)
		cfg := Config{Source: Source{URL: providerURL + "/jwks"}}
		a := newValidator(t, cfg, Deps{Keys: keys}, nil)
		b := newValidator(t, cfg, Deps{Keys: keys}, nil)
		token := sign(t, k, nil, claims(nil))
		ends(t, a, token, "ok", "the first user")
		a.Close()
		a.Close()
		ends(t, b, token, "ok", "the second user")
		if n := p.fetches(); n != 1 {
			t.Errorf("%d fetches, want 1: the set is shared", n)
		}
		b.Close()
		if n := len(keys.Status()); n != 0 {
			t.Errorf("%d key sets, want none", n)
		}
		before := p.fetches()
		time.Sleep(time.Hour)
		if n := p.fetches() - before; n != 0 {
			t.Errorf("%d fetches after the end, want none", n)
		}
	})
}

// A thousand providers are not asked all at once, and one that a token needs is not kept waiting by those before it.
func TestManyProvidersAreAskedInTurn(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	const providers = 3 * startsAtOnce
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		var mu sync.Mutex
		asked, now, most := 0, 0, 0
		set := publicSet(t, k)
		p.do(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			asked, now = asked+1, now+1
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(set)
		})
		keys := p.keys(nil)
		var validators []*Validator
		for i := range providers {
			var cfg Config
			cfg.URL = fmt.Sprintf("%s/%d/jwks", providerURL, i)
			validators = append(validators, newValidator(t, cfg, Deps{Keys: keys}, nil))
		}
		began := time.Now()
		keys.Start()
		synctest.Wait()
		token := sign(t, k, nil, claims(nil))
		for _, v := range validators {
			if v.issuers[0].ring.current() == nil {
				ends(t, v, token, "ok", "while others are being asked")
				break
			}
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("a token that needed one of them waited %v, want as long as a fetch takes", took)
		}
		time.Sleep(5 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if asked != providers || most > startsAtOnce+1 {
			t.Errorf("%d fetches, %d of them at once, want %d and at most %d beside that of the token", asked, most, providers, startsAtOnce)
		}
	})
}

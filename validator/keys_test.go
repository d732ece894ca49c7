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
		if _, err := v.Authenticate(ctx, request(sign(t, other, nil, claims(nil)))); err == nil || err.(*Refusal).Reason != KeysUnavailable {
			t.Errorf("got %v, want %s", err, KeysUnavailable)
		}
		if d := time.Since(began); d > 100*time.Millisecond {
			t.Errorf("left after %s, want 100ms", d)
		}
		ends(t, v, good, "ok", "after a long while")
	})
}

// Security.md 17, 18: nothing that is no good replaces good keys.
func TestAnswersThatReplaceNothing(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	good := string(publicSet(t, k))
	kind := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Write([]byte(body))
		}
	}
	status := func(code int, location string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				kind("application/json", good)(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.WriteHeader(code)
			w.Write([]byte(good))
		}
	}
	rows := []struct {
		name   string
		answer http.HandlerFunc
		log    string
	}{
		{"500", status(500, ""), "want status 200"},
		{"404 with a set", status(404, ""), "answered 404"},
		{"HTML", kind("text/html", "<html>welcome</html>"), "content type"},
		{"a set that calls itself HTML", kind("text/html", good), "content type"},
		{"no keys", kind("application/json", `{"keys":[]}`), "no key that can be used"},
		{"no set", kind("application/json", `{}`), "no \\\"keys\\\""},
		{"keys of another type", kind("application/json", `{"keys":{}}`), "not an array"},
		{"truncated", kind("application/json", good[:len(good)-5]), "not JSON"},
		{"empty", kind("application/json", ""), "not JSON"},
		{"a list", kind("application/json", `[`+good+`]`), "not a JSON object"},
		{"two sets", kind("application/json", good+good), "not JSON"},
		{"keys twice", kind("application/json", good[:len(good)-1]+`,"keys":[]}`), "stands twice"},
		{"odd keys alone", kind("application/json", `{"keys":[{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"},{"kty":"OKP","crv":"X25519","x":"AA"},{"kty":"?"},5,null]}`), "no key that can be used"},
		{"50 MB", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for range 50 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, "too_large"},
		{"a redirect to another scheme", status(302, "https://127.0.0.1:9000/moved"), "a redirect to where we do not follow"},
		{"a redirect to another host", status(302, "http://127.0.0.1:9001/moved"), "a redirect to where we do not follow"},
		{"a redirect in a circle", status(302, "/jwks"), "a redirect to where we do not follow"},
		{"a connection cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "9999")
			w.Write([]byte(good))
			panic(http.ErrAbortHandler)
		}, "EOF"},
		{"nothing, for ever", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded"},
		{"a byte a second", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for i := range good {
				if _, err := w.Write([]byte{good[i]}); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(time.Second)
			}
		}, "deadline exceeded"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logged
				p := newProvider(t, k)
				v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(log.logger())}, nil)
				token := sign(t, k, nil, claims(map[string]any{"exp": time.Now().Unix() + 86400}))
				ends(t, v, token, "ok", "at first")
				p.do(row.answer)
				before := p.fetches()
				time.Sleep(2 * time.Hour)
				if p.fetches() == before {
					t.Error("no refresh has been tried")
				}
				ends(t, v, token, "ok", "after a refresh that brought nothing")
				if !strings.Contains(log.String(), row.log) {
					t.Errorf("log %.900s\nwant %q in it", log.String(), row.log)
				}
				if strings.Contains(log.String(), "keys dropped") {
					t.Error("the keys were dropped")
				}
				p.serve(k)
				time.Sleep(maxPause)
				if !strings.Contains(log.String(), "level=INFO msg=\"keys fetched\"") {
					t.Error("its return was not told")
				}
			})
		})
	}
}

// Security.md 17: redirects within the origin are followed.
func TestARedirectWithinTheOrigin(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		set := publicSet(t, k)
		p.do(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Write(set)
		})
		ends(t, p.validator(Config{}, nil), sign(t, k, nil, claims(nil)), "ok", "after a redirect")
	})
}

// Security.md 7: odd keys do not spoil a set.
func TestOddKeysAreSkipped(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		var log logged
		p := newProvider(t, k)
		own := string(publicSet(t, k))
		p.publish([]byte(`{"keys":[{"kty":"OKP","crv":"X25519","x":"AAAA","kid":"k1"},{"kty":"weird"},7,` + own[len(`{"keys":[`):]))
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(log.logger())}, nil)
		ends(t, v, sign(t, k, nil, claims(nil)), "ok", "beside odd keys")
		time.Sleep(time.Hour)
		if n := strings.Count(log.String(), "keys that cannot be used"); n != 1 {
			t.Errorf("warned %d times, want once", n)
		}
	})
}

// Security.md 18: down at start, and back.
func TestAProviderThatIsDownAtStart(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		p.down()
		v := p.validator(Config{Source: Source{Issuer: providerURL, URL: providerURL + "/jwks"}, Audience: []string{"api"}}, nil)
		good := sign(t, k, nil, claims(nil))
		for name, row := range map[string]struct {
			token string
			want  Reason
		}{
			"good":              {good, KeysUnavailable},
			"none":              {"", TokenMissing},
			"malformed":         {"a.b", TokenMalformed},
			"another algorithm": {sign(t, k, map[string]any{"alg": "none"}, claims(nil)), AlgorithmNotAllowed},
			"expired":           {sign(t, k, nil, claims(map[string]any{"exp": 1})), TokenExpired},
			"another audience":  {sign(t, k, nil, claims(map[string]any{"aud": "x"})), AudienceWrong},
			"another issuer":    {sign(t, k, nil, claims(map[string]any{"iss": "x"})), IssuerWrong},
			"broken claims":     {sign(t, k, nil, []byte("{")), ClaimsMalformed},
			"a broken time":     {sign(t, k, nil, claims(map[string]any{"exp": "x"})), TimeMalformed},
		} {
			_, err := v.Authenticate(t.Context(), request(row.token))
			refusal := err.(*Refusal)
			if refusal.Reason != row.want {
				t.Errorf("%s: got %s, want %s", name, refusal.Reason, row.want)
			}
			if refusal.Kind == Unavailable && refusal.RetryIn < 1 {
				t.Errorf("%s: try again in %d", name, refusal.RetryIn)
			}
		}
		time.Sleep(time.Hour)
		p.up()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := p.fetches(); got != 1 {
			t.Errorf("%d fetches within 2 s of its return, want 1", got)
		}
		ends(t, v, sign(t, k, nil, claims(nil)), "ok", "2 s after its return")
	})
}

func TestAttemptsWhileNoKeysEverCame(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		p.do(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		v := p.validator(Config{}, nil)
		token := sign(t, k, nil, claims(nil))
		began := time.Now()
		for time.Since(began) < time.Minute {
			ends(t, v, token, string(KeysUnavailable), "while it answers 503")
			time.Sleep(10 * time.Millisecond)
		}
		if n := p.fetches(); n < 50 || n > 61 {
			t.Errorf("%d attempts in a minute, want one a second", n)
		}
	})
}

// Security.md 18: stale keys work for 24 hours and no longer.
func TestKeysOutliveTheirProvider(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		cache := NewCache(1 << 20)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil), Cache: cache}, nil)
		token := sign(t, k, nil, claims(map[string]any{"exp": time.Now().Unix() + 30*86400}))
		ends(t, v, token, "ok", "at first")
		p.down()
		for range 23 {
			time.Sleep(time.Hour)
			ends(t, v, token, "ok", "within a day")
			v.cache = nil
			ends(t, v, token, "ok", "within a day, not cached")
			v.cache = cache
		}
		time.Sleep(2 * time.Hour)
		ends(t, v, token, string(KeysUnavailable), "after a day")
		p.up()
		time.Sleep(2 * time.Second)
		ends(t, v, token, "ok", "after its return")
	})
}

// Security.md 19.
func TestRotation(t *testing.T) {
	k1, k2, k3 := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k2"), key(t, jose.ES256, "k3")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k1)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, nil)
		token := func(k *jose.PrivateKey) string {
			return sign(t, k, nil, claims(map[string]any{"exp": time.Now().Unix() + 86400}))
		}
		first := token(k1)
		ends(t, v, first, "ok", "the first key")
		p.serve(k1, k2)
		ends(t, v, token(k2), "ok", "a new key, in its own request")
		p.serve(k1, k2, k3)
		ends(t, v, token(k3), string(KeyUnknown), "another one within 30 s")
		time.Sleep(forcedPause)
		ends(t, v, token(k3), "ok", "after 30 s")
		p.serve(k3)
		ends(t, v, first, "ok", "a removed key, before the refresh")
		time.Sleep(900 * time.Second)
		ends(t, v, first, string(KeyUnknown), "a removed key, after the refresh; its verdict was cached")
		p.serve(k1, k3)
		time.Sleep(forcedPause)
		ends(t, v, first, "ok", "a key that came back")
	})
}

// Security.md 16, 19: a new key under an old name.
func TestAKeyThatChangesUnderItsName(t *testing.T) {
	old, renewed, forged := key(t, jose.ES256, "k1"), key(t, jose.ES256, "k1, renewed").WithID("k1"), key(t, jose.ES256, "k1, forged").WithID("k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, old)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, nil)
		first := sign(t, old, nil, claims(nil))
		ends(t, v, first, "ok", "the old key")
		p.serve(renewed)
		ends(t, v, sign(t, renewed, nil, claims(nil)), "ok", "the new key, in its own request")
		ends(t, v, first, string(SignatureInvalid), "the old key's cached verdict")
		before := p.fetches()
		for range 1000 {
			ends(t, v, sign(t, forged, nil, claims(nil)), string(SignatureInvalid), "forged")
		}
		if n := p.fetches() - before; n != 0 {
			t.Errorf("%d fetches for bad signatures within 30 s, want none", n)
		}
	})
}

// Security.md 7, 8: several keys of one name, and tokens without a name.
func TestKeysOfOneNameAndOfNone(t *testing.T) {
	var all []*jose.PrivateKey
	for i := range maxTries + 2 {
		all = append(all, key(t, jose.ES256, fmt.Sprint("many-", i)).WithID(fmt.Sprint("k", i)))
	}
	rsa := key(t, jose.RS256, "r")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, append([]*jose.PrivateKey{rsa}, all...)...)
		v := p.validator(Config{}, nil)
		for i, k := range all {
			wanted := "ok"
			if i >= maxTries {
				wanted = string(SignatureInvalid)
			}
			ends(t, v, sign(t, k.WithID(""), nil, claims(nil)), wanted, fmt.Sprint("without a kid, key ", i))
			ends(t, v, sign(t, k, nil, claims(nil)), "ok", fmt.Sprint("with its kid, key ", i))
			ends(t, v, sign(t, k, map[string]any{"kid": ""}, claims(nil)), string(KeyUnknown), "with an empty kid")
		}
		ends(t, v, sign(t, rsa.WithID(""), nil, claims(nil)), "ok", "the only RSA key, without its kid")
	})
	synctest.Test(t, func(t *testing.T) {
		same := []*jose.PrivateKey{rsa.WithID("k"), all[0].WithID("k"), all[1].WithID("k")}
		v := newProvider(t, same...).validator(Config{}, nil)
		for i, k := range same {
			ends(t, v, sign(t, k, nil, claims(nil)), "ok", fmt.Sprint("one name for three keys, key ", i))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		v := newProvider(t, all[0].WithID("")).validator(Config{}, nil)
		ends(t, v, sign(t, all[0].WithID(""), nil, claims(nil)), "ok", "neither has a name")
		ends(t, v, sign(t, all[0], nil, claims(nil)), string(KeyUnknown), "a name that no key has")
		ends(t, v, sign(t, all[0], map[string]any{"kid": ""}, claims(nil)), string(KeyUnknown), "the empty name, that no key has")
	})
}

// Security.md 7: HMAC works where the validator names it, and nowhere else.
func TestSymmetricKeysOfAFetchedSet(t *testing.T) {
	hmac, rsa := key(t, jose.HS256, "k1"), key(t, jose.RS256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, hmac, rsa)
		token := sign(t, hmac, nil, claims(nil))
		ends(t, p.validator(Config{Alg: "HS256"}, nil), token, "ok", "named")
		ends(t, p.validator(Config{Algs: []string{"RS256", "HS256"}}, nil), token, "ok", "named beside another")
		ends(t, p.validator(Config{}, nil), token, string(AlgorithmNotAllowed), "not named")
		ends(t, p.validator(Config{Alg: "HS384"}, nil), token, string(AlgorithmNotAllowed), "another one named")
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
		newValidator(t, Config{Source: Source{URL: providerURL + "/jwks", Duration: &short}}, Deps{Keys: keys}, nil)
		time.Sleep(95 * time.Second)
		if n := p.fetches(); n < 10 || n > 13 {
			t.Errorf("%d fetches in 95 s, want one every 8 to 9 s", n)
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

package validator

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

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
			refusal := refusalOf(t, err)
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

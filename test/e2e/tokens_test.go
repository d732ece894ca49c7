package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestChaosTwoHundredBackendsStartCold: under load from the first moment, 200 backends with one credential make one token
// request, two that differ in the audience alone one each, and nobody gets another's.
func TestChaosTwoHundredBackendsStartCold(t *testing.T) {
	t.Parallel()
	const backends = 200
	var asked sync.Map // audience: how often
	issuer := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		audience := r.FormValue("audience")
		n, _ := asked.LoadOrStore(audience, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
		time.Sleep(700 * time.Millisecond) // everybody is there before the first answer
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"for-%s","expires_in":3600}`, audience)
	})
	host := upstream(t, echoAuthorization)
	var list []any
	for i := range backends + 2 {
		audience := "all"
		if i >= backends {
			audience = fmt.Sprintf("only-%d", i)
		}
		list = append(list, map[string]any{"endpoint": fmt.Sprintf("/%d", i), "backend": []any{map[string]any{"host": []string{host}, "url_pattern": "/",
			"extra_config": map[string]any{"auth/client-credentials": map[string]any{"token_url": issuer + "/token", "client_id": "me",
				"client_secret": "s", "audience": audience, "scopes": []string{"read", "write"}}}}}})
	}
	g := start(t, map[string]any{"timeout": "20s", "endpoints": list})
	var wg sync.WaitGroup
	for i := range 3 * (backends + 2) {
		path := i % (backends + 2)
		wg.Go(func() {
			want := "Bearer for-all"
			if path >= backends {
				want = fmt.Sprintf("Bearer for-only-%d", path)
			}
			if status, body, err := g.get(t.Context(), fmt.Sprintf("/%d", path), ""); err != nil || status != 200 || !strings.Contains(body, `"`+want+`"`) {
				t.Errorf("/%d: got %d %s %v, want the backend to see %s", path, status, body, err, want)
			}
		})
	}
	wg.Wait()
	asked.Range(func(audience, n any) bool {
		if n.(*atomic.Int64).Load() != 1 {
			t.Errorf("%d token requests for %s, want 1", n.(*atomic.Int64).Load(), audience)
		}
		return true
	})
}

// TestChaosExchangedTokensAreNobodyElses: many callers at once, a provider that takes its time, and a cache for fewer callers than
// there are: each has what was exchanged for himself.
func TestChaosExchangedTokensAreNobodyElses(t *testing.T) {
	t.Parallel()
	const callers = 30
	secret := []byte(strings.Repeat("k", 32))
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, fmt.Appendf(nil, `{"keys":[{"kty":"oct","kid":"1","alg":"HS256","k":"%s"}]}`, base64.RawURLEncoding.EncodeToString(secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	var exchanged atomic.Int64
	issuer := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		exchanged.Add(1)
		var claims struct{ Sub string }
		payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(r.FormValue("subject_token"), ".")[1])
		json.Unmarshal(payload, &claims)
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		w.Header().Set("Content-Type", "application/json")
		if claims.Sub == "caller-0" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"for-%s","expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}`, claims.Sub)
	})
	g := start(t, map[string]any{"timeout": "20s", "endpoints": []any{map[string]any{"endpoint": "/", "input_headers": []string{"Authorization"},
		"backend": []any{map[string]any{"host": []string{upstream(t, echoAuthorization)}, "url_pattern": "/", "extra_config": map[string]any{
			"auth/token-exchange": map[string]any{"token_url": issuer + "/token", "client_id": "me", "client_secret": "s", "max_callers": callers / 2}}}},
		"extra_config": map[string]any{"auth/validator": map[string]any{"alg": "HS256", "jwk_local_path": keys}}}}})
	var wg sync.WaitGroup
	for i := range 10 * callers {
		who := fmt.Sprintf("caller-%d", i%callers)
		token := signed(secret, fmt.Sprintf(`{"sub":%q,"exp":%d}`, who, time.Now().Add(time.Hour).Unix()))
		wg.Go(func() {
			status, body, err := g.get(t.Context(), "/", token)
			switch {
			case err != nil:
				t.Error(err)
			case who == "caller-0":
				if status != http.StatusForbidden || strings.Contains(body, "for-") {
					t.Errorf("%s, whose token is not taken: got %d %s, want 403", who, status, body)
				}
			case status != http.StatusOK || !strings.Contains(body, `"Bearer for-`+who+`"`):
				t.Errorf("%s: got %d %s %s", who, status, body, g.log)
			}
		})
	}
	wg.Wait()
	if exchanged.Load() < callers {
		t.Errorf("exchanged %d times, want once a caller at least", exchanged.Load())
	}
}

// echoAuthorization is a backend that tells what it was shown.
func echoAuthorization(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"authorization": r.Header["Authorization"]})
}

func signed(secret []byte, claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	text := enc([]byte(`{"alg":"HS256","kid":"1"}`)) + "." + enc([]byte(claims))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + enc(mac.Sum(nil))
}

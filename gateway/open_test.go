package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway"
)

const mutationSecret = "0123456789abcdef0123456789abcdef"

// guarded are files whose one endpoint /orders nobody passes without the right credentials.
func guarded(dir string) map[string]string {
	keys := filepath.Join(dir, "keys.json")
	const backend = `"backend": [{"host": ["http://127.0.0.1:1"], "url_pattern": "/"}]`
	return map[string]string{
		"4": `{"version": 4, "endpoints": [{"endpoint": "/orders", "extra_config": {"auth/validator": {"alg": "HS256", "jwk_local_path": "` + keys + `",
			"issuer": "https://id.test/", "audience": ["orders"], "roles": ["admin"], "scopes": ["write"], "max_token_age": "1h"}}, ` + backend + `}]}`,
		"4, of the service": `{"version": 4, "extra_config": {"auth/validator": {"alg": "HS256", "jwk_local_path": "` + keys + `", "issuer": "https://id.test/", "audience": ["orders"]}},
			"endpoints": [{"endpoint": "/orders", "extra_config": {"auth/validator": {"roles": ["admin"], "scopes": ["write"], "max_token_age": "1h"}}, ` + backend + `}]}`,
		"4, of a provider": `{"version": 4, "providers": {"main": {"issuer": "https://id.test/", "jwk_local_path": "` + keys + `", "algs": ["HS256"], "audience": ["orders"]}},
			"endpoints": [{"endpoint": "/orders", "extra_config": {"auth/validator": {"providers": ["main"], "roles": ["admin"], "scopes": ["write"], "max_token_age": "1h"}}, ` + backend + `}]}`,
		"3": `{"version": 3, "endpoints": [{"endpoint": "/orders", "extra_config": {"auth/validator": {"alg": "HS256", "jwk_local_path": "` + keys + `",
			"issuer": "https://id.test/", "audience": ["orders"], "roles": ["admin"], "scopes": ["write"], "max_token_age": "1h"}}, ` + backend + `}]}`,
		"2": `{"version": 2, "endpoints": [{"endpoint": "/orders", "extra_config": {"github.com/devopsfaith/krakend-jose/validator": {"alg": "HS256", "jwk_local_path": "` + keys + `",
			"issuer": "https://id.test/", "audience": ["orders"], "roles": ["admin"], "scopes": ["write"], "max_token_age": "1h"}}, ` + backend + `}]}`,
		"4, with API keys": `{"version": 4, "extra_config": {"auth/api-keys": {"hash": "plain", "keys": [{"key": "a-long-enough-key", "roles": ["admin"]}]}},
			"endpoints": [{"endpoint": "/orders", "extra_config": {"auth/api-keys": {"roles": ["admin"]}}, ` + backend + `}]}`,
		"4, with passwords": `{"version": 4, "extra_config": {"auth/basic": {"users": {"ann": "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}}},
			"endpoints": [{"endpoint": "/orders", "extra_config": {"auth/basic": {"realm": "orders"}}, ` + backend + `}]}`,
	}
}

// TestNoMistakeOpensADoor misspells, misplaces and mistypes everything that guards an endpoint, one thing at a time. Each
// file is refused, or whoever had no business there still has none.
func TestNoMistakeOpensADoor(t *testing.T) {
	dir := t.TempDir()
	set := fmt.Sprintf(`{"keys": [{"kty": "oct", "alg": "HS256", "k": %q}]}`, base64.RawURLEncoding.EncodeToString([]byte(mutationSecret)))
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	intruders := intruders()
	for name, text := range guarded(dir) {
		t.Run(name, func(t *testing.T) {
			if refused, open := visit([]byte(text), intruders); refused || open != "" {
				t.Fatalf("the file itself: refused %v, open to %s", refused, open)
			}
			tried, refusals := 0, 0
			for what, mutant := range mutants(t, text) {
				refused, open := visit(mutant, intruders)
				if open != "" {
					t.Errorf("%s: open to %s\n%s", what, open, mutant)
				}
				tried++
				if refused {
					refusals++
				}
			}
			t.Logf("%d files, %d of them refused", tried, refusals)
			if tried < 100 || refusals < tried/2 {
				t.Errorf("%d files, %d refused: want at least 100, and most refused", tried, refusals)
			}
		})
	}
}

// intruders are Authorization headers of those who have no business at /orders.
func intruders() map[string]string {
	now := time.Now().Unix()
	right := map[string]any{"iss": "https://id.test/", "aud": "orders", "roles": []string{"admin"}, "scope": "write", "iat": now, "exp": now + 600}
	but := func(key string, value any) string {
		claims := maps.Clone(right)
		if claims[key] = value; value == nil {
			delete(claims, key)
		}
		return "Bearer " + signHS(claims, mutationSecret)
	}
	return map[string]string{
		"nobody":                       "",
		"another issuer's token":       but("iss", "https://other.test/"),
		"another audience":             but("aud", "invoices"),
		"another role":                 but("roles", []string{"guest"}),
		"another scope":                but("scope", "read"),
		"an expired token":             but("exp", now-600),
		"an old token":                 but("iat", now-7200),
		"somebody else's signature":    "Bearer " + signHS(right, "another secret that is long enough"),
		"an unknown key":               "another-key",
		"a user with another password": "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:wrong")),
	}
}

func signHS(claims map[string]any, secret string) string {
	body, err := json.Marshal(claims)
	if err != nil {
		return ""
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// visit starts a file and lets the intruders try; open is the first of them that reached a backend.
func visit(data []byte, intruders map[string]string) (refused bool, open string) {
	shared := newShared(slog.New(slog.DiscardHandler))
	defer closeShared(shared)
	cfg, _, err := gateway.Parse("gateway.json", data, nil)
	if err != nil {
		_ = gateway.Further(cfg, shared, err) // whatever could be read: it does not panic
		return true, ""
	}
	g, err := gateway.New(cfg, shared)
	if err != nil {
		return true, ""
	}
	defer g.Close()
	for who, header := range intruders {
		r := httptest.NewRequest("GET", "/orders", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if !slices.Contains([]int{400, 401, 403, 404, 405}, w.Code) {
			return false, fmt.Sprintf("%s (%d)", who, w.Code)
		}
	}
	return false, ""
}

// mutants are all files that differ from this one by one mistake.
func mutants(t *testing.T, text string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	each(parse(t, text), nil, func(path []string, _ map[string]any, key string) {
		for _, wrong := range misspellings(key) {
			root := parse(t, text)
			at := find(root, path)
			at[wrong] = at[key]
			delete(at, key)
			out[strings.Join(append(path, key), ".")+" as "+wrong] = print(t, root)
		}
		if !guards(append(path, key)) {
			return
		}
		for _, value := range []any{nil, "", true, 7, map[string]any{}, []any{nil}, []any{""}, "x"} {
			root := parse(t, text)
			at := find(root, path)
			if _, block := at[key].(map[string]any); block && isEmptyObject(value) {
				continue // a block with nothing in it says so in plain words
			}
			at[key] = value
			out[fmt.Sprintf("%s = %v", strings.Join(append(path, key), "."), value)] = print(t, root)
		}
	})
	for what, mutant := range misplacements(t, text) {
		out[what] = mutant
	}
	return out
}

func isEmptyObject(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// guards reports whether a place is about who may pass.
func guards(path []string) bool {
	return slices.ContainsFunc(path, func(s string) bool {
		return strings.HasPrefix(s, "auth/") || strings.HasSuffix(s, "validator") || s == "providers"
	})
}

func misspellings(key string) []string {
	seen := map[string]bool{key: true}
	var list []string
	add := func(wrong string) {
		comment := wrong == "" || strings.ContainsAny(wrong[:1], "@$_#") || strings.HasPrefix(wrong, "//")
		if !seen[wrong] && !comment {
			seen[wrong] = true
			list = append(list, wrong)
		}
	}
	for i := range key {
		add(key[:i] + key[i+1:])
		add(key[:i] + key[i:i+1] + key[i:])
		if i > 0 {
			add(key[:i-1] + key[i:i+1] + key[i-1:i] + key[i+1:])
		}
	}
	for _, wrong := range []string{strings.ToUpper(key), strings.ToUpper(key[:1]) + key[1:], strings.ReplaceAll(key, "_", "-"), strings.ReplaceAll(key, "-", "_"),
		strings.ReplaceAll(key, "/", "."), key + "s", key + " ", "x-" + key, "my_" + key, key + "_key", strings.TrimPrefix(key, "auth/")} {
		add(wrong)
	}
	return list
}

// misplacements move each block of extra_config to where it has no meaning.
func misplacements(t *testing.T, text string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	targets := map[string]func(root map[string]any) map[string]any{
		"the backend's extra_config": func(root map[string]any) map[string]any {
			return under(find(root, []string{"endpoints", "0", "backend", "0"}), "extra_config")
		},
		"the backend": func(root map[string]any) map[string]any {
			return find(root, []string{"endpoints", "0", "backend", "0"})
		},
		"the endpoint": func(root map[string]any) map[string]any { return find(root, []string{"endpoints", "0"}) },
		"the endpoint's proxy": func(root map[string]any) map[string]any {
			return under(under(find(root, []string{"endpoints", "0"}), "extra_config"), "proxy")
		},
		"an object of its own": func(root map[string]any) map[string]any {
			return under(find(root, []string{"endpoints", "0"}), "security")
		},
		"the top":    func(root map[string]any) map[string]any { return root },
		"the router": func(root map[string]any) map[string]any { return under(under(root, "extra_config"), "router") },
	}
	each(parse(t, text), nil, func(path []string, _ map[string]any, key string) {
		if len(path) == 0 || path[len(path)-1] != "extra_config" {
			return
		}
		for where, target := range targets {
			root := parse(t, text)
			from := find(root, path)
			block := from[key]
			delete(from, key)
			target(root)[key] = block
			out[key+" in "+where] = print(t, root)
		}
	})
	return out
}

func under(m map[string]any, key string) map[string]any {
	inner, ok := m[key].(map[string]any)
	if !ok {
		inner = map[string]any{}
		m[key] = inner
	}
	return inner
}

// each calls f for every key of every object.
func each(v any, path []string, f func(path []string, object map[string]any, key string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			f(slices.Clone(path), v, key)
			each(inner, append(slices.Clone(path), key), f)
		}
	case []any:
		for i, inner := range v {
			each(inner, append(slices.Clone(path), fmt.Sprint(i)), f)
		}
	}
}

func find(root map[string]any, path []string) map[string]any {
	var at any = root
	for _, segment := range path {
		switch v := at.(type) {
		case map[string]any:
			at = v[segment]
		case []any:
			at = v[segment[0]-'0']
		}
	}
	object, _ := at.(map[string]any)
	return object
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var root map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		t.Fatal(err)
	}
	return root
}

func print(t *testing.T, root map[string]any) []byte {
	t.Helper()
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

package validator

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"gatehouse/internal/jose"
)

// benchValidator has its keys in a file and hands a few claims on, as a real endpoint does.
func benchValidator(b *testing.B, cache *Cache, issuers int, keys ...*jose.PrivateKey) *Validator {
	b.Helper()
	file := filepath.Join(b.TempDir(), "keys.json")
	if err := os.WriteFile(file, publicSet(b, keys...), 0o600); err != nil {
		b.Fatal(err)
	}
	registry := NewKeys(KeysConfig{})
	b.Cleanup(registry.Close)
	wants := &Wants{}
	for _, name := range []string{"sub", "roles", "https://example.com/tenant"} {
		wants.Add(ParseRef(name), Joined)
	}
	cfg := Config{Audience: []string{"api"}, Roles: []string{"user"}}
	deps := Deps{Keys: registry, Cache: cache, Providers: map[string]*Provider{}}
	if issuers == 1 {
		cfg.Source = Source{Issuer: providerURL, File: file}
		return newValidator(b, cfg, deps, wants)
	}
	for i := range issuers {
		name := fmt.Sprintf("%s/%d", providerURL, i)
		deps.Providers[name] = &Provider{Source: Source{Issuer: name, File: file}}
		cfg.Providers = append(cfg.Providers, name)
	}
	return newValidator(b, cfg, deps, wants)
}

// benchRequests are requests with different tokens of about 900 bytes.
func benchRequests(b *testing.B, k *jose.PrivateKey, n int, iss func(i int) string) []*http.Request {
	list := make([]*http.Request, n)
	for i := range list {
		list[i] = request(sign(b, k, map[string]any{"typ": "JWT"}, claims(map[string]any{
			"iss": iss(i), "sub": fmt.Sprintf("auth0|%024d", i), "roles": []string{"user", "admin"}, "azp": "a-client-of-some-length",
			"https://example.com/tenant": "a tenant", "scope": "openid profile email read:orders write:orders", "jti": fmt.Sprint("jti-", i),
		})))
	}
	return list
}

func oneIssuer(int) string { return providerURL }

func benchmark(b *testing.B, v *Validator, list []*http.Request) {
	b.Helper()
	ctx := context.Background()
	for _, r := range list {
		if _, err := v.Authenticate(ctx, r); err != nil {
			b.Fatal(err, refusalOf(b, err).Detail)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := v.Authenticate(ctx, list[i]); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(list) {
			i = 0
		}
	}
}

func BenchmarkRepeatedToken(b *testing.B) {
	k := key(b, jose.RS256, "k1")
	benchmark(b, benchValidator(b, NewCache(DefaultCacheSize), 1, k), benchRequests(b, k, 1, oneIssuer))
}

func BenchmarkRepeatedTokenOfAllProcessors(b *testing.B) {
	k := key(b, jose.RS256, "k1")
	v, list := benchValidator(b, NewCache(DefaultCacheSize), 1, k), benchRequests(b, k, 100, oneIssuer)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := v.Authenticate(context.Background(), list[i%len(list)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkTenThousandTokens(b *testing.B) {
	k := key(b, jose.RS256, "k1")
	benchmark(b, benchValidator(b, NewCache(DefaultCacheSize), 1, k), benchRequests(b, k, 10_000, oneIssuer))
}

func BenchmarkFirstSeenToken(b *testing.B) {
	for _, alg := range []jose.Alg{jose.RS256, jose.ES256, jose.EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			k := key(b, alg, "k1")
			v := benchValidator(b, nil, 1, k)
			if alg == jose.EdDSA {
				v.issuers[0].algs = []jose.Alg{alg}
			}
			benchmark(b, v, benchRequests(b, k, 100, oneIssuer))
		})
	}
}

func BenchmarkBareRSAVerification(b *testing.B) {
	k, err := rsa.GenerateKey(nil, 2048)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256([]byte("message"))
	sig, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkThousandIssuers(b *testing.B) {
	k := key(b, jose.RS256, "k1")
	many := func(i int) string { return fmt.Sprintf("%s/%d", providerURL, i) }
	for name, cache := range map[string]*Cache{"first seen": nil, "repeated": NewCache(DefaultCacheSize)} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, benchValidator(b, cache, 1000, k), benchRequests(b, k, 1000, many))
		})
	}
}

package validator

import (
	"testing"
	"testing/synctest"

	"gatehouse/internal/jose"
)

func TestATokenOfEachAlgorithmPasses(t *testing.T) {
	for _, alg := range jose.Algs() {
		k := key(t, alg, "k1")
		t.Run(string(alg), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, k)
				v := p.validator(Config{Alg: string(alg), Audience: []string{"api"}}, nil)
				if got := outcome(v, request(sign(t, k, nil, claims(nil)))); got != "ok" {
					t.Errorf("got %s, want ok", got)
				}
				if got := outcome(v, request(sign(t, key(t, alg, "other").WithID("k1"), nil, claims(nil)))); got != string(SignatureInvalid) {
					t.Errorf("got %s, want %s", got, SignatureInvalid)
				}
			})
		})
	}
}

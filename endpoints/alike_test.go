package endpoints

import (
	"log/slog"
	"testing"

	"gatehouse/backends"
	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
	"gatehouse/validator"
)

// TestEndpointsShareAValidator if they demand the same and hand on the same, and only then.
func TestEndpointsShareAValidator(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	keys := validator.NewKeys(validator.KeysConfig{Log: log})
	env := Env{Log: log, Alike: NewAlike(), Auth: validator.Deps{Keys: keys}, Hosts: backends.NewHosts(outbound.Options{}, log), Rules: &ProjectRules{}, Life: &keep.Life{}}
	make := func(block, pattern string) *Endpoint {
		t.Helper()
		var cfg Config
		text := `{"version": 4, "endpoint": "/a/{id}", "method": "GET", "output_encoding": "json", "backend": [{"encoding": "json", "method": "GET", "host": ["http://127.0.0.1:1"], "url_pattern": "` + pattern + `"}],
			"extra_config": {"auth/validator": {"alg": "RS256", "issuer": "https://example.com/", "jwk_url": "https://example.com/keys"` + block + `}}}`
		doc, err := conf.Parse("gateway.json", []byte(text))
		if err == nil {
			err = doc.Decode(&cfg, conf.Options{})
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(cfg, env)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		return e
	}
	one := make("", "/x")
	for _, row := range []struct {
		name, block, pattern string
		same                 bool
	}{
		{"the same", "", "/y", true},
		{"another role", `, "roles": ["admin"]`, "/x", false},
		{"another audience", `, "audience": ["a"]`, "/x", false},
		{"a claim in the path", "", "/x/{JWT.sub}", false},
		{"a claim in a header", `, "propagate_claims": [["sub", "X-User"]]`, "/x", false},
	} {
		if other := make(row.block, row.pattern); (other.validator == one.validator) != row.same || other.auth != validator.Authenticator(other.validator) {
			t.Errorf("%s: shared is %v, want %v", row.name, other.validator == one.validator, row.same)
		}
	}
}

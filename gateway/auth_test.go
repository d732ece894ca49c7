package gateway

import (
	"testing"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// TestSharedCacheDuration: the service's word holds for every endpoint that says nothing itself, in every version.
func TestSharedCacheDuration(t *testing.T) {
	shared, own := 300, 60
	for _, version := range []int{2, 3, 4} {
		cfg := Config{Version: version, Endpoints: []endpoints.Config{
			{Endpoint: "/shared", Extra: endpoints.Extra{Validator: &validator.Config{Alg: "RS256"}}},
			{Endpoint: "/own", Extra: endpoints.Extra{Validator: &validator.Config{Alg: "RS256", Source: validator.Source{Duration: &own}}}},
		}, Extra: Extra{Validator: &ServiceValidator{SharedCacheDuration: &shared}}}
		full := inherit(cfg, mannersOf(version))
		for i, want := range []int{shared, own} {
			if got := conf.Value(full[i].Extra.Validator.Duration, 0); got != want {
				t.Errorf("version %d, %s: got %d seconds, want %d", version, full[i].Endpoint, got, want)
			}
		}
		if cfg.Endpoints[0].Extra.Validator.Duration != nil {
			t.Error("what was written has been changed")
		}
	}
}

package gateway_test

import (
	"encoding/json"
	"os"
	"testing"

	"gatehouse/internal/gatewaytest"
)

// TestAFileOfFortyEndpoints plays a whole file of a KrakenD user: as it is, and as migrate writes it.
func TestAFileOfFortyEndpoints(t *testing.T) {
	t.Run("as it is", func(t *testing.T) {
		gatewaytest.Runner{Boot: boot, Check: check}.Pages(t, "testdata/forty/*.txtar")
	})
	t.Run("migrated", func(t *testing.T) {
		gatewaytest.Runner{Check: check, Boot: func(t testing.TB, s gatewaytest.Site) { s.JSON = migrated(t, s); boot(t, s) }}.Pages(t, "testdata/forty/*.txtar")
	})
	data, err := os.ReadFile("testdata/forty/krakend.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Endpoints []json.RawMessage }
	if err := json.Unmarshal(data, &file); err != nil || len(file.Endpoints) < 40 {
		t.Errorf("%d endpoints, want at least 40 (%v)", len(file.Endpoints), err)
	}
}

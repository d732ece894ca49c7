package tokens

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAnAssertionIsMadeOutToTheEndpointUnlessTheFileSaysOtherwise(t *testing.T) {
	g, err := (&Client{TokenURL: "https://issuer.test/token", ClientID: "me", ClientSecret: "s"}).compile()
	if err != nil || g.audience != "https://issuer.test/token" {
		t.Errorf("got %q, %v", g.audience, err)
	}
}

func TestSecretsTravelWithinThisMachineAsTheyAre(t *testing.T) {
	for _, loop := range []string{"http://127.0.0.1:1/t", "http://localhost/t", "http://[::1]:9/t", "https://a.test"} {
		if err := checkTokenURL(loop, false); err != nil {
			t.Errorf("%s: %v", loop, err)
		}
	}
}

func TestScopesInBothForms(t *testing.T) {
	for written, want := range map[string]string{
		`"a,b"`: "a b", `"a, b"`: "a b", `"a b"`: "a b", `""`: "", `" "`: "", `["a","b"]`: "a b", `[]`: "", `["a b"]`: "error", `[""]`: "error", `7`: "error", `"a\"b"`: "error",
	} {
		var s Scopes
		err := json.Unmarshal([]byte(written), &s)
		got := strings.Join(s, " ")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", written, got, want)
		}
	}
}

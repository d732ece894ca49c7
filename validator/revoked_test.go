package validator

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/jose"
)

func TestDenylists(t *testing.T) {
	now := fixedTime()
	soon, late := now.Add(time.Minute).Unix(), now.Add(-time.Minute).Unix()
	const token = `{"jti":"a-b-c","sub":"alice","sid":7,"https://x.com/tenant":"t","groups":["g1","g2"],"deep":{"er":"d"},"n":12345678901234567890,"null":null}`
	rows := []struct{ name, list, want string }{
		{"nothing", ``, ""},
		{"comments and empty lines", "# nothing\n\n", ""},
		{"KrakenD's spelling", "jti-a-b-c\n", "jti"},
		{"among others", "jti-x\nsub-bob\nsub-alice\r\n", "sub"},
		{"only a part of the value", "jti-a\nsub-ali", ""},
		{"more than the value", "jti-a-b-c-d", ""},
		{"another spelling of the claim", "JTI-a-b-c", ""},
		{"a number", "sid-7", "sid"},
		{"a large number", "n-12345678901234567890", "n"},
		{"a large number that a float would take for it", "n-12345678901234567891", ""},
		{"one of several values", "groups-g2", "groups"},
		{"a claim further down", "deep.er-d", "deep.er"},
		{"a claim of null", "null-null", ""},
		{"a claim with a slash", "https://x.com/tenant-t", "https://x.com/tenant"},
		{"until later", fmt.Sprintf("sub-alice %d", soon), "sub"},
		{"until earlier", fmt.Sprintf("sub-alice %d", late), ""},
		{"until a date", "sub-alice " + now.Add(time.Minute).Format(time.RFC3339), "sub"},
		{"until two times: the later", fmt.Sprintf("sub-alice %d\nsub-alice %d", soon, late), "sub"},
		{"JSON", `[{"claim":"sub","value":"alice"}]`, "sub"},
		{"JSON of KrakenD's spelling", `["sub-alice"]`, "sub"},
		{"JSON in an object", `{"revoked":[{"claim":"sid","value":7}]}`, "sid"},
		{"JSON, a string for a number", `[{"claim":"sid","value":"7"}]`, "sid"},
		{"JSON until later", fmt.Sprintf(`[{"claim":"sub","value":"alice","exp":%d}]`, soon), "sub"},
		{"JSON until earlier", fmt.Sprintf(`[{"claim":"sub","value":"alice","exp":%d}]`, late), ""},
		{"JSON, made lately", fmt.Sprintf(`[{"claim":"sub","value":"alice","at":%d}]`, late), "sub"},
		{"JSON, made long ago", fmt.Sprintf(`[{"claim":"sub","value":"alice","at":%d}]`, now.Add(-2*time.Hour).Unix()), ""},
		{"JSON, made long ago, until later", fmt.Sprintf(`[{"claim":"sub","value":"alice","at":1,"exp":%d}]`, soon), "sub"},
	}
	claims, err := parseObject([]byte(token))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		list, err := parseDenylist([]byte(row.list), nil, time.Hour)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if got := list.has(claims, momentOf(now)); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	for _, broken := range []string{"nodash", "jti-", "-x", "jti-a tomorrow", "[", `[1]`, `[{"claim":"sub"}]`, `[{"claim":"sub","value":null}]`, `[{"value":"x"}]`, `{"revoked":1}`, `{}`, `["nodash"]`,
		`[{"claim":"sub","value":"x","exp":"soon"}]`, "jti-" + strings.Repeat("x", 70_000)} {
		if list, err := parseDenylist([]byte(broken), nil, 0); err == nil {
			t.Errorf("%.40q: got %d entries, want a mistake", broken, len(list.marks))
		}
	}
	list, err := parseDenylist([]byte("x-id-7"), []string{"jti", "x-id"}, 0)
	if err != nil || list.marks[mark{"x-id", "7"}] == 0 {
		t.Errorf("a claim with a dash: got %v %v", list, err)
	}
}

func TestARevokedTokenIsRefused(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	path := writeFile(t, "denied", []byte("# nobody\n"))
	synctest.Test(t, func(t *testing.T) {
		var told logged
		p := newProvider(t, k)
		revoked, err := NewRevoked(RevokerConfig{File: path}, KeysConfig{Log: told.logger()})
		if err != nil {
			t.Fatal(err)
		}
		revoked.Start()
		t.Cleanup(revoked.Close)
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20), Revoked: revoked}, nil)
		alice, bob := sign(t, k, nil, claims(nil)), sign(t, k, nil, claims(map[string]any{"sub": "bob"}))
		ends(t, v, alice, "ok", "at first")
		ends(t, v, bob, "ok", "at first")
		write := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(31 * time.Second)
		}
		write("sub-alice")
		ends(t, v, alice, string(TokenRevoked), "once on the list, with its verdict in the cache")
		ends(t, v, bob, "ok", "not on the list")
		write("sub-")
		ends(t, v, alice, string(TokenRevoked), "while the list is broken")
		if !strings.Contains(told.String(), "the one before stays in force") {
			t.Errorf("log %s", told.String())
		}
		write(fmt.Sprintf("sub-bob %d", time.Now().Unix()+100))
		ends(t, v, alice, "ok", "off the list")
		ends(t, v, bob, string(TokenRevoked), "on the list for a while")
		time.Sleep(100 * time.Second)
		ends(t, v, bob, "ok", "after that while")
	})
}

func TestADenylistFromAnAddress(t *testing.T) {
	k := key(t, jose.ES256, "k1")
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, k)
		var list = `["sub-alice"]`
		var down atomic.Bool
		down.Store(true)
		serve := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch {
			case r.URL.Path == "/jwks":
				w.Write(publicSet(t, k))
			case down.Load():
				w.WriteHeader(500)
			default:
				w.Write([]byte(list))
			}
		}
		p.do(serve)
		revoked, err := NewRevoked(RevokerConfig{URL: providerURL + "/denied"}, KeysConfig{Dial: p.net.dial})
		if err != nil {
			t.Fatal(err)
		}
		v := newValidator(t, Config{Source: Source{URL: providerURL + "/jwks"}}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20), Revoked: revoked}, nil)
		revoked.Start()
		t.Cleanup(revoked.Close)
		alice, bob := sign(t, k, nil, claims(map[string]any{"exp": time.Now().Unix() + 200_000})), sign(t, k, nil, claims(map[string]any{"sub": "bob"}))
		ends(t, v, alice, string(RevocationUnavailable), "while the list has not come")
		ends(t, v, sign(t, k, nil, claims(map[string]any{"exp": 1})), string(TokenExpired), "what can be judged without the list")
		select {
		case <-revoked.Ready():
			t.Error("ready without a list")
		default:
		}
		down.Store(false)
		<-revoked.Ready()
		ends(t, v, alice, string(TokenRevoked), "once it has come")
		ends(t, v, bob, "ok", "not on it")
		down.Store(true)
		time.Sleep(24 * time.Hour)
		ends(t, v, alice, string(TokenRevoked), "while the list cannot be fetched")
		ends(t, v, sign(t, k, nil, claims(map[string]any{"sub": "bob"})), "ok", "while the list cannot be fetched")
	})
}

func TestRevokersThatCannotBe(t *testing.T) {
	rows := []struct {
		name string
		cfg  RevokerConfig
		want string
	}{
		{"both", RevokerConfig{File: "a", URL: "https://b"}, "file: stands beside url; want one or the other"},
		{"no such file", RevokerConfig{File: "/nowhere"}, "file: no such file or directory"},
		{"no TLS", RevokerConfig{URL: "http://list.example/"}, "url: keys fetched over http can be replaced by whoever is on the way; want https, or dangerously_allow_http"},
		{"too often", RevokerConfig{File: "a", Poll: duration(time.Millisecond)}, "poll_interval: want at least 1s"},
		{"broken", RevokerConfig{File: writeFile(t, "list", []byte("x"))}, "file: line 1: want claim-value, such as jti-3f2c"},
	}
	for _, row := range rows {
		_, err := NewRevoked(row.cfg, KeysConfig{})
		if got := messages(err); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	port := 1234
	krakend := RevokerConfig{Port: &port, TokenKeys: []string{"jti"}}
	if _, err := NewRevoked(krakend, KeysConfig{}); err != nil {
		t.Errorf("KrakenD's own: %v", err)
	}
	if got := messages(krakend.Warnings()); !strings.Contains(got, "nothing is ever revoked") || !strings.Contains(got, "port: is not opened") {
		t.Errorf("warnings %s", got)
	}
}

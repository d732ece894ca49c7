package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/gatewaytest"
)

// TestEveryAttackOverHTTP sends the attacks of gatewaytest, one connection each, to a gateway that serves on a socket. Each
// ends as security.md says: with its status, a challenge and a body that tells nothing, within a second, and without a
// word to the backend, which does hear of the tokens that may pass, before and after. Lines 1 to 10, 12 to 15, 22.
func TestEveryAttackOverHTTP(t *testing.T) {
	for name, guard := range map[string]string{
		"version 4": `"version": 4, "endpoints": [{"endpoint": "/orders", "extra_config": {"auth/validator": {`,
		"version 3": `"version": 3, "endpoints": [{"endpoint": "/orders", "method": "GET", "extra_config": {"auth/validator": {"require_bearer": true, "require_exp": true, "audience_match": "any", "algs": ["RS256", "ES256"], "disable_jwk_security": true, `,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFort(t, guard)
			for _, a := range f.armoury.Attacks() {
				f.attack(a, strings.Contains(guard, `"version": 4`))
			}
			if n := f.backend.Asked(); n != 0 {
				t.Errorf("the backend was asked %d times, want none", n)
			}
			f.lets()
			if n := f.backend.Asked(); n != len(f.armoury.Good()) {
				t.Errorf("the backend was asked %d times for good tokens, want %d", n, len(f.armoury.Good()))
			}
			f.keepsSecrets(f.log.String(), "the log")
			for _, a := range f.armoury.Attacks() {
				for _, part := range parts(&a) {
					if strings.Contains(f.log.String(), part) {
						t.Errorf("%s: %q of the token is in the log", a.Name, part)
					}
				}
			}
		})
	}
}

// fort is a gateway under attack.
type fort struct {
	t       *testing.T
	armoury *gatewaytest.Armoury
	address string
	backend *gatewaytest.Upstream
	keys    *gatewaytest.Upstream
	log     *synced
	secrets []string // what nobody may be told
}

func startFort(t *testing.T, guard string) *fort {
	t.Helper()
	f := &fort{t: t, log: &synced{}, armoury: gatewaytest.NewArmoury(t, "https://id.test")}
	f.keys = gatewaytest.StartUpstream(t, "keys", "GET /jwks\n  Content-Type: application/json\n\n  "+string(f.armoury.Keys()))
	f.backend = gatewaytest.StartUpstream(t, "orders", "* /orders*\n\n  {}")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	config := `{` + guard + fmt.Sprintf(`"issuer": "https://id.test", "jwk_url": "%s/jwks", "audience": ["api", "other-api"], "roles": ["user"], "scopes": ["read"], "propagate_claims": [["tenant", "X-Tenant"]]}},
		"backend": [{"host": ["%s"], "url_pattern": "/orders"}]}]}`, f.keys.URL(), f.backend.URL())
	boot(t, gatewaytest.Site{File: "gateway.json", JSON: []byte(config), Listener: l, Log: f.log})
	var set struct{ Keys []struct{ N, X string } }
	if err := json.Unmarshal(f.armoury.Keys(), &set); err != nil {
		t.Fatal(err)
	}
	f.secrets = []string{strings.TrimPrefix(f.keys.URL(), "http://"), strings.TrimPrefix(f.backend.URL(), "http://")}
	for _, k := range set.Keys {
		f.secrets = append(f.secrets, k.N+k.X)
	}
	return f
}

// synced is what is logged.
type synced struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *synced) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *synced) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// send writes a request as it stands and reads the whole answer.
func (f *fort) send(raw string) (res *http.Response, all string, took time.Duration) {
	f.t.Helper()
	began := time.Now()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		f.t.Fatalf("the gateway is gone: %v", err)
	}
	defer c.Close()
	c.SetDeadline(began.Add(10 * time.Second))
	go io.WriteString(c, raw)
	var seen bytes.Buffer
	res, err = http.ReadResponse(bufio.NewReader(io.TeeReader(c, &seen)), nil)
	if err != nil {
		return nil, seen.String(), time.Since(began)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, seen.String(), time.Since(began)
}

// raw is an attack as it goes over the wire.
func raw(a *gatewaytest.Attack) string {
	target := "/orders"
	if a.Query != "" {
		target += "?" + a.Query
	}
	fields := a.Fields
	if a.Form != "" {
		fields = append(slices.Clone(fields), gatewaytest.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"},
			gatewaytest.Field{Name: "Content-Length", Value: fmt.Sprint(len(a.Form))})
	}
	var b strings.Builder
	b.WriteString("GET " + target + " HTTP/1.1\r\nHost: shop.test\r\n")
	for _, field := range fields {
		b.WriteString(field.Name + ": " + field.Value + "\r\n")
	}
	return b.String() + "\r\n" + a.Form
}

// parts are what a token consists of, as far as it cannot be there by chance.
func parts(a *gatewaytest.Attack) (list []string) {
	for _, field := range a.Fields {
		for _, part := range strings.FieldsFunc(field.Value, func(r rune) bool { return strings.ContainsRune(". =,;\"", r) }) {
			if len(part) > 16 {
				list = append(list, part)
			}
		}
	}
	return list
}

func (f *fort) attack(a gatewaytest.Attack, told bool) {
	f.t.Helper()
	name := fmt.Sprintf("line %d, %s", a.Line, a.Name)
	res, all, took := f.send(raw(&a))
	for range 2 { // a busy machine is no slow gateway
		if took > time.Second {
			res, all, took = f.send(raw(&a))
		}
	}
	switch {
	case res == nil:
		f.t.Errorf("%s: no answer", name)
		return
	case took > time.Second:
		f.t.Errorf("%s: answered after %s", name, took)
	case !slices.Contains(a.Status, res.StatusCode):
		f.t.Errorf("%s: got %d, want %v: %.200s", name, res.StatusCode, a.Status, all)
	}
	f.keepsSecrets(all, name)
	for _, part := range parts(&a) {
		if strings.Contains(all, part) {
			f.t.Errorf("%s: %q of the token is in the answer", name, part)
		}
	}
	if a.Broken && res.StatusCode == http.StatusBadRequest {
		return
	}
	if challenge := res.Header["Www-Authenticate"]; len(challenge) != 1 || !strings.HasPrefix(challenge[0], `Bearer realm="gatehouse"`) {
		f.t.Errorf("%s: challenge %q", name, challenge)
	}
	if told {
		f.explains(res, name)
	}
}

// explains looks at a body of version 4: a code, something to do, and nothing more.
func (f *fort) explains(res *http.Response, name string) {
	var body map[string]string
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body["error"] == "" || body["error_description"] == "" || body["request_id"] == "" || len(body) != 3 {
		f.t.Errorf("%s: body %v (%v)", name, body, err)
	}
}

func (f *fort) keepsSecrets(text, where string) {
	for _, secret := range f.secrets[2:] {
		if strings.Contains(text, secret) {
			f.t.Errorf("%s: a key is in %s", where, text)
		}
	}
	if where == "the log" {
		return // operators may know where their keys are
	}
	for _, secret := range f.secrets[:2] {
		if strings.Contains(text, secret) {
			f.t.Errorf("%s: %q is in %s", where, secret, text)
		}
	}
}

// lets sees the good tokens pass.
func (f *fort) lets() {
	for i, token := range f.armoury.Good() {
		res, all, _ := f.send("GET /orders HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer " + token + "\r\n\r\n")
		if res == nil || res.StatusCode != 200 {
			f.t.Errorf("good token %d: %.200s", i, all)
		}
	}
}

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/cli"
	"gatehouse/internal/gatewaytest"
	"gatehouse/validator"
)

// TestEveryReasonCanBeUnderstood refuses a client for each reason that there is, with the program itself, and holds what
// the log says of it, and what explain says where a token is to be explained, against testdata/refusals.txt: somebody who
// has never seen the code must be able to understand it from there. -update writes it anew.
func TestEveryReasonCanBeUnderstood(t *testing.T) {
	s := newScene(t)
	var b strings.Builder
	for _, run := range []struct {
		revoker string
		clients []refused
	}{{fmt.Sprintf(`"file": %q`, s.write("revoked.json", `["jti-gone"]`)), s.clients()}, {`"url": "http://127.0.0.1:1/revoked"`, s.early()}} {
		s.serve(run.revoker, func(address string) {
			for _, r := range run.clients {
				b.WriteString("== " + string(r.reason) + "\n" + s.logged(address, r))
				if r.header == nil {
					b.WriteString(s.explained(r))
				}
				b.WriteString("\n")
			}
		})
	}
	got := s.plain(b.String())
	for _, r := range validator.Reasons() {
		if !strings.Contains(got, "== "+string(r)+"\n") {
			t.Errorf("%s: nobody is refused for it here", r)
		}
	}
	const golden = "testdata/refusals.txt"
	if flag.Lookup("update").Value.String() == "true" { // gatewaytest has it
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		have := strings.Split(string(want), "\n")
		for i, line := range strings.Split(got, "\n") {
			if i >= len(have) || line != have[i] {
				t.Errorf("line %d: got\n%s", i+1, line)
			}
		}
	}
}

// refused is a client, and why it must be refused.
type refused struct {
	reason validator.Reason
	path   string
	token  string      // after Bearer
	header http.Header // or all that is sent
	crowd  int         // so many at once
}

// scene is a program that serves, and a provider whose tokens it takes.
type scene struct {
	t       *testing.T
	dir     string
	keys    *gatewaytest.KeyServer
	backend *gatewaytest.Upstream
	file    string
	out     *printed
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return &scene{t: t, dir: t.TempDir(), keys: gatewaytest.StartKeys(t), backend: gatewaytest.StartUpstream(t, "u", "GET /*\n\n  {}\n")}
}

func (s *scene) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// serve runs the program while do asks it.
func (s *scene) serve(revoker string, do func(address string)) {
	s.t.Helper()
	base := fmt.Sprintf(`"issuer": %q, "jwk_url": %q`, s.keys.Issuer(), s.keys.JWKS())
	guard := func(path, target, more string) string {
		return fmt.Sprintf(`{"endpoint": %q, "backend": [{"url_pattern": %q}], "extra_config": {"auth/validator": {%s}}}`, path, target, more)
	}
	s.file = s.write("gateway.json", fmt.Sprintf(`{"version": 4, "host": [%q], "extra_config": {"auth/revoker": {%s}}, "endpoints": [%s]}`, s.backend.URL(), revoker, strings.Join([]string{
		guard("/shop", "/x", base+`, "audience": ["shop"], "roles": ["user"], "roles_key": "realm_access.roles", "scopes": ["read", "write"], "scopes_matcher": "all", "propagate_claims": [["name", "X-Name"]]`),
		guard("/fresh", "/x", base+`, "max_token_age": "10m"`),
		guard("/me", "/u/{JWT.sub}", base),
		guard("/away", "/x", `"jwk_url": "http://127.0.0.1:1/jwks"`),
		`{"endpoint": "/keys", "backend": [{"url_pattern": "/x"}], "extra_config": {"auth/api-keys": {"identifier": "X-Key", "roles": ["admin"], "hash": "plain", "keys": [{"name": "till-3", "key": "a-key-of-a-till", "roles": ["till"]}]}}}`,
		`{"endpoint": "/users", "timeout": "1s", "backend": [{"url_pattern": "/x"}], "extra_config": {"auth/basic": {"users": {"ann": "$2y$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}}}}`,
	}, ", ")))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	ctx, stop := context.WithCancel(context.Background())
	s.out = &printed{}
	done := make(chan int, 1)
	var errOut bytes.Buffer
	go func() { done <- cli.Run(ctx, []string{"run", "-c", s.file, "-p", port}, nil, s.out, &errOut) }()
	get(s.t, "http://127.0.0.1:"+port+"/livez")
	do("127.0.0.1:" + port)
	stop()
	if code := <-done; code != 0 {
		s.t.Errorf("got code %d and %s", code, errOut.String())
	}
}

// clients are refused, one for each reason, by a program whose deny-list is there.
func (s *scene) clients() []refused {
	good := `"aud": "shop", "realm_access": {"roles": ["user"]}, "scope": "read write", "name": "Ann", "sub": "ann"`
	signed := func(claims string) string { return s.keys.Sign(gatewaytest.Token{Claims: "{" + claims + "}"}) }
	headed := func(header string) string {
		return s.keys.Sign(gatewaytest.Token{Header: header, Claims: "{" + good + "}"})
	}
	exactly := func(claims string) string {
		return s.keys.Sign(gatewaytest.Token{Claims: strings.ReplaceAll(claims, "ISS", s.keys.Issuer()), Exactly: true})
	}
	with := func(name string, values ...string) http.Header { return http.Header{name: values} }
	token := signed(good)
	now := time.Now().Unix()
	return []refused{
		{reason: validator.TokenMissing, path: "/shop"},
		{reason: validator.SchemeWrong, path: "/shop", header: with("Authorization", "Basic eDp5")},
		{reason: validator.AuthorizationMalformed, path: "/shop", header: with("Authorization", "Bearer "+token, "Bearer "+token)},
		{reason: validator.CookieMalformed, path: "/shop", header: with("Cookie", "access_token="+token+"; access_token="+token)},
		{reason: validator.TokenTooLong, path: "/shop", token: strings.Repeat("a", 17000)},
		{reason: validator.TokenMalformed, path: "/shop", token: token[:strings.LastIndexByte(token, '.')]},
		{reason: validator.TokenEncrypted, path: "/shop", token: "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA"},
		{reason: validator.HeaderMalformed, path: "/shop", token: headed(`{"alg":"RS256","kid":"rs256-1","kid":"rs256-1"}`)},
		{reason: validator.HeaderUnsupported, path: "/shop", token: headed(`{"alg":"RS256","kid":"rs256-1","typ":"logout+jwt"}`)},
		{reason: validator.AlgorithmNotAllowed, path: "/shop", token: s.keys.Sign(gatewaytest.Token{Alg: "HS256", Secret: strings.Repeat("s", 32), Claims: "{" + good + "}"})},
		{reason: validator.ClaimsMalformed, path: "/shop", token: exactly(`{"sub":"ann","sub":"bob"}`)},
		{reason: validator.IssuerWrong, path: "/shop", token: signed(good + `, "iss": "https://id.example/"`)},
		{reason: validator.KeyUnknown, path: "/shop", token: s.keys.Sign(gatewaytest.Token{Kid: "a-key-of-last-year", Claims: "{" + good + "}"})},
		{reason: validator.SignatureInvalid, path: "/shop", token: s.keys.Sign(gatewaytest.Token{Signature: "broken", Claims: "{" + good + "}"})},
		{reason: validator.AudienceWrong, path: "/shop", token: signed(strings.Replace(good, `"shop"`, `["bank", "post"]`, 1))},
		{reason: validator.TimeMalformed, path: "/shop", token: signed(good + `, "nbf": "tomorrow"`)},
		{reason: validator.ExpiryMissing, path: "/shop", token: exactly(`{"iss":"ISS",` + good + `}`)},
		{reason: validator.TokenExpired, path: "/shop", token: signed(good + fmt.Sprintf(`, "exp": %d`, now-3600))},
		{reason: validator.TokenNotYetValid, path: "/shop", token: signed(good + fmt.Sprintf(`, "nbf": %d`, now+3600))},
		{reason: validator.TokenTooOld, path: "/fresh", token: signed(good + fmt.Sprintf(`, "iat": %d`, now-3600))},
		{reason: validator.TokenRevoked, path: "/shop", token: signed(good + `, "jti": "gone"`)},
		{reason: validator.RoleMissing, path: "/shop", token: signed(strings.Replace(good, `["user"]`, `["guest"]`, 1))},
		{reason: validator.ScopeMissing, path: "/shop", token: signed(strings.Replace(good, "read write", "read", 1))},
		{reason: validator.ClaimUnfit, path: "/shop", token: signed(strings.Replace(good, `"Ann"`, `"Ann\n"`, 1))},
		{reason: validator.ClaimUnfit, path: "/me", token: signed(strings.Replace(good, `"ann"`, `"../admin"`, 1))},
		{reason: claimMissing, path: "/me", token: signed("")},
		{reason: validator.KeysUnavailable, path: "/away", token: token},
		{reason: validator.APIKeyMissing, path: "/keys", header: with("X-Other", "x")},
		{reason: validator.APIKeyMalformed, path: "/keys", header: with("X-Key", "a", "b")},
		{reason: validator.APIKeyUnknown, path: "/keys", header: with("X-Key", "some-other-key")},
		{reason: validator.RoleMissing, path: "/keys", header: with("X-Key", "a-key-of-a-till")},
		{reason: validator.CredentialsMissing, path: "/users", header: with("X-Other", "x")},
		{reason: validator.CredentialsMalformed, path: "/users", header: with("Authorization", "Basic !")},
		{reason: validator.CredentialsWrong, path: "/users", header: with("Authorization", "Basic Ym9iOmJvYg==")},
		{reason: validator.CredentialsBusy, path: "/users", header: with("Authorization", "Basic Ym9iOmJvYg=="), crowd: 30},
	}
}

// claimMissing is no reason of a validator: the token is good, and a backend's url_pattern wants more of it.
const claimMissing validator.Reason = "claim_missing"

// early are refused while the deny-list has not come yet.
func (s *scene) early() []refused {
	return []refused{{reason: validator.RevocationUnavailable, path: "/fresh", token: s.keys.Sign(gatewaytest.Token{Claims: "{}"})}}
}

// logged asks the program and returns what its log says.
func (s *scene) logged(address string, r refused) string {
	s.t.Helper()
	var crowd sync.WaitGroup
	for range max(r.crowd, 1) {
		crowd.Go(func() { s.ask(address, r) })
	}
	crowd.Wait()
	line := s.out.line(`"path":"`+r.path+`"`, `"reason":"`+string(r.reason)+`"`)
	if line == "" {
		s.t.Errorf("%s: no line in the log:\n%s", r.reason, s.out)
	}
	return line
}

func (s *scene) ask(address string, r refused) {
	req, err := http.NewRequest("GET", "http://"+address+r.path, nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	if r.header != nil {
		req.Header = r.header
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer res.Body.Close()
	var told struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil || r.crowd == 0 && told.Error != string(r.reason) || told.Description == "" || (len(res.Header["Www-Authenticate"]) == 1) == (r.reason == claimMissing) {
		s.t.Errorf("%s at %s: told %+v (%v), challenge %q", r.reason, r.path, told, err, res.Header["Www-Authenticate"])
	}
}

// explained is what explain says of the token.
func (s *scene) explained(r refused) string {
	s.t.Helper()
	code, out, errOut := run(s.t, "explain", "-c", s.file, "--endpoint", "GET "+r.path, "--token", r.token)
	if code != 1 || !strings.Contains(out, "refused: "+string(r.reason)) {
		s.t.Errorf("%s: explain ends with %d and says\n%s%s", r.reason, code, out, errOut)
	}
	return out
}

// plain takes out what is another one each time: addresses, moments, and how long things took.
func (s *scene) plain(text string) string {
	text = strings.NewReplacer(s.keys.JWKS(), "https://id.test/jwks", s.keys.Issuer(), "https://id.test").Replace(text)
	for _, swap := range [][2]string{
		{`\{"time":"[^"]*",`, "{"}, {`"request_id":"[^"]*",`, ""}, {`,"bytes":\d+`, ""}, {`,"client":"[^"]*"`, ""}, {`,"(?:auth_)?ms":[0-9.]+`, ""},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "2026-01-02T03:04:05Z"}, {`(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?m?s ago`, "3s ago"}, {`in (?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?m?s \(`, "in 3s ("},
		{` {2,}`, "  "}, {`(access_token  )\d+ bytes`, "${1}600 bytes"}, {`no more than \d+ passwords`, "no more than 1 passwords"},
	} {
		text = regexp.MustCompile(swap[0]).ReplaceAllString(text, swap[1])
	}
	return text
}

// printed is what a program has printed.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *printed) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(data)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// line waits for the line that has all of these.
func (p *printed) line(parts ...string) string {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) { // the log has a writer of its own, who tells nobody
		for line := range strings.Lines(p.String()) {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				return line
			}
		}
	}
	return ""
}

package backends

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/backends/keep"
	"gatehouse/backends/tokens"
	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
	"gatehouse/internal/outbound"
)

const soon = 2 * time.Second

func wantSaid(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func with(n int) string { return fmt.Sprintf(`200 {"auth":"Bearer t%d","body":""}`, n) }

func TestTwoHundredBackendsWithOneCredentialAskForOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, took := range []time.Duration{0, 300 * time.Millisecond, 4 * time.Second} {
			i := newIssuer(t)
			i.says(func(n int, w http.ResponseWriter, r *http.Request) {
				time.Sleep(took)
				living("3600")(n, w, r)
			})
			var wg sync.WaitGroup
			for range 200 {
				ask := i.asking(tokens.Client{})
				for range 5 {
					wg.Go(func() { wantSaid(t, ask(took+soon), with(1)) })
				}
			}
			wg.Wait()
			if n := i.count(); n != 1 {
				t.Errorf("an endpoint that takes %v: got %d token requests, want 1", took, n)
			}
		}
	})
}

func TestCredentialsThatDifferAnywhereHaveTokensOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		for n, c := range []tokens.Client{
			{},
			{ClientID: "other"},
			{ClientSecret: "other"},
			{TokenURL: "http://issuer.test/other"},
			{Scopes: tokens.Scopes{"a"}},
			{Scopes: tokens.Scopes{"a", "b"}},
			{Audience: tokens.Several{"a"}},
			{Resource: tokens.Several{"a"}},
			{AuthStyle: "post"},
			{RequestFormat: "json"},
			{EndpointParams: map[string]tokens.Several{"x": {"a"}}},
			{EndpointParams: map[string]tokens.Several{"x": {"a", "b"}}},
			{EndpointParams: map[string]tokens.Several{"x": {`a" "b`}}},
		} {
			wantSaid(t, i.asking(c)(soon), with(n+1))
			wantSaid(t, i.asking(c)(soon), with(n+1))
		}
	})
}

func TestATokenIsRenewedAheadOfItsEndWithoutAnybodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(func(n int, w http.ResponseWriter, r *http.Request) {
			time.Sleep(700 * time.Millisecond)
			living("100")(n, w, r)
		})
		ask := i.asking(tokens.Client{})
		began := time.Now()
		for range 1000 { // 10 lives
			before := time.Now()
			if got := ask(soon); !strings.HasPrefix(got, "200 ") {
				t.Fatal(got)
			}
			if i.count() > 1 && time.Since(before) > 0 {
				t.Fatalf("a caller waited %v", time.Since(before))
			}
			time.Sleep(time.Second)
		}
		if n := i.count(); n < 12 || n > 14 {
			t.Errorf("got %d token requests in %v, want one every 78 to 82 seconds", n, time.Since(began))
		}
		time.Sleep(time.Hour)
		if n := i.count(); n > 15 {
			t.Errorf("got %d token requests, want none for a token that nobody uses", n)
		}
	})
}

func TestALivingTokenServesOnWhileItsRenewalFails(t *testing.T) {
	for name, fault := range map[string]func(int, http.ResponseWriter, *http.Request){"500": failing(500, "x"), "hang": hanging} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				i.says(living("600"))
				ask := i.asking(tokens.Client{})
				wantSaid(t, ask(soon), with(1))
				i.says(fault)
				for range 599 {
					before := time.Now()
					wantSaid(t, ask(soon), with(1))
					if waited := time.Since(before); waited > 0 {
						t.Fatalf("a caller waited %v", waited)
					}
					time.Sleep(time.Second)
				}
				i.says(living("600"))
				time.Sleep(time.Second)
				wantSaid(t, ask(soon), with(i.count()))
			})
		})
	}
}

func TestAHungEndpointCostsCallersNoMoreThanTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(hanging)
		ask := i.asking(tokens.Client{})
		deadline := time.Now().Add(5 * time.Minute)
		var wg sync.WaitGroup
		for time.Now().Before(deadline) {
			wg.Go(func() {
				before := time.Now()
				got := ask(soon)
				if !strings.HasPrefix(got, "error: upstream_auth_failed") && time.Now().Before(deadline) {
					t.Error(got)
				}
				if waited := time.Since(before); waited > soon {
					t.Errorf("waited %v", waited)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		if n := i.count(); n > 301 {
			t.Errorf("got %d token requests in 300 s, want at most one a second", n)
		}
		stuck := i.count()
		i.says(func(n int, w http.ResponseWriter, r *http.Request) { living("3600")(n, w, r) })
		time.Sleep(time.Second)
		before := time.Now()
		if got := ask(soon); !strings.HasPrefix(got, "200 ") {
			t.Errorf("a second after it answers again: %s (%d requests hung)", got, stuck)
		}
		if waited := time.Since(before); waited > 0 {
			t.Errorf("waited %v", waited)
		}
		wg.Wait()
	})
}

func TestAFailingEndpointIsAskedOnceASecond(t *testing.T) {
	for name, style := range map[string]string{"known style": "post", "unknown style": "auto"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				i.says(failing(401, "invalid_client"))
				ask := i.asking(tokens.Client{AuthStyle: style})
				for range 1000 {
					got := ask(soon)
					if !strings.HasPrefix(got, "error: upstream_auth_failed") || strings.Contains(got, "s3cr3t") || !strings.Contains(got, "invalid_client") {
						t.Fatal(got)
					}
					time.Sleep(10 * time.Millisecond)
				}
				if n := i.count(); n > 12 {
					t.Errorf("got %d token requests in 10 s, want one a second", n)
				}
				i.says(nil)
				time.Sleep(time.Second)
				wantSaid(t, ask(soon), with(i.count()))
			})
		})
	}
}

func TestTheOtherStyleIsTriedAfter400And401Only(t *testing.T) {
	for _, c := range []struct {
		name    string
		style   string
		answers []int // to basic; post gets a token
		want    int   // token requests of the first call
		ok      bool
	}{
		{"basic works", "auto", []int{200}, 1, true},
		{"basic is answered with 401", "auto", []int{401}, 2, true},
		{"basic is answered with 400", "auto", []int{400}, 2, true},
		{"basic is answered with 500", "auto", []int{500}, 1, false},
		{"basic is answered with 403", "auto", []int{403}, 1, false},
		{"basic is what the file says", "basic", []int{401}, 1, false},
		{"post is what the file says", "post", []int{401}, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				i.says(func(n int, w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") != "" && c.answers[0] != 200 {
						failing(c.answers[0], "invalid_client")(n, w, r)
						return
					}
					living("10")(n, w, r)
				})
				ask := i.asking(tokens.Client{AuthStyle: c.style})
				got := ask(soon)
				if strings.HasPrefix(got, "200 ") != c.ok || i.count() != c.want {
					t.Errorf("got %s after %d requests, want %d", got, i.count(), c.want)
				}
				if !c.ok {
					return
				}
				time.Sleep(time.Minute)
				before := i.count()
				ask(soon)
				if n := i.count() - before; n != 1 {
					t.Errorf("got %d token requests the second time, want the style that worked", n)
				}
			})
		})
	}
}

func TestTokenRequests(t *testing.T) {
	odd := tokens.Client{ClientID: "m e:é", ClientSecret: "a:b %+&/", Scopes: tokens.Scopes{"x", "y:z"}, Audience: tokens.Several{"https://a/"}, Resource: tokens.Several{"https://r/1", "https://r/2"},
		EndpointParams: map[string]tokens.Several{"z": {"1", "2"}, "a": {"&="}}}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("m+e%3A%C3%A9:a%3Ab+%25%2B%26%2F"))
	style := func(s, format string) tokens.Client {
		c := odd
		c.AuthStyle, c.RequestFormat = s, format
		return c
	}
	const params = "scope=x+y%3Az&audience=https%3A%2F%2Fa%2F&resource=https%3A%2F%2Fr%2F1&resource=https%3A%2F%2Fr%2F2&a=%26%3D&z=1&z=2"
	for _, c := range []struct {
		name       string
		client     tokens.Client
		auth, body string
		json       bool
	}{
		{"basic", style("basic", ""), basic, "grant_type=client_credentials&" + params, false},
		{"post", style("post", ""), "", "grant_type=client_credentials&" + params + "&client_id=m+e%3A%C3%A9&client_secret=a%3Ab+%25%2B%26%2F", false},
		{"json", style("post", "json"), "", `{"grant_type":"client_credentials","scope":"x y:z","audience":"https://a/","resource":["https://r/1","https://r/2"],"a":"&=","z":["1","2"],"client_id":"m e:é","client_secret":"a:b %+&/"}`, true},
		{"no scopes: no parameter", tokens.Client{AuthStyle: "post"}, "", "grant_type=client_credentials&client_id=me&client_secret=s3cr3t", false},
		{"the secret in endpoint_params, as KrakenD's page for Auth0 has it", tokens.Client{EndpointParams: map[string]tokens.Several{"client_id": {"me"}, "client_secret": {"s3cr3t"}, "audience": {"x"}}}, "",
			"grant_type=client_credentials&audience=x&client_id=me&client_secret=s3cr3t", false},
		{"another grant_type", tokens.Client{AuthStyle: "post", EndpointParams: map[string]tokens.Several{"grant_type": {"own"}}}, "", "grant_type=own&client_id=me&client_secret=s3cr3t", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				wantSaid(t, i.asking(c.client)(soon), with(1))
				contentType := "application/x-www-form-urlencoded"
				if c.json {
					contentType = "application/json"
				}
				if i.body != c.body {
					t.Errorf("got body %s\nwant %s", i.body, c.body)
				}
				if got := i.last.Header.Get("Authorization"); got != c.auth {
					t.Errorf("got Authorization %q, want %q", got, c.auth)
				}
				if got := i.last.Header.Get("Content-Type"); got != contentType || i.last.Method != "POST" || i.last.Header.Get("User-Agent") != "gatehouse/test" {
					t.Errorf("got %s with content type %q from %q", i.last.Method, got, i.last.Header.Get("User-Agent"))
				}
			})
		})
	}
}

func TestAssertionsAreSignedAfresh(t *testing.T) {
	key, err := jose.GenerateKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.JWK()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(living("10"))
		ask := i.asking(tokens.Client{PrivateKey: string(text), AssertionFor: "https://issuer.test"})
		seen := map[string]bool{}
		for range 3 {
			if got := ask(soon); !strings.HasPrefix(got, "200 ") {
				t.Fatal(got)
			}
			form := i.form(i.count())
			parts := strings.Split(form.Get("client_assertion"), ".")
			if len(parts) != 3 || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Get("client_secret") != "" {
				t.Fatalf("got %v", form)
			}
			payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
			var claims struct {
				Iss, Sub, Aud, Jti string
				Iat, Exp           int64
			}
			if err := json.Unmarshal(payload, &claims); err != nil {
				t.Fatal(err)
			}
			if claims.Iss != "me" || claims.Sub != "me" || claims.Aud != "https://issuer.test" || seen[claims.Jti] || claims.Iat > time.Now().Unix() || claims.Iat < time.Now().Unix()-10 || claims.Exp <= claims.Iat {
				t.Errorf("got claims %+v", claims)
			}
			seen[claims.Jti] = true
			time.Sleep(11 * time.Second)
		}
	})
}

// An issuer that does not say how long its tokens live is believed for token_lifetime.
func TestATokenWithoutALifetimeHasTheFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(func(n int, w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"access_token":"t%d"}`, n) })
		ask := i.asking(tokens.Client{Lifetime: ptr(conf.Duration(20 * time.Second))})
		wantSaid(t, ask(soon), with(1))
		time.Sleep(10 * time.Second)
		wantSaid(t, ask(soon), with(1))
		time.Sleep(9500 * time.Millisecond)
		wantSaid(t, ask(soon), with(2))
	})
}

func TestAnswersOfATokenEndpointThatAreNone(t *testing.T) {
	for _, c := range []struct{ name, answer string }{
		{"no token", `{"token_type":"Bearer","expires_in":3600}`},
		{"a token with a line break", `{"access_token":"a\r\nX-Evil: 1"}`},
		{"HTML", `<html>`},
		{"a megabyte", `{"access_token":"t","x":"` + strings.Repeat("a", 1<<20) + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				i.says(func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.answer) })
				if got := i.asking(tokens.Client{AuthStyle: "post"})(soon); !strings.HasPrefix(got, "error: upstream_auth_failed") || len(got) > 300 {
					t.Errorf("got %.400s", got)
				}
			})
		})
	}
}

func TestARedirectOfTheTokenEndpointIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		var elsewhere int
		i.serve("evil.test:80", func(http.ResponseWriter, *http.Request) { elsewhere++ })
		for _, to := range []string{"http://evil.test/token", "/again", "//evil.test/x"} {
			for _, status := range []int{301, 302, 303, 307, 308} {
				i.says(func(_ int, w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", to)
					w.WriteHeader(status)
				})
				before := i.count()
				got := i.asking(tokens.Client{Scopes: tokens.Scopes{fmt.Sprint(to, status)}})(soon)
				if !strings.HasPrefix(got, "error: upstream_auth_failed") || i.count() != before+1 || elsewhere > 0 {
					t.Errorf("%d to %s: %s after %d requests, %d elsewhere", status, to, got, i.count()-before, elsewhere)
				}
			}
		}
	})
}

func TestABackends401RenewsOnceAndRetriesOnce(t *testing.T) {
	big := strings.NewReader("a stream")
	for _, c := range []struct {
		name   string
		req    *Request
		accept []string // once the first token is revoked
		want   string
		hits   int64
		asked  int
	}{
		{"GET", &Request{Method: "GET"}, []string{"t2"}, with(2), 2, 2},
		{"POST with its body kept", &Request{Method: "POST", Body: Body{Bytes: []byte("b"), Length: 1}}, []string{"t2"}, `200 {"auth":"Bearer t2","body":"b"}`, 2, 2},
		{"a body that is gone", &Request{Method: "POST", Body: Body{Stream: big, Length: 8}}, []string{"t2"}, "error: upstream_status: status 401 of GET /", 1, 1},
		{"a backend that wants none of them", &Request{Method: "GET"}, nil, "error: upstream_status: status 401 of GET /", 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				ask := i.asking(tokens.Client{})
				wantSaid(t, ask(soon), with(1))
				i.accept(c.accept...)
				i.hits.Store(0)
				wantSaid(t, ask(soon, c.req), c.want)
				if i.hits.Load() != c.hits || i.count() != c.asked {
					t.Errorf("got %d requests at the backend and %d for tokens, want %d and %d", i.hits.Load(), i.count(), c.hits, c.asked)
				}
			})
		})
	}
}

func TestABackendThatAlwaysSays401IsNoLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		sound := i.asking(tokens.Client{})
		wantSaid(t, sound(soon), with(1))
		i.serve("broken.test:80", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
		fetch := i.backend(Config{Host: []string{"broken.test"}, URLPattern: "/", Extra: Extra{Credentials: over(tokens.Client{})}})
		for range 3600 {
			if got := said(fetch(t.Context(), &Request{Method: "GET"})); !strings.Contains(got, "401") {
				t.Fatal(got)
			}
			if got := sound(soon); !strings.HasPrefix(got, "200 ") {
				t.Fatal(got)
			}
			time.Sleep(time.Second)
		}
		if n := i.count(); n > 80 {
			t.Errorf("got %d token requests in an hour, want about one a minute", n)
		}
	})
}

func TestATokenIsNeverSentElsewhere(t *testing.T) {
	for _, c := range []struct {
		name, location string
		follow         []string
		elsewhere      bool
		want           string
	}{
		{"another host", "http://evil.test/x", nil, false, "error: upstream_status: status 302"},
		{"another port", "http://origin.test:81/x", nil, false, "error: upstream_status: status 302"},
		{"another scheme", "https://origin.test/x", nil, false, "error: upstream_status: status 302"},
		{"a host without a scheme", "//evil.test/x", nil, false, "error: upstream_status: status 302"},
		{"a user name", "http://origin.test@evil.test/x", nil, false, "error: upstream_status: status 302"},
		{"its own origin", "http://origin.test/x", nil, false, `200 {"at":"origin.test/x","auth":"Bearer t1"`},
		{"a path", "x", nil, false, `200 {"at":"origin.test/x","auth":"Bearer t1"`},
		{"a host that the file names", "http://evil.test/x", []string{"http://evil.test"}, true, `200 {"at":"evil.test/x","auth":"","cookie":"","user":""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				answer := func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/" {
						w.Header().Set("Location", c.location)
						w.WriteHeader(302)
						return
					}
					h := r.Header
					fmt.Fprintf(w, `{"at":"%s%s","auth":%q,"cookie":%q,"user":%q,"forwarded":%q}`, r.Host, r.URL.Path, h.Get("Authorization"), h.Get("Cookie"), h.Get("X-User"), h.Get("X-Their-Auth"))
				}
				for _, at := range []string{"origin.test:80", "origin.test:81", "origin.test:443", "evil.test:80"} {
					i.serve(at, answer)
				}
				n := 5
				credentials := over(tokens.Client{ForwardAs: "X-Their-Auth"})
				fetch := i.backend(Config{URLPattern: "/", FollowRedirects: &n, FollowRedirectsTo: c.follow, Extra: Extra{Credentials: credentials}})
				got := said(fetch(t.Context(), &Request{Method: "GET", Header: []outbound.Field{{Name: "Authorization", Value: "Bearer theirs"}, {Name: "Cookie", Value: "c"}},
					Claims: []outbound.Field{{Name: "X-User", Value: "u"}}}))
				if !strings.HasPrefix(got, strings.Replace(c.want, "error: upstream_status: status 302", "error: upstream_status: status 302", 1)) {
					t.Errorf("got %s, want %s", got, c.want)
				}
				if c.elsewhere && strings.Contains(got, "theirs") {
					t.Errorf("got %s: their token went elsewhere", got)
				}
			})
		})
	}
}

func TestTheClientsOwnAuthorization(t *testing.T) {
	theirs := []outbound.Field{{Name: "authorization", Value: "Bearer theirs"}, {Name: "X-Forwarded-Authorization", Value: "forged"}, {Name: "X-A", Value: "1"}}
	for _, c := range []struct{ name, forward, want string }{
		{"is replaced", "", "Bearer t1, , 1"},
		{"is handed on under another name", "X-Forwarded-Authorization", "Bearer t1, Bearer theirs, 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				req := &Request{Method: "GET", Header: theirs}
				if c.forward == "" {
					req.Header = []outbound.Field{theirs[0], theirs[2]}
				}
				i.asking(tokens.Client{ForwardAs: c.forward})(soon, req)
				h := i.seen[0]
				if got := strings.Join([]string{strings.Join(h["Authorization"], "+"), strings.Join(h["X-Forwarded-Authorization"], "+"), h.Get("X-A")}, ", "); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestADisabledBlockIsNoBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		fetch := i.backend(Config{URLPattern: "/", Extra: Extra{Credentials: &tokens.CredentialsConfig{Disabled: true}}})
		wantSaid(t, said(fetch(t.Context(), &Request{Method: "GET"})), `200 {"auth":"","body":""}`)
		if i.count() != 0 {
			t.Error("a token was asked for")
		}
	})
}

func TestTokensEndWithTheLastWhoHoldsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		one, two := new(keep.Life), new(keep.Life)
		i.env.Life = one
		wantSaid(t, i.asking(tokens.Client{})(soon), with(1))
		i.env.Life = two
		ask := i.asking(tokens.Client{})
		one.Close()
		one.Close()
		wantSaid(t, ask(soon), with(1))
		two.Close()
		wantSaid(t, i.asking(tokens.Client{})(soon), with(2)) // nobody has held the first one
	})
}

func TestCredentialMistakes(t *testing.T) {
	for _, c := range []struct {
		name   string
		client tokens.Client
		want   string
	}{
		{"nothing", tokens.Client{}, "token_url: is missing\nclient_id: is missing\nclient_secret: is missing"},
		{"http to elsewhere", tokens.Client{TokenURL: "http://a.test/t", ClientID: "a", ClientSecret: "b"}, `token_url: got "http://a.test/t", want https: a secret would travel unencrypted (dangerously_allow_http allows it)`},
		{"another scheme", tokens.Client{TokenURL: "ftp://a.test/t", ClientID: "a", ClientSecret: "b"}, `token_url: got "ftp://a.test/t", want https://host/path`},
		{"no key to sign with", tokens.Client{TokenURL: "https://a.test/t", ClientID: "a", AuthStyle: "private_key_jwt"}, "private_key: is missing: private_key_jwt signs with it"},
		{"no certificate to show", tokens.Client{TokenURL: "https://a.test/t", ClientID: "a", AuthStyle: "tls"}, "client.client_tls.client_certs: tls needs a client certificate"},
		{"scopes twice", tokens.Client{TokenURL: "https://a.test/t", ClientID: "a", ClientSecret: "b", Scopes: tokens.Scopes{"x"}, EndpointParams: map[string]tokens.Several{"scope": {"y"}}}, "endpoint_params.scope: scopes says it already"},
		{"forwarded as itself", tokens.Client{TokenURL: "https://a.test/t", ClientID: "a", ClientSecret: "b", ForwardAs: "authorization"}, `forward_as: got "authorization", want the name of another header`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			_, err := New(Config{Host: []string{"a.test"}, Extra: Extra{Credentials: &tokens.CredentialsConfig{Client: c.client}}}.Inherit(nil, "GET"), r.env)
			if err == nil {
				t.Fatal("it compiles")
			}
			if got := strings.ReplaceAll(err.Error(), "extra_config.auth/client-credentials.", ""); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

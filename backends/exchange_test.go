package backends

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/backends/tokens"
)

// exchanging compiles a backend that exchanges its callers' tokens.
func (i *issuer) exchanging(c tokens.ExchangeConfig) func(caller string) string {
	i.t.Helper()
	c.Client = over(c.Client).Client
	i.env.Tokened = true
	fetch := i.backend(Config{URLPattern: "/", Extra: Extra{Exchange: &c}})
	return func(caller string) string {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		return said(fetch(ctx, &Request{Method: "GET", Caller: Caller{Token: caller}}))
	}
}

// swapping answers with a token that names the caller's.
func swapping(i *issuer) func(n int, w http.ResponseWriter, r *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"for-%s-%d","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":60}`,
			i.form(n).Get("subject_token"), n)
	}
}

func TestACallersTokenIsExchangedOnceForEveryCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(swapping(i))
		ask := i.exchanging(tokens.ExchangeConfig{Client: tokens.Client{Audience: tokens.Several{"backend"}, AuthStyle: "post"}, RequestedType: "jwt"})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { wantSaid(t, ask("alice"), `200 {"auth":"Bearer for-alice-1","body":""}`) })
		}
		wg.Wait()
		wantSaid(t, ask("bob"), `200 {"auth":"Bearer for-bob-2","body":""}`)
		wantSaid(t, ask("alice"), `200 {"auth":"Bearer for-alice-1","body":""}`)
		if want := "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&" +
			"requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"; !strings.Contains(i.body, want) {
			t.Errorf("got %s, want %s in it", i.body, want)
		}
		time.Sleep(58 * time.Second)
		wantSaid(t, ask("alice"), `200 {"auth":"Bearer for-alice-3","body":""}`)
	})
}

func TestEverybodyComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(func(n int, w http.ResponseWriter, r *http.Request) {
			time.Sleep(50 * time.Millisecond)
			fmt.Fprintf(w, `{"access_token":"for-%s"}`, i.form(n).Get("subject_token"))
		})
		ask := i.exchanging(tokens.ExchangeConfig{Client: tokens.Client{AuthStyle: "post"}})
		var wg sync.WaitGroup
		for n := range 1000 {
			wg.Go(func() {
				wantSaid(t, ask(fmt.Sprint("caller", n)), fmt.Sprintf(`200 {"auth":"Bearer for-caller%d","body":""}`, n))
			})
		}
		wg.Wait()
	})
}

func TestExchangedTokensAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(swapping(i))
		ask := i.exchanging(tokens.ExchangeConfig{MaxCallers: ptr(10)})
		for n := range 1000 {
			ask(fmt.Sprint("caller", n))
		}
		before := i.count()
		ask("caller999")
		ask("caller0")
		if n := i.count() - before; n != 1 {
			t.Errorf("got %d exchanges, want one: for the caller that was dropped", n)
		}
	})
}

func TestAFailingExchangeIsTriedOnceASecondForEachCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(failing(500, "x"))
		ask := i.exchanging(tokens.ExchangeConfig{})
		for range 100 {
			ask("alice")
			ask("bob")
			time.Sleep(100 * time.Millisecond)
		}
		if n := i.count(); n < 18 || n > 22 {
			t.Errorf("got %d token requests of two callers in 10 s, want one of each in a second", n)
		}
	})
}

func TestACallerWhoseTokenIsNotTaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(int, http.ResponseWriter, *http.Request)
		want   Reason
	}{
		{"the token is invalid", failing(400, "invalid_request"), ReasonExchange},
		{"the caller may not", failing(400, "access_denied"), ReasonExchange},
		{"we are not known there", failing(401, "invalid_client"), ReasonToken},
		{"the endpoint fails", failing(500, "x"), ReasonToken},
		{"the endpoint hangs", hanging, ReasonToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(t)
				i.says(c.answer)
				ask := i.exchanging(tokens.ExchangeConfig{})
				if got := ask("alice"); !strings.HasPrefix(got, "error: "+string(c.want)) || strings.Contains(got, "alice") || strings.Contains(got, "s3cr3t") {
					t.Error(got)
				}
				if i.hits.Load() != 0 {
					t.Error("the backend was asked")
				}
				i.says(swapping(i))
				time.Sleep(5 * time.Second)
				if got := ask("alice"); !strings.HasPrefix(got, "200 ") {
					t.Errorf("once all is well: %s", got)
				}
			})
		})
	}
}

func TestAGuestHasNothingToExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		if got := i.exchanging(tokens.ExchangeConfig{})(""); !strings.HasPrefix(got, "error: token_exchange_refused") || i.count() != 0 {
			t.Error(got)
		}
	})
}

func TestABackendsRefusalExchangesAgainOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(swapping(i))
		ask := i.exchanging(tokens.ExchangeConfig{})
		ask("alice")
		i.accept("for-alice-2")
		wantSaid(t, ask("alice"), `200 {"auth":"Bearer for-alice-2","body":""}`)
		i.accept()
		for range 20 {
			ask("alice")
			time.Sleep(time.Second)
		}
		if n := i.count(); n > 3 {
			t.Errorf("got %d exchanges for a backend that takes none, want no loop", n)
		}
	})
}

func TestExchangeMistakes(t *testing.T) {
	fine := tokens.Client{TokenURL: "https://a.test/t", ClientID: "a", ClientSecret: "b"}
	for _, c := range []struct {
		name  string
		extra Extra
		guest bool
		want  string
	}{
		{"nobody has a token", Extra{Exchange: &tokens.ExchangeConfig{Client: fine}}, true, "extra_config.auth/token-exchange: there is no token to exchange: the endpoint has no auth/validator"},
		{"two tokens", Extra{Exchange: &tokens.ExchangeConfig{Client: fine}, Credentials: &tokens.CredentialsConfig{Client: fine}}, false, "extra_config.auth/token-exchange: there is an auth/client-credentials too: a request carries one token"},
		{"a type nobody knows", Extra{Exchange: &tokens.ExchangeConfig{Client: fine, SubjectType: "saml"}}, false, `extra_config.auth/token-exchange.subject_token_type: got "saml", want access_token, id_token, jwt or a URI`},
		{"no room for bytes", Extra{Exchange: &tokens.ExchangeConfig{Client: fine, MaxSize: ptr(int64(0))}}, false, "extra_config.auth/token-exchange.max_size: got 0, want at least 1"},
		{"no room", Extra{Exchange: &tokens.ExchangeConfig{Client: fine, MaxCallers: ptr(0)}}, false, "extra_config.auth/token-exchange.max_callers: got 0, want at least 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.env.Tokened = !c.guest
			_, err := New(Config{Host: []string{"a.test"}, Extra: c.extra}.Inherit(nil, "GET"), r.env)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

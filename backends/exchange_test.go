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
)

// exchanging compiles a backend that exchanges its callers' tokens.
func (i *issuer) exchanging(c ExchangeConfig) func(caller string) string {
	i.t.Helper()
	c.TokenClient = over(c.TokenClient).TokenClient
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
		ask := i.exchanging(ExchangeConfig{TokenClient: TokenClient{Audience: Several{"backend"}, AuthStyle: "post"}, RequestedType: "jwt"})
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

func TestExchangedTokensAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(swapping(i))
		ask := i.exchanging(ExchangeConfig{MaxCallers: ptr(10)})
		for n := range 1000 {
			ask(fmt.Sprint("caller", n))
		}
		i.env.Tokens.exchanges.Each(func(_ [32]byte, x *exchange) {
			if len(x.callers) != 10 || x.recent.Len() != 10 {
				t.Errorf("%d callers are kept, want 10", len(x.callers))
			}
		})
		before := i.count()
		ask("caller999")
		ask("caller0")
		if n := i.count() - before; n != 1 {
			t.Errorf("got %d exchanges, want one: for the caller that was dropped", n)
		}
	})
}

func TestExchangedTokensAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(func(_ int, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"bearer","expires_in":3600}`, strings.Repeat("t", 10_000))
		})
		ask := i.exchanging(ExchangeConfig{MaxSize: ptr(int64(100_000))})
		for n := range 300 {
			ask(fmt.Sprint("caller", n%100))
			i.env.Tokens.exchanges.Each(func(_ [32]byte, x *exchange) {
				var size int64
				for _, at := range x.callers {
					size += at.Value.(*exchanged).size()
				}
				if size != x.size || size > 100_000 || len(x.callers) != x.recent.Len() || n > 20 && size < 80_000 {
					t.Fatalf("after %d: %d callers and %d bytes are kept, counted as %d, want at most 100000", n, len(x.callers), size, x.size)
				}
			})
		}
	})
}

func TestAFailingExchangeIsTriedOnceASecondForEachCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(failing(500, "x"))
		ask := i.exchanging(ExchangeConfig{})
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
				ask := i.exchanging(ExchangeConfig{})
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
		if got := i.exchanging(ExchangeConfig{})(""); !strings.HasPrefix(got, "error: token_exchange_refused") || i.count() != 0 {
			t.Error(got)
		}
	})
}

func TestABackendsRefusalExchangesAgainOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		i.says(swapping(i))
		ask := i.exchanging(ExchangeConfig{})
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
	fine := TokenClient{TokenURL: "https://a.test/t", ClientID: "a", ClientSecret: "b"}
	for _, c := range []struct {
		name  string
		extra Extra
		guest bool
		want  string
	}{
		{"nobody has a token", Extra{Exchange: &ExchangeConfig{TokenClient: fine}}, true, "extra_config.auth/token-exchange: there is no token to exchange: the endpoint has no auth/validator"},
		{"two tokens", Extra{Exchange: &ExchangeConfig{TokenClient: fine}, Credentials: &CredentialsConfig{TokenClient: fine}}, false, "extra_config.auth/token-exchange: there is an auth/client-credentials too: a request carries one token"},
		{"a type nobody knows", Extra{Exchange: &ExchangeConfig{TokenClient: fine, SubjectType: "saml"}}, false, `extra_config.auth/token-exchange.subject_token_type: got "saml", want access_token, id_token, jwt or a URI`},
		{"no room for bytes", Extra{Exchange: &ExchangeConfig{TokenClient: fine, MaxSize: ptr(int64(0))}}, false, "extra_config.auth/token-exchange.max_size: got 0, want at least 1"},
		{"no room", Extra{Exchange: &ExchangeConfig{TokenClient: fine, MaxCallers: ptr(0)}}, false, "extra_config.auth/token-exchange.max_callers: got 0, want at least 1"},
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

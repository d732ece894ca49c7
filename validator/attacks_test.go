package validator

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/internal/gatewaytest"
)

// The attacks of gatewaytest, in process; package gateway has them over HTTP.
func TestEveryAttackIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := gatewaytest.NewArmoury(t, providerURL)
		p := newProvider(t)
		p.publish(w.Keys())
		wants := &Wants{}
		wants.Add(ParseRef("tenant"), Joined)
		v := newValidator(t, Config{
			Source: Source{Issuer: providerURL, URL: providerURL + "/jwks"}, Audience: []string{"api", "other-api"}, Roles: []string{"user"}, Scopes: []string{"read"},
		}, Deps{Keys: p.keys(nil), Cache: NewCache(1 << 20)}, wants)
		for _, token := range w.Good() {
			if got := outcome(v, request(token)); got != "ok" {
				t.Fatalf("the good token: got %s, want ok", got)
			}
		}
		list := w.Attacks()
		t.Logf("%d attacks", len(list))
		if len(list) < 500 {
			t.Errorf("%d attacks, want all of them", len(list))
		}
		for _, a := range list {
			refused(t, v, a)
		}
		if n := p.fetches(); n > 3 {
			t.Errorf("%d fetches of keys, want no more than at the start, for one unknown kid and for one bad signature", n)
		}
	})
}

func refused(t *testing.T, v Authenticator, a gatewaytest.Attack) {
	t.Helper()
	status := map[Kind]int{Unauthorized: 401, Forbidden: 403, Malformed: 400, TooLong: 431, Unavailable: 503}
	before := time.Now()
	c, err := v.Authenticate(t.Context(), &http.Request{Method: "GET", Header: a.Header()})
	if err == nil {
		t.Errorf("line %d, %s: passed as %q", a.Line, a.Name, c.Payload())
		return
	}
	refusal := refusalOf(t, err)
	if !slices.Contains(a.Status, status[refusal.Kind]) {
		t.Errorf("line %d, %s: refused with %d (%s, %v), want %v", a.Line, a.Name, status[refusal.Kind], refusal.Reason, refusal.Detail, a.Status)
	}
	if !strings.HasPrefix(refusal.Challenge, `Bearer realm="`) {
		t.Errorf("line %d, %s: challenge %q", a.Line, a.Name, refusal.Challenge)
	}
	if d := time.Since(before); d > time.Second {
		t.Errorf("line %d, %s: took %s", a.Line, a.Name, d)
	}
}

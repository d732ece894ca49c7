package endpoints

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/backends"
	"gatehouse/internal/rawjson"
	"gatehouse/validator"
)

// answering is a backend that says this, after a while.
func answering(body string, after time.Duration) part {
	return part{fetch: backends.FetchFunc(func(ctx context.Context, _ *backends.Request) (*backends.Response, error) {
		if after > 0 {
			select {
			case <-time.After(after):
			case <-ctx.Done():
				return nil, &backends.Failure{Reason: backends.ReasonTimeout, Err: ctx.Err()}
			}
		}
		if body == "" {
			return nil, &backends.Failure{Reason: backends.ReasonRefused, Err: errors.New("nobody")}
		}
		res := backends.NewResponse()
		res.Status, res.Complete = 200, true
		return res, res.Body.Parse([]byte(body), 1)
	})}
}

// TestMergesAreTheSameWhoeverIsSlow: a thousand orders of arrival, one answer.
func TestMergesAreTheSameWhoeverIsSlow(t *testing.T) {
	const want = `{"who":"d","a":1,"b":2,"c":3,"d":4}`
	synctest.Test(t, func(t *testing.T) {
		for range 1000 {
			var parts []part
			for i, name := range []string{"a", "b", "c", "d"} {
				parts = append(parts, answering(fmt.Sprintf(`{"who":%q,%q:%d}`, name, name, i+1), time.Duration(rand.IntN(50))*time.Millisecond))
			}
			x := NewExchange()
			res, err := merge(parts, rawjson.Shallow)(t.Context(), x, &backends.Request{})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(res.Body.Append(nil)); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			res.Close()
			x.Free()
		}
	})
}

func TestSequencesStopAtTheFirstFailure(t *testing.T) {
	asked := 0
	counting := part{fetch: backends.FetchFunc(func(context.Context, *backends.Request) (*backends.Response, error) {
		asked++
		return nil, &backends.Failure{Reason: backends.ReasonRefused}
	})}
	x := NewExchange()
	defer x.Free()
	res, err := sequence([]part{answering(`{"a":1}`, 0), answering("", 0), counting}, rawjson.Shallow, nil)(t.Context(), x, &backends.Request{})
	if err != nil || res.Complete || string(res.Body.Append(nil)) != `{"a":1}` || asked != 0 {
		t.Errorf("got %v, %v, asked %d times", res, err, asked)
	}
	res.Close()
	if _, err := sequence([]part{answering("", 0), counting}, rawjson.Shallow, nil)(t.Context(), x, &backends.Request{}); err == nil || asked != 0 {
		t.Errorf("the first failed: got %v, asked %d times", err, asked)
	}
}

// TestRacesTakeTheFirstCompleteAnswerAndCancelTheRest: none of them goes on.
func TestRacesTakeTheFirstCompleteAnswerAndCancelTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		fetch := func(ctx context.Context, req *backends.Request) (*backends.Response, error) {
			n := calls.Add(1)
			return answering(fmt.Sprintf(`{"after":%d}`, n), time.Duration(n)*time.Second).fetch.Fetch(ctx, req)
		}
		began := time.Now()
		res, err := race(3, backends.FetchFunc(fetch)).Fetch(t.Context(), &backends.Request{})
		if err != nil || string(res.Body.Append(nil)) != `{"after":1}` || time.Since(began) != time.Second {
			t.Errorf("got %v, %v after %s", res, err, time.Since(began))
		}
		res.Close()
	})
}

func BenchmarkMerge(b *testing.B) {
	parts := []part{answering(`{"a":{"x":1}}`, 0), answering(`{"b":{"x":1}}`, 0), answering(`{"c":{"x":1}}`, 0)}
	ask := merge(parts, rawjson.Shallow)
	req := &backends.Request{}
	b.ReportAllocs()
	for b.Loop() {
		x := NewExchange()
		res, err := ask(context.Background(), x, req)
		if err != nil {
			b.Fatal(err)
		}
		res.Close()
		x.Free()
	}
}

func BenchmarkProject(b *testing.B) {
	cfg := Config{Endpoint: "/users/{id}", InputHeaders: []string{"Accept", "X-Request-Id"}, InputQueryStrings: []string{"page"}, Backend: make([]backends.Config, 1)}
	route, err := ParsePath(cfg.Endpoint, false)
	if err != nil {
		b.Fatal(err)
	}
	p, err := newProjection(cfg, &ProjectRules{UserAgent: "gatehouse/test"}, route, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/users/7?page=2&utm=x", http.NoBody)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer x.y.z")
	r.Header.Set("X-Request-Id", "1")
	x := NewExchange()
	defer x.Free()
	x.Params, x.Peer = append(x.Params, "7"), "127.0.0.1"
	b.ReportAllocs()
	for b.Loop() {
		q, err := p.request(x, r, (*validator.Claims)(nil))
		if err != nil {
			b.Fatal(err)
		}
		q.free()
	}
}

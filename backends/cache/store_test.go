package cache

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"gatehouse/internal/outbound"
)

// asking is a call of nobody's.
type asking struct{ out outbound.Request }

func (a *asking) Out() *outbound.Request   { return &a.out }
func (a *asking) Claims() []outbound.Field { return nil }
func (a *asking) Caller() (_, _ string)    { return "", "" }
func (a *asking) Apart() (Call, func())    { return &asking{out: a.out}, func() {} }

// asked is the body that a cache answers with.
func asked(t *testing.T, k *Cache, target string, header ...outbound.Field) string {
	t.Helper()
	res, err := k.Send(t.Context(), &asking{out: outbound.Request{Method: "GET", Target: target, Header: header}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// over is a cache over an origin that answers so.
func over(b Bounds, answer func(n int, out *outbound.Request) *outbound.Response) *Cache {
	n := 0
	return &Cache{Store: NewStore(b), Next: func(_ context.Context, c Call) (*outbound.Response, error) {
		n++
		return answer(n, c.Out()), nil
	}}
}

// One URL may be wanted by very many, each in their own way, at names as long as they like: neither time nor memory grows.
func TestManyVariantsOfOneURLCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := over(Bounds{Size: defaultSize, Item: defaultItem}, func(n int, _ *outbound.Request) *outbound.Response {
			header := []outbound.Field{{Name: "Cache-Control", Value: "public, max-age=60"}, {Name: "Vary", Value: "Accept-Language"}}
			return respond(200, header, fmt.Append(nil, n))
		})
		for n := range 1000 {
			asked(t, k, "/x", outbound.Field{Name: "Accept-Language", Value: fmt.Sprint(n)})
			asked(t, k, "/x", outbound.Field{Name: "Authorization", Value: fmt.Sprint(n)})
		}
		s := k.Store
		if len(s.pages) != 1 {
			t.Errorf("got %d pages, want 1", len(s.pages))
		}
		for _, p := range s.pages {
			if len(p) != 1001 {
				t.Errorf("got %d identities, want 1001", len(p))
			}
			for _, variants := range p {
				if len(variants) > maxVariants {
					t.Errorf("got %d variants for one place, want at most %d", len(variants), maxVariants)
				}
			}
		}
		if want := 1000 + maxVariants; s.recent.Len() != want {
			t.Errorf("got %d answers, want %d", s.recent.Len(), want)
		}
		if got := asked(t, k, "/x", outbound.Field{Name: "Accept-Language", Value: "999"}); got != "1999" {
			t.Errorf("got %s, want the youngest variant", got)
		}
	})
}

func TestAStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := over(Bounds{Size: 1 << 20, Item: 10000}, func(n int, _ *outbound.Request) *outbound.Response {
			header := []outbound.Field{{Name: "Cache-Control", Value: "max-age=3600"}, {Name: "X-Long", Value: strings.Repeat("h", 1000)}}
			return respond(200, header, make([]byte, n*7%20000))
		})
		for n := range 2000 {
			asked(t, k, fmt.Sprintf("/x?n=%d", n))
		}
		var bytes int64
		s := k.Store
		for e := s.recent.Front(); e != nil; e = e.Next() {
			v := e.Value.(*stored)
			bytes += v.size
			if len(v.body) > 10000 {
				t.Errorf("a body of %d bytes is kept", len(v.body))
			}
		}
		if bytes != s.size || s.size > 1<<20 || s.size < 1<<19 || len(s.pages) != s.recent.Len() || len(s.not) > maxPass {
			t.Errorf("%d bytes are kept, counted as %d, in %d places", bytes, s.size, len(s.pages))
		}
	})
}

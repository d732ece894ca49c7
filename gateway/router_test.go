package gateway

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gatehouse/endpoints"
)

// TestRoutesAgainstAModel builds random sets of routes and asks for random paths: the route found must be the one that a
// plain comparison of all routes finds, with the same parameters.
func TestRoutesAgainstAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	path := func(segment func(last bool) string) string {
		n := 1 + rng.IntN(4)
		var b strings.Builder
		for i := range n {
			b.WriteString("/" + segment(i == n-1))
		}
		return b.String()
	}
	asked := 0
	for range 3000 {
		var list []route
		for i := range 1 + rng.IntN(9) {
			text := path(func(last bool) string {
				if last && rng.IntN(6) == 0 {
					return pick("*", "{rest...}", "")
				}
				return pick("a", "b", "ab", "a.b", "{}", "{}", "{}.b", "a{}")
			})
			text = named(text)
			p, err := endpoints.ParsePath(text, true)
			if err != nil {
				t.Fatal(text, err)
			}
			list = append(list, route{index: i, endpoint: &endpoints.Endpoint{Method: pick("GET", "POST"), Path: text, Route: p, Matches: []*endpoints.Match{{}}}})
		}
		list = slices.DeleteFunc(list, func(r route) bool {
			return slices.ContainsFunc(list, func(o route) bool {
				return o.index < r.index && o.endpoint.Method == r.endpoint.Method && o.endpoint.Route.Both(r.endpoint.Route) != ""
			})
		})
		router := bare(t, list)
		for range 20 {
			asked++
			request := path(func(bool) string { return pick("a", "b", "ab", "a.b", "aa", "c", "") })
			if strings.Contains(request, "//") {
				continue // is redirected before anything else, or refused
			}
			method := pick("GET", "POST")
			want, params := model(list, method, request)
			f := router.find(httptest.NewRequest(method, "/", nil), method, request)
			if f.endpoint != want || want != nil && !slices.Equal(f.params, params) {
				t.Fatalf("routes %v\n%s %s: got %v %q, want %v %q", paths(list), method, request, name(f.endpoint), f.params, name(want), params)
			}
			router.finders.Put(f)
		}
	}
	if asked < 10000 {
		t.Fatal("too few requests were tried")
	}
}

func bare(t testing.TB, list []route) *router {
	t.Helper()
	r, err := newRouter(Config{Version: 3}, mannersOf(3), endpoints.Voice{}, list, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// named gives the parameters of a pattern names.
func named(text string) string {
	for i := 0; strings.Contains(text, "{}"); i++ {
		text = strings.Replace(text, "{}", fmt.Sprintf("{p%d}", i), 1)
	}
	return text
}

func paths(list []route) (all []string) {
	for _, r := range list {
		all = append(all, r.endpoint.Method+" "+r.endpoint.Path)
	}
	return all
}

func name(e *endpoints.Endpoint) string {
	if e == nil {
		return "nothing"
	}
	return e.Method + " " + e.Path
}

// model is the route that fits and than which none that fits is more specific.
func model(list []route, method, path string) (best *endpoints.Endpoint, params []string) {
	for _, r := range list {
		values, ok := meets(r.endpoint.Path, path)
		if ok && r.endpoint.Method == method && (best == nil || r.endpoint.Route.Compare(best.Route) > 0) {
			best, params = r.endpoint, values
		}
	}
	return best, params
}

func meets(pattern, path string) (values []string, ok bool) {
	p, s := strings.Split(pattern[1:], "/"), strings.Split(path[1:], "/")
	for i, part := range p {
		if part == "*" || strings.HasSuffix(part, "...}") {
			return append(values, strings.Join(s[min(i, len(s)):], "/")), i < len(s)
		}
		if i >= len(s) {
			return nil, false
		}
		before, rest, found := strings.Cut(part, "{")
		if !found {
			if part != s[i] {
				return nil, false
			}
			continue
		}
		_, after, _ := strings.Cut(rest, "}")
		value, ok1 := strings.CutPrefix(s[i], before)
		value, ok2 := strings.CutSuffix(value, after)
		if !ok1 || !ok2 || value == "" {
			return nil, false
		}
		values = append(values, value)
	}
	return values, len(p) == len(s)
}

func TestRoutesInAnyOrder(t *testing.T) {
	var list []route
	for i, text := range []string{"/files/{path...}", "/files/{id}", "/files/health", "/*", "/{a}/health"} {
		p, err := endpoints.ParsePath(text, false)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, route{index: i, endpoint: &endpoints.Endpoint{Method: "GET", Path: text, Route: p, Matches: []*endpoints.Match{{}}}})
	}
	for range 20 {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		r := bare(t, list)
		for path, want := range map[string]string{"/files/health": "/files/health", "/files/7": "/files/{id}", "/files/7/8": "/files/{path...}",
			"/x/health": "/{a}/health", "/x/y": "/*", "/files/": "/files/{path...}", "/": "/*"} {
			if f := r.find(httptest.NewRequest("GET", "/", nil), "GET", path); name(f.endpoint) != "GET "+want {
				t.Fatalf("%v: %s went to %s, want %s", paths(list), path, name(f.endpoint), want)
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for _, row := range []struct {
		name string
		last string
	}{{"gin alone", "/last/{id}"}, {"with a wildcard", "/last/*"}} {
		b.Run(row.name, func(b *testing.B) {
			var list []route
			for i := range 100 {
				text := fmt.Sprintf("/service%d/users/{id}/orders", i)
				if i == 99 {
					text = row.last
				}
				p, err := endpoints.ParsePath(text, false)
				if err != nil {
					b.Fatal(err)
				}
				list = append(list, route{index: i, endpoint: &endpoints.Endpoint{Method: "GET", Path: text, Route: p, Matches: []*endpoints.Match{{}}}})
			}
			t := bare(b, list)
			r := httptest.NewRequest("GET", "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				f := t.find(r, http.MethodGet, "/service42/users/7/orders")
				if f.endpoint == nil {
					b.Fatal("not found")
				}
				t.finders.Put(f)
			}
		})
	}
}

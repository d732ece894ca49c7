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
			s := search{method: method, r: httptest.NewRequest(method, "/", nil)}
			if got := router.tree.find(&s, request); got != want || want != nil && !slices.Equal(s.params, params) {
				t.Fatalf("routes %v\n%s %s: got %v %q, want %v %q", paths(list), method, request, name(got), s.params, name(want), params)
			}
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
			s := search{method: "GET", r: httptest.NewRequest("GET", "/", nil)}
			if got := r.tree.find(&s, path); name(got) != "GET "+want {
				t.Fatalf("%v: %s went to %s, want %s", paths(list), path, name(got), want)
			}
		}
	}
}

func TestPathsThatWereMeant(t *testing.T) {
	rows := []struct {
		name, routes, asked, want string
	}{
		{"a slash too many", "/a", "/a/", "/a"},
		{"a slash too few", "/a/", "/a", "/a/"},
		{"slashes in the middle", "/a/b", "/a//b", "/a/b"},
		{"other case, with the parameter as it was sent", "/users/{id}/orders", "/USERS/Bob/Orders", "/users/Bob/orders"},
		{"other case and a slash", "/a/b", "/A/B/", "/a/b"},
		{"other case around a parameter", "/{name}.json", "/A.JSON", "/A.json"},
		{"a route that is spelt so comes before one in other case", "/{any}/x /a/x", "//A/x", "/A/x"},
		{"the wildcard takes the slash with it", "/files/*", "//files/a/", "/files/a/"},
		{"two routes that differ in case", "/Ab /aB", "/AB", "/Ab"},
		{"one without capitals comes first", "/aB /ab /c", "/AB", "/ab"},
		{"one of many, with capitals", "/a /Bc /d", "/bC", "/Bc"},
		{"the root is what it is", "/a", "/", ""},
		{"a parameter is never empty", "/u/{id}/x", "/u//x", ""},
		{"a wildcard begins behind its slash", "/u/*", "/u", "/u/"},
		{"no route of that name", "/a/{id}", "/b/7", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var list []route
			for i, text := range strings.Fields(row.routes) {
				p, err := endpoints.ParsePath(text, true)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, route{index: i, endpoint: &endpoints.Endpoint{Method: "GET", Path: text, Route: p, Matches: []*endpoints.Match{{}}}})
			}
			if got, _ := bare(t, list).elsewhere(httptest.NewRequest("GET", "/", nil), row.asked); got != row.want {
				t.Errorf("%s leads to %q, want %q", row.asked, got, row.want)
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		for _, last := range []string{"/last/{id}", "/last/*"} {
			b.Run(fmt.Sprintf("%d routes and %s", n, last), func(b *testing.B) { benchmarkFind(b, n, last) })
		}
	}
}

func benchmarkFind(b *testing.B, n int, last string) {
	var list []route
	for i := range n {
		text := fmt.Sprintf("/service%d/users/{id}/orders", i)
		if i == n-1 {
			text = last
		}
		p, err := endpoints.ParsePath(text, false)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, route{index: i, endpoint: &endpoints.Endpoint{Method: "GET", Path: text, Route: p, Matches: []*endpoints.Match{{}}}})
	}
	t := bare(b, list)
	r := httptest.NewRequest("GET", "/", nil)
	var params [8]string
	b.ReportAllocs()
	for b.Loop() {
		s := search{method: http.MethodGet, r: r, params: params[:0]}
		if t.tree.find(&s, "/service7/users/7/orders") == nil {
			b.Fatal("not found")
		}
	}
}

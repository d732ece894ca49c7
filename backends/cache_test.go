package backends

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/backends/cache"
	"gatehouse/backends/tokens"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// origin answers with what it is told, and counts; its bodies are "1", "2", ….
type origin struct {
	*rig
	hits   atomic.Int64
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func newOrigin(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *origin {
	o := &origin{rig: newRig(t), answer: answer}
	o.serve("origin.test:80", func(w http.ResponseWriter, r *http.Request) {
		n := int(o.hits.Add(1))
		w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
		o.answer(n, w, r)
	})
	return o
}

// says is an answer with these header lines, and its number as body.
func says(lines string) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		status := 200
		for _, line := range strings.Split(lines, "\n") {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch {
			case name == "Status":
				status, _ = strconv.Atoi(value)
			case name != "":
				w.Header().Add(name, strings.ReplaceAll(value, "NOW", time.Now().UTC().Format(http.TimeFormat)))
			}
		}
		if tag := w.Header().Get("Etag"); tag != "" && r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(304)
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, n)
	}
}

func headerOf(lines string) (list []outbound.Field) {
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			list = append(list, outbound.Field{Name: name, Value: value})
		}
	}
	return list
}

func (o *origin) asking(cfg Config) func(header string) string {
	cfg.URLPattern = "/x"
	if cfg.Encoding == "" {
		cfg.Encoding = "no-op"
	}
	if cfg.Extra.Cache == nil {
		cfg.Extra.Cache = &cache.Config{}
	}
	fetch := o.backend(cfg)
	return func(header string) string {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return strings.ReplaceAll(said(fetch(ctx, &Request{Method: "GET", Header: headerOf(header)})), `"`, "")
	}
}

// TestWhatIsKept plays requests: each is a header, the seconds that pass before it, and the body that it must bring; the
// origin counts up.
func TestWhatIsKept(t *testing.T) {
	type ask struct {
		after  int
		header string
		want   string
	}
	for _, c := range []struct {
		name   string
		answer string
		asks   []ask
	}{
		{"fresh for max-age", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {59, "", "200 1"}, {2, "", "200 2"}}},
		{"s-maxage goes before max-age", "Cache-Control: s-maxage=10, max-age=60", []ask{{0, "", "200 1"}, {9, "", "200 1"}, {2, "", "200 2"}}},
		{"max-age in quotes", `Cache-Control: max-age="60"`, []ask{{0, "", "200 1"}, {30, "", "200 1"}}},
		{"max-age in capitals, in two fields", "Cache-Control: public\nCache-Control: MAX-AGE=60", []ask{{0, "", "200 1"}, {30, "", "200 1"}}},
		{"a comma in quotes parts nothing", `Cache-Control: x=",no-store,", max-age=60`, []ask{{0, "", "200 1"}, {30, "", "200 1"}}},
		{"the first of two max-ages", "Cache-Control: max-age=60, max-age=1", []ask{{0, "", "200 1"}, {30, "", "200 1"}}},
		{"a max-age that is no number", "Cache-Control: max-age=1.5", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"a negative max-age", "Cache-Control: max-age=-5", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"a max-age past all numbers", "Cache-Control: max-age=99999999999999999999", []ask{{0, "", "200 1"}, {1e6, "", "200 1"}}},
		{"an age it already has", "Cache-Control: max-age=60\nAge: 50", []ask{{0, "", "200 1"}, {9, "", "200 1"}, {2, "", "200 2"}}},
		{"an age beyond its life", "Cache-Control: max-age=60\nAge: 70", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"Expires in the past", "Expires: Thu, 01 Jan 1970 00:00:00 GMT", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"Expires that is no date", "Expires: 0", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"Expires in the future", "Expires: Sat, 01 Jan 2050 00:00:00 GMT", []ask{{0, "", "200 1"}, {3600, "", "200 1"}}},
		{"max-age goes before Expires", "Cache-Control: max-age=0\nExpires: Sat, 01 Jan 2050 00:00:00 GMT", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"nothing said: nothing kept", "", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"no guesses from Last-Modified", "Last-Modified: Sat, 01 Jan 1990 00:00:00 GMT", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"no-store", "Cache-Control: max-age=60, no-store", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"private is for one client", "Cache-Control: max-age=60, private", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"private with a field name", `Cache-Control: max-age=60, private="set-cookie"`, []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"no-cache is asked about every time", "Cache-Control: max-age=60, no-cache\nEtag: \"a\"", []ask{{0, "", "200 1"}, {0, "", "200 1"}}},
		{"Set-Cookie is for one client", "Cache-Control: max-age=60, public\nSet-Cookie: a=b", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"Vary: *", "Cache-Control: max-age=60\nVary: *", []ask{{0, "", "200 1"}, {0, "", "200 2"}}},
		{"Vary by a header", "Cache-Control: max-age=60\nVary: Accept-Language", []ask{
			{0, "Accept-Language: de", "200 1"}, {0, "Accept-Language: en", "200 2"}, {0, "accept-language: de", "200 1"}, {0, "", "200 3"}, {0, "Accept-Language: en", "200 2"}}},
		{"Vary by two, white space apart", "Cache-Control: max-age=60\nVary: Accept, Accept-Language", []ask{
			{0, "Accept: a\nAccept-Language: de, en", "200 1"}, {0, "Accept: a\nAccept-Language: de,en", "200 1"}, {0, "Accept: b\nAccept-Language: de,en", "200 2"}}},
		{"404 with max-age", "Status: 404\nCache-Control: max-age=60", []ask{{0, "", "404 1"}, {30, "", "404 1"}}},
		{"500 with max-age", "Status: 500\nCache-Control: max-age=60", []ask{{0, "", "500 1"}, {30, "", "500 1"}}},
		{"206 never", "Status: 206\nCache-Control: max-age=60", []ask{{0, "", "206 1"}, {0, "", "206 2"}}},
		{"a status nobody knows, where it must be understood", "Status: 299\nCache-Control: max-age=60, must-understand", []ask{{0, "", "299 1"}, {0, "", "299 2"}}},
		{"one that is understood, for all its no-store", "Cache-Control: max-age=60, must-understand, no-store", []ask{{0, "", "200 1"}, {0, "", "200 1"}}},

		{"the client's Authorization: not without leave", "Cache-Control: max-age=60", []ask{{0, "Authorization: a", "200 1"}, {0, "Authorization: a", "200 2"}}},
		{"with public: for that client alone", "Cache-Control: max-age=60, public", []ask{{0, "Authorization: a", "200 1"}, {0, "Authorization: a", "200 1"}, {0, "Authorization: b", "200 2"}, {0, "", "200 3"}}},
		{"with s-maxage", "Cache-Control: s-maxage=60", []ask{{0, "Authorization: a", "200 1"}, {0, "Authorization: a", "200 1"}, {0, "Authorization: b", "200 2"}}},
		{"with must-revalidate", "Cache-Control: max-age=60, must-revalidate", []ask{{0, "Authorization: a", "200 1"}, {0, "Authorization: a", "200 1"}}},
		{"cookies are an identity", "Cache-Control: max-age=60", []ask{{0, "Cookie: a", "200 1"}, {0, "Cookie: b", "200 2"}, {0, "Cookie: a", "200 1"}}},

		{"a client's no-cache", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {0, "Cache-Control: no-cache", "200 2"}, {0, "", "200 2"}}},
		{"Pragma: no-cache", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {0, "Pragma: no-cache", "200 2"}}},
		{"Cache-Control goes before Pragma", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {0, "Pragma: no-cache\nCache-Control: max-age=60", "200 1"}}},
		{"a client's no-store", "Cache-Control: max-age=60", []ask{{0, "Cache-Control: no-store", "200 1"}, {0, "", "200 2"}, {0, "", "200 2"}}},
		{"a client's max-age", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {20, "Cache-Control: max-age=10", "200 2"}}},
		{"a client's min-fresh", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {20, "Cache-Control: min-fresh=30", "200 1"}, {20, "Cache-Control: min-fresh=30", "200 2"}}},
		{"a client's max-stale", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {70, "Cache-Control: max-stale=20", "200 1"}, {20, "Cache-Control: max-stale=20", "200 2"}}},
		{"any max-stale", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {700, "Cache-Control: max-stale", "200 1"}}},
		{"must-revalidate goes before max-stale", "Cache-Control: max-age=60, must-revalidate", []ask{{0, "", "200 1"}, {70, "Cache-Control: max-stale", "200 2"}}},
		{"only-if-cached, and it is not", "Cache-Control: max-age=60", []ask{{0, "Cache-Control: only-if-cached", "504 "}, {0, "", "200 1"}, {0, "Cache-Control: only-if-cached", "200 1"}}},
		{"a range is not answered from here", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {0, "Range: bytes=0-0", "200 2"}, {0, "", "200 1"}}},

		{"a tag that still holds", "Cache-Control: max-age=10\nEtag: \"a\"", []ask{{0, "", "200 1"}, {20, "", "200 1"}, {5, "", "200 1"}}},
		{"a tag without any age", "Etag: \"a\"", []ask{{0, "", "200 1"}, {0, "", "200 1"}}},
		{"the client's own condition, answered from here", "Cache-Control: max-age=60\nEtag: \"a\"", []ask{{0, "", "200 1"}, {0, "If-None-Match: \"a\"", "304 "}, {0, "If-None-Match: \"b\"", "200 1"}, {0, "If-None-Match: W/\"a\"", "304 "}, {0, "If-None-Match: *", "304 "}}},
		{"the client's own condition, while ours is asked", "Cache-Control: max-age=10\nEtag: \"a\"", []ask{{0, "", "200 1"}, {20, "If-None-Match: \"b\"", "200 1"}, {20, "If-None-Match: \"a\"", "304 "}}},
		{"a date that the client has", "Cache-Control: max-age=60\nLast-Modified: Sat, 01 Jan 2000 00:00:00 GMT", []ask{{0, "", "200 1"}, {0, "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT", "304 "}, {0, "If-Modified-Since: Fri, 31 Dec 1999 00:00:00 GMT", "200 1"}}},
		{"a date that the client has, of an answer without Last-Modified", "Cache-Control: max-age=60", []ask{{0, "", "200 1"}, {1, "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT", "304 "}, {1, "If-Modified-Since: Fri, 31 Dec 1999 23:59:59 GMT", "200 1"}}},
		{"stale-while-revalidate answers at once, and anew the next time", "Cache-Control: max-age=10, stale-while-revalidate=20", []ask{{0, "", "200 1"}, {15, "", "200 1"}, {1, "", "200 2"}, {40, "", "200 3"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, says(c.answer))
				get := o.asking(Config{})
				for i, a := range c.asks {
					time.Sleep(time.Duration(a.after) * time.Second)
					if got := get(a.header); got != a.want {
						t.Fatalf("request %d: got %s, want %s", i+1, got, a.want)
					}
				}
			})
		})
	}
}

// What describes the body that we have stays; the rest is as the 304 says (RFC 9111 3.2).
func TestA304BringsWhatIsNewOfAHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, func(n int, w http.ResponseWriter, r *http.Request) {
			says(fmt.Sprintf("Cache-Control: max-age=10\nEtag: \"a\"\nX-A: %d\nContent-Type: text/plain; v=%d\nContent-Md5: %d\nContent-Location: /%d", n, n, n, n))(n, w, r)
		})
		fetch := o.backend(Config{URLPattern: "/x", Encoding: "no-op", Extra: Extra{Cache: &cache.Config{}}})
		for n, want := range []string{"1 text/plain; v=1 1 /1", "2 text/plain; v=2 1 /2", "2 text/plain; v=2 1 /2"} {
			res, err := fetch(t.Context(), get())
			if err != nil {
				t.Fatal(err)
			}
			h := res.Stream
			if got := strings.Join([]string{h.Get("X-A"), h.Get("Content-Type"), h.Get("Content-Md5"), h.Get("Content-Location")}, " "); got != want {
				t.Errorf("request %d: got %s, want %s", n+1, got, want)
			}
			res.Close()
			if n == 0 {
				time.Sleep(20 * time.Second)
			}
		}
	})
}

// A 304 that speaks of something else than what is kept says nothing: the origin is asked once more, without conditions.
func TestA304OfSomethingElseIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(t)
		var asked []string
		i.serve("origin.test:80", func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Header.Get("If-None-Match")+" "+r.Header.Get("Authorization"))
			w.Header().Set("Cache-Control", "public, max-age=10")
			w.Header().Set("Etag", fmt.Sprintf("%q", fmt.Sprint(len(asked))))
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(304)
				return
			}
			fmt.Fprint(w, len(asked))
		})
		ask := i.backend(Config{URLPattern: "/x", Encoding: "no-op", Extra: Extra{Cache: &cache.Config{}, Credentials: over(tokens.Client{})}})
		for _, want := range []string{`200 "1"`, `200 "3"`} {
			if got := said(ask(t.Context(), get())); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			time.Sleep(20 * time.Second)
		}
		if want := []string{" Bearer t1", `"1" Bearer t1`, " Bearer t1"}; !slices.Equal(asked, want) {
			t.Errorf("the origin was asked with %q, want %q", asked, want)
		}
	})
}

func TestAnAnswerFromHereTellsItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, says("Cache-Control: max-age=60\nAge: 5\nEtag: \"a\"\nX-A: 1"))
		fetch := o.backend(Config{URLPattern: "/x", Encoding: "no-op", Extra: Extra{Cache: &cache.Config{}}})
		for range 2 {
			res, err := fetch(t.Context(), get())
			if err != nil {
				t.Fatal(err)
			}
			age := res.Stream.Get("Age")
			if o.hits.Load() != 1 || res.Stream.Get("X-A") != "1" || res.Stream.Get("Date") == "" {
				t.Errorf("got header %v", res.Stream.Header)
			}
			res.Close()
			time.Sleep(10 * time.Second)
			if age != "5" && age != "15" {
				t.Errorf("got Age %s, want 5 and then 15", age)
			}
		}
	})
}

func TestOneRequestFetchesForAllWhoWait(t *testing.T) {
	for _, encoding := range []string{"json", "no-op"} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s chunked %t", encoding, chunked), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOrigin(t, func(n int, w http.ResponseWriter, _ *http.Request) {
						time.Sleep(time.Second)
						w.Header().Set("Cache-Control", "max-age=60")
						if chunked {
							w.Header().Set("Transfer-Encoding", "chunked")
						}
						fmt.Fprintf(w, `{"n":%d}`, n)
					})
					get := o.asking(Config{Encoding: encoding})
					var wg sync.WaitGroup
					for range 100 {
						wg.Go(func() {
							if got := get(""); !strings.HasPrefix(got, "200 ") {
								t.Error(got)
							}
						})
					}
					wg.Wait()
					if n := o.hits.Load(); n != 1 {
						t.Errorf("got %d requests at the origin, want 1", n)
					}
				})
			})
		}
	}
}

// A stream whose reader is slow, or that is longer than what is kept, keeps the others for a moment, once a minute; one whose
// reader leaves is asked for by somebody else.
func TestAStreamThatTakesItsTimeKeepsNobody(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		read   func(body io.ReadCloser)
		waited time.Duration
		hits   int64
	}{
		{"nobody reads it", 100, func(io.ReadCloser) { time.Sleep(time.Minute) }, 500 * time.Millisecond, 21},
		{"too long", 2 << 20, func(body io.ReadCloser) { io.Copy(io.Discard, body) }, 0, 21},
		{"the reader leaves", 100, func(body io.ReadCloser) { time.Sleep(100 * time.Millisecond); body.Close() }, 100 * time.Millisecond, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(t, func(n int, w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Cache-Control", "max-age=60")
					w.Header().Set("Transfer-Encoding", "chunked")
					io.WriteString(w, strings.Repeat("x", c.size))
				})
				cfg := Config{URLPattern: "/x", Encoding: "no-op", Extra: Extra{Cache: &cache.Config{}}}
				fetch := o.backend(cfg)
				lead, err := fetch(context.Background(), get())
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				before := time.Now()
				for range 20 {
					wg.Go(func() {
						res, err := fetch(context.Background(), get())
						if err != nil {
							t.Error(err)
							return
						}
						if waited := time.Since(before); waited != c.waited {
							t.Errorf("waited %v, want %v", waited, c.waited)
						}
						if body, err := io.ReadAll(res.Stream.Body); err != nil || len(body) != c.size {
							t.Errorf("got %d bytes, %v", len(body), err)
						}
						res.Close()
					})
				}
				synctest.Wait()
				c.read(lead.Stream.Body)
				wg.Wait()
				lead.Close()
				if n := o.hits.Load(); n < 2 || n > c.hits { // fewer, where one was kept before others looked
					t.Errorf("got %d requests at the origin, want 2 to %d", n, c.hits)
				}
			})
		})
	}
}

func TestWhatCannotBeKeptMakesNobodyWaitTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			fmt.Fprint(w, n)
		})
		get := o.asking(Config{})
		get("")
		before := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { get("") })
		}
		wg.Wait()
		if waited := time.Since(before); waited != time.Second {
			t.Errorf("waited %v, want the second that the origin takes", waited)
		}
	})
}

func TestWhoLeavesDoesNotTakeTheOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			says("Cache-Control: max-age=60")(n, w, &http.Request{})
		})
		fetch := o.backend(Config{URLPattern: "/x", Encoding: "no-op", Extra: Extra{Cache: &cache.Config{}}})
		var wg sync.WaitGroup
		ctx, leave := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := fetch(ctx, get()); reasonIn(err) != ReasonCanceled {
				t.Errorf("got %v", err)
			}
		})
		time.Sleep(100 * time.Millisecond)
		for range 20 {
			wg.Go(func() {
				if got := said(fetch(t.Context(), get())); got != `200 "2"` {
					t.Error(got)
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		leave()
		wg.Wait()
		if n := o.hits.Load(); n != 2 {
			t.Errorf("got %d requests at the origin, want 2", n)
		}
	})
}

func TestStaleIfError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		o := newOrigin(t, func(n int, w http.ResponseWriter, r *http.Request) {
			if broken.Load() {
				w.WriteHeader(503)
				return
			}
			says("Cache-Control: max-age=10, stale-if-error=100")(n, w, r)
		})
		get := o.asking(Config{})
		wantSaid(t, get(""), "200 1")
		broken.Store(true)
		time.Sleep(50 * time.Second)
		wantSaid(t, get(""), "200 1")
		o.kill("origin.test:80", fmt.Errorf("gone"))
		wantSaid(t, get(""), "200 1")
		time.Sleep(100 * time.Second)
		if got := get(""); !strings.HasPrefix(got, "error: ") {
			t.Errorf("too old: got %s", got)
		}
	})
}

// An origin that hangs is one that fails: everybody who waits has what is there when their time is up, and who leaves nothing.
func TestStaleIfHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		o := newOrigin(t, func(n int, w http.ResponseWriter, r *http.Request) {
			if hangs.Load() {
				<-r.Context().Done()
				return
			}
			says("Cache-Control: max-age=10, stale-if-error=100")(n, w, r)
		})
		get := o.asking(Config{Timeout: ptr(conf.Duration(time.Second))})
		wantSaid(t, get(""), "200 1")
		hangs.Store(true)
		time.Sleep(50 * time.Second)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				began := time.Now()
				wantSaid(t, get(""), "200 1")
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("told after %v", took)
				}
			})
		}
		wg.Wait()
		time.Sleep(100 * time.Second)
		if got := get(""); !strings.HasPrefix(got, "error: ") {
			t.Errorf("too old: got %s", got)
		}
	})
}

func TestUnsafeMethodsForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, says("Cache-Control: max-age=60"))
		shared := Extra{Cache: &cache.Config{Shared: true}}
		get := o.asking(Config{Extra: shared})
		other := o.asking(Config{Extra: shared})
		wantSaid(t, get(""), "200 1")
		wantSaid(t, other(""), "200 1")
		wantSaid(t, o.asking(Config{Method: "POST", Extra: shared})(""), "200 2")
		wantSaid(t, get(""), "200 3")
	})
}

func TestCachesAreApartUnlessShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, says("Cache-Control: max-age=60"))
		o.env.Entry = "GET /a 0"
		get := o.asking(Config{})
		o.env.Entry = "GET /b 0"
		other := o.asking(Config{})
		wantSaid(t, get(""), "200 1")
		wantSaid(t, other(""), "200 2")
		o.env.Entry = "GET /a 0"
		wantSaid(t, o.asking(Config{})(""), "200 1") // after a reload
	})
}

func TestClaimsAreAnIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, says("Cache-Control: max-age=60, public"))
		fetch := o.backend(Config{URLPattern: "/x", Encoding: "no-op", Extra: Extra{Cache: &cache.Config{}}})
		as := func(user string) string {
			return said(fetch(t.Context(), &Request{Method: "GET", Claims: []outbound.Field{{Name: "X-User", Value: user}}}))
		}
		wantSaid(t, as("alice"), `200 "1"`)
		wantSaid(t, as("bob"), `200 "2"`)
		wantSaid(t, as("alice"), `200 "1"`)
	})
}

// Who one is, and under what name one knows us, is part of the key, whatever Vary says.
func TestWhatReachesABackendUnsaidIsPartOfTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, header := range []string{"X-Api-Key: a", "x-auth-token: a", "Authorization: Bearer a", "Cookie: s=a", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: http"} {
			o := newOrigin(t, says("Cache-Control: public, max-age=60"))
			get := o.asking(Config{})
			for _, row := range []struct{ header, want string }{{header, "200 1"}, {"", "200 2"}, {header, "200 1"}, {header + "2", "200 3"}, {"", "200 2"}} {
				if got := get(row.header); got != row.want {
					t.Errorf("with %q: got %s, want %s", row.header, got, row.want)
				}
			}
		}
	})
}

func TestEveryBodySizeComesThroughWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, chunked := range []bool{false, true} {
			for _, size := range []int{0, 1, 999, 1000, 1001, 5000} {
				for _, encoding := range []string{"string", "no-op"} {
					o := newOrigin(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Cache-Control", "max-age=60")
						if chunked {
							w.Header().Set("Transfer-Encoding", "chunked")
						}
						_, _ = w.Write([]byte(strings.Repeat("x", size)))
					})
					get := o.asking(Config{Encoding: encoding, Extra: Extra{Cache: &cache.Config{MaxItem: ptr(int64(1000))}}})
					for range 3 {
						if got := get(""); strings.Count(got, "x") != size || !strings.HasPrefix(got, "200 ") {
							t.Errorf("size %d, chunked %t, %s: got %.60s with %d bytes", size, chunked, encoding, got, strings.Count(got, "x"))
						}
					}
					if kept := o.hits.Load() == 1; kept != (size <= 1000) {
						t.Errorf("size %d, chunked %t, %s: %d requests at the origin", size, chunked, encoding, o.hits.Load())
					}
				}
			}
		}
	})
}

func TestCacheMistakes(t *testing.T) {
	r := newRig(t)
	_, err := New(Config{Host: []string{"a"}, Extra: Extra{Cache: &cache.Config{MaxSize: ptr(int64(-1))}}}.Inherit(nil, "GET"), r.env)
	if err == nil || len(conf.Flatten(err)) != 1 || !strings.HasPrefix(err.Error(), "extra_config.qos/http-cache: ") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkCacheHit(b *testing.B) {
	o := newOrigin(b, says("Cache-Control: max-age=60"))
	fetch := o.backend(Config{URLPattern: "/x", Encoding: "no-op", Extra: Extra{Cache: &cache.Config{}}})
	b.ReportAllocs()
	for b.Loop() {
		res, err := fetch(b.Context(), get())
		if err != nil {
			b.Fatal(err)
		}
		res.Close()
	}
	if o.hits.Load() != 1 {
		b.Errorf("got %d requests at the origin", o.hits.Load())
	}
}

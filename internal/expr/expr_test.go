package expr

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func decoded(t testing.TB, text string) any {
	t.Helper()
	v, err := Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func vars(t testing.TB) *Vars {
	return &Vars{
		Method: "GET", Path: "/nick/kate", Body: "hello",
		Params: map[string]string{"Nick": "kate"},
		Header: map[string][]string{"X-Forwarded-For": {"::1"}, "Accept": {"a", "b"}},
		Query:  map[string][]string{"id": {"1", "2"}},
		Claims: decoded(t, `{"sub":"alice","roles":["admin","user"],"n":9007199254740993,"aud":"x","days":[0,1,2,3,4,5,6],"https://foo.com/roles":["x"]}`),
		Status: 204, Complete: true, AnswerHeader: map[string][]string{"Content-Type": {"text/plain"}},
		Data: NewAnswer(`{"a":1,"half":0.5,"big":12345678901234567890,"list":[{"id":3},{"id":4}],"o":{"deep":{"x":null}},"s":"text","neg":-7}`),
		Now:  time.Date(2026, 11, 21, 23, 30, 0, 0, time.FixedZone("", 3600)),
	}
}

func TestExpressionsSeeWhatIsThere(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"the method", `req_method == "GET"`, ""},
		{"the path", `req_path.startsWith("/nick/")`, ""},
		{"a parameter, its first letter in upper case", `req_params.Nick.matches("^k.*")`, ""},
		{"a parameter that is not there has no value", `req_params.Nope == "x"`, "has no value: no such key: Nope"},
		{"a header is a list", `"::1" in req_headers["X-Forwarded-For"]`, ""},
		{"a header by its place", `req_headers["Accept"][1] == "b"`, ""},
		{"the query", `req_querystring.id == ["1", "2"]`, ""},
		{"has finds out about a parameter of the query", `has(req_querystring.id) && !has(req_querystring.other)`, ""},
		{"the body", `req_body.size() == 5`, ""},
		{"a claim", `JWT.sub == "alice"`, ""},
		{"one of the roles", `"admin" in JWT.roles`, ""},
		{"a claim with a name of its own", `JWT["https://foo.com/roles"][0] == "x"`, ""},
		{"an integer claim keeps every digit", `JWT.n == 9007199254740993`, ""},
		{"an integer claim is no other", `JWT.n == 9007199254740992`, "is false"},
		{"a missing claim has no value, and nothing of the token is told", `JWT.alice == 1`, "has no value for these claims"},
		{"a claim of another type has no value", `JWT.sub > 3`, "has no value for these claims"},
		{"the day of the week in UTC", `timestamp(now).getDayOfWeek() in JWT.days && timestamp(now).getDayOfWeek() == 6`, ""},
		{"the hour in UTC", `timestamp(now).getHours() == 22`, ""},
		{"JSON integers are ints", `resp_data.a == 1 && resp_data.a + 1 == 2 && type(resp_data.a) == int`, ""},
		{"negative ones too", `resp_data.neg == -7`, ""},
		{"other numbers are doubles", `resp_data.half * 2.0 == 1.0`, ""},
		{"casts as KrakenD's users write them", `int(resp_data.a) == 1 && double(resp_data.a) == 1.0`, ""},
		{"an integer beyond 64 bits is a double", `resp_data.big > 1.0e19`, ""},
		{"macros over lists", `resp_data.list.exists(x, x.id == 4) && resp_data.list.map(x, x.id) == [3, 4]`, ""},
		{"deep ones", `resp_data.o.deep.x == null`, ""},
		{"a key that is in an object", `"s" in resp_data && !("t" in resp_data)`, ""},
		{"whether all parts answered", `resp_completed`, ""},
		{"the status", `resp_metadata_status == 204`, ""},
		{"the headers of the answer", `resp_metadata_headers["Content-Type"][0] == "text/plain"`, ""},
		{"false is false", `req_method == "POST"`, "is false"},
		{"a text where true or false is wanted", `resp_data.s`, "gives a string, want true or false"},
		{"and is true where one side has no value and the other is false", `resp_data.nope == 1 && false`, "is false"},
		{"optional fields", `resp_data.?nope.orValue(7) == 7`, ""},
		{"strings of the extension", `"a,b".split(",") == ["a", "b"]`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Compile(row.text, Anything)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := p.Judge(t.Context(), vars(t)); err != nil {
				got = err.Error()
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestMistakesSayWhereTheyAre(t *testing.T) {
	for _, row := range []struct {
		name, text string
		offers     Names
		want       string
	}{
		{"a syntax error", `req_method == `, OfRequest, "character 15: ends too early, want a value"},
		{"in the second line", "req_method == 'GET' &&\n  nope == 1", OfRequest, "line 2, character 3: undeclared reference to 'nope'"},
		{"a function that does not exist", `req_path.begins("/")`, OfRequest, "character 16: undeclared reference to 'begins'"},
		{"types that do not fit", `req_method == 3`, OfRequest, "character 12: == takes no (string, int)"},
		{"a list of any length", `lists.range(int(req_body)).size() > 0`, OfRequest, "undeclared reference to 'range'"},
		{"a value that is neither true nor false", `req_method`, OfRequest, "gives a string, want true or false"},
		{"nothing", ``, OfRequest, "ends too early"},
		{"an answer before there is one", `resp_data.a == 1`, OfRequest, "resp_data is not known here, want req_method, req_path, req_params, req_headers, req_querystring, req_body or now"},
		{"claims where there is no validator", `JWT.sub == "x"`, OfRequest | OfAnswer, "JWT needs a token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Compile(row.text, row.offers)
			if err == nil || !strings.HasPrefix(err.Error(), row.want) && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestTheMomentIsReadFromTheTree(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       Names
	}{
		{"a word in a string is no variable", `req_path != "/resp_data/JWT"`, Path},
		{"a field of that name is no variable", `req_params.Resp_data == "x"`, Params},
		{"a name that a macro binds is no variable", `[1, 2].all(resp_data, resp_data > 0)`, 0},
		{"the list that a macro goes over is", `req_querystring.id.exists(JWT, JWT == "1")`, Query},
		{"a macro hides a name only inside", `[1].all(JWT, JWT > 0) && JWT.sub == "x"`, Claims},
		{"both sides", `req_method == "GET" || resp_completed`, Method | Complete},
		{"in lists, maps and arguments", `{"a": [req_path, now]}.size() == 1 && string(resp_metadata_status).matches(req_body)`, Path | Now | Status | Body},
		{"has is a look at its operand", `has(JWT.sub) && has(resp_data.x)`, Claims | Data},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Compile(row.text, Anything)
			if err != nil {
				t.Fatal(err)
			}
			if p.Needs() != row.want {
				t.Errorf("needs %s, want %s", p.Needs(), row.want)
			}
			if p.Needs().Late() != (row.want&OfAnswer != 0) {
				t.Errorf("late: %v", p.Needs().Late())
			}
		})
	}
}

// TestEveryVariableIsDeclaredAndHasAValue holds the three lists of this package (constants, names, values) against each other.
func TestEveryVariableIsDeclaredAndHasAValue(t *testing.T) {
	for i, name := range variables {
		p, err := Compile(name+" == "+name, Anything)
		if err != nil {
			t.Fatal(err)
		}
		if p.Needs() != 1<<i {
			t.Errorf("%s needs %s", name, p.Needs())
		}
		if err := p.Judge(t.Context(), &Vars{}); err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
	if _, known := new(activation).ResolveName("other"); known {
		t.Error("a name that nobody declared has a value")
	}
}

func TestWorkIsBounded(t *testing.T) {
	v := &Vars{Data: NewAnswer(`{"l":[` + strings.Repeat(`"x",`, 2999) + `"x"]}`)}
	p, err := Compile(`resp_data.l.all(a, resp_data.l.all(b, resp_data.l.all(c, a == b && b == c)))`, Anything)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("in cost", func(t *testing.T) {
		err := p.Judge(t.Context(), v)
		if err == nil || !strings.Contains(err.Error(), "cost limit exceeded") {
			t.Errorf("got %v, want the cost limit", err)
		}
	})
	t.Run("by the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Judge(ctx, v); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
	t.Run("in the middle of a loop", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.Judge(ctx, v); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}

func TestAProgramServesManyAtOnce(t *testing.T) {
	p, err := Compile(`req_params.Nick == JWT.sub`, Anything)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		go func() {
			own := &Vars{Params: map[string]string{"Nick": name}, Claims: map[string]any{"sub": name}}
			other := &Vars{Params: map[string]string{"Nick": name}, Claims: map[string]any{"sub": "eve"}}
			for range 500 {
				if err := p.Judge(t.Context(), own); err != nil {
					done <- err
					return
				}
				if err := p.Judge(t.Context(), other); !errors.Is(err, ErrFalse) {
					done <- errors.Join(errors.New("somebody else passed"), err)
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func FuzzCompileNeverPanics(f *testing.F) {
	for _, seed := range []string{`req_method == "GET"`, `JWT.a[0].b`, `[1].all(x, x > 0)`, `{"a": 1}.a`, "a.b.c(", `"\x00"`, `has(resp_data.x)`} {
		f.Add(seed)
	}
	v := vars(f)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text, Anything)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = p.Judge(ctx, v)
	})
}

func BenchmarkJudge(b *testing.B) {
	for _, row := range []struct{ name, text string }{
		{"a method", `req_method == "GET"`},
		{"a claim in a list", `"admin" in JWT.roles`},
		{"a header", `"::1" in req_headers["X-Forwarded-For"]`},
		{"data", `resp_data.list.exists(x, x.id == 4)`},
	} {
		b.Run(row.name, func(b *testing.B) {
			p, err := Compile(row.text, Anything)
			if err != nil {
				b.Fatal(err)
			}
			v := vars(b)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Judge(ctx, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(`req_method == "GET" && "admin" in JWT.roles`, Anything); err != nil {
			b.Fatal(err)
		}
	}
}

package lua

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/goleak"

	"gatehouse/internal/conf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files are the sources of a test.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("open %s: no such file or directory", name)
	}
	return []byte(text), nil
}

func script(t testing.TB, cfg Config, use Use, house House) *Script {
	t.Helper()
	s, err := New(cfg, use, house)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request() *Request {
	return &Request{Method: "GET", Path: "/users/42", Query: "id=1&tag=a%20b&tag=c", URL: "/users/42?id=1", Host: "api.example",
		Params: []Pair{{"Id", "42"}}, Header: []Pair{{"Accept", "text/plain"}, {"X-Multi", "A"}, {"X-Multi", "B"}},
		Load: func() (string, error) { return "hello", nil }}
}

func response() *Response {
	return &Response{Complete: true, Status: 200, Header: []Pair{{"Content-Type", "application/json"}},
		Data: `{"z":1,"big":12345678901234567890,"name":"Ann <b>","list":[{"id":3},{"id":4}],"o":{"y":null,"x":1.50},"ok":true}`}
}

// TestScriptsReadAndWrite runs a script and looks at what print has written and at what has become of request and answer.
func TestScriptsReadAndWrite(t *testing.T) {
	for _, row := range []struct {
		name string
		use  Use
		code string
		want string // printed
		then func(q *Request, a *Response) string
		left string
	}{
		{name: "the method", use: Proxy, code: `local r = request.load(); print(r:method()); r:method("POST")`, want: "GET",
			then: func(q *Request, _ *Response) string { return q.Method }, left: "POST"},
		{name: "the path", use: Proxy, code: `local r = request.load(); r:path(r:path() .. "/x")`,
			then: func(q *Request, _ *Response) string { return q.Path }, left: "/users/42/x"},
		{name: "the query of a request is raw", use: Proxy, code: `local r = request.load(); print(r:query()); r:query("?a=1&b=2")`, want: "id=1&tag=a%20b&tag=c",
			then: func(q *Request, _ *Response) string { return q.Query }, left: "a=1&b=2"},
		{name: "the query of ctx is by name", use: Endpoint, code: `local c = ctx.load(); print(c:query("tag"), c:query("none")); c:query("tag", "ü&"); c:query("id", nil)`, want: "a b\t",
			then: func(q *Request, _ *Response) string { return q.Query }, left: "tag=%C3%BC%26"},
		{name: "the host of ctx", use: Endpoint, code: `local c = ctx.load(); c:host(c:host() .. ".new")`,
			then: func(q *Request, _ *Response) string { return q.Host }, left: "api.example.new"},
		{name: "a parameter", use: Backend, code: `local r = request.load(); print(r:params("Id") .. r:params("None")); r:params("Id", "7"); r:params("New", "8")`, want: "42",
			then: func(q *Request, _ *Response) string { return fmt.Sprint(q.Params) }, left: "[{Id 7} {New 8}]"},
		{name: "headers are found in any case", use: Proxy, code: `local r = request.load(); print(r:headers("accept") .. r:headers("none")); r:headers("ACCEPT", "x/y")`, want: "text/plain",
			then: func(q *Request, _ *Response) string { return fmt.Sprint(q.Header) }, left: "[{ACCEPT x/y} {X-Multi A} {X-Multi B}]"},
		{name: "nil takes a header away", use: Proxy, code: `request.load():headers("x-multi", nil)`,
			then: func(q *Request, _ *Response) string { return fmt.Sprint(q.Header) }, left: "[{Accept text/plain}]"},
		{name: "headerList is all of them", use: Proxy, code: `local r = request.load(); local l = r:headerList("X-Multi"); print(l:len(), l:get(1)); l:set(2, "C"); r:headerList("X-Multi", l)`, want: "2\tB",
			then: func(q *Request, _ *Response) string { return fmt.Sprint(q.Header) }, left: "[{Accept text/plain} {X-Multi A} {X-Multi B} {X-Multi C}]"},
		{name: "the body is read when it is asked for", use: Proxy, code: `local r = request.load(); r:body(r:body() .. " world"); print(r:body())`, want: "hello world",
			then: func(q *Request, _ *Response) string { return fmt.Sprint(q.Body, " ", q.NewBody) }, left: "hello world true"},
		{name: "the answer's status, completeness and headers", use: Proxy,
			code: `local r = response.load(); print(r:statusCode(), r:isComplete(), r:headers("content-type")); r:statusCode(201); r:isComplete(false); r:headers("X-New", "1")`, want: "200\ttrue\tapplication/json",
			then: func(_ *Request, a *Response) string { return fmt.Sprint(a.Status, a.Complete, a.Header) }, left: "201 false [{Content-Type application/json} {X-New 1}]"},
		{name: "looking at data changes nothing", use: Proxy, code: `local d = response.load():data(); print(d:get("name"), d:get("list"):len(), d:get("o"):get("x"), d:get("o"):get("y"), d:get("ok"), d:get("none"), #d)`, want: "Ann <b>\t2\t1.5\tnil\ttrue\tnil\t6",
			then: func(_ *Request, a *Response) string { return fmt.Sprint(a.NewData != nil) }, left: "false"},
		{name: "what is not touched keeps its order and its digits", use: Proxy, code: `local d = response.load():data(); d:set("n", 3); d:del("ok")`,
			then: data, left: `{"z":1,"big":12345678901234567890,"name":"Ann <b>","list":[{"id":3},{"id":4}],"o":{"y":null,"x":1.50},"n":3}`},
		{name: "objects inside are changed in their place", use: Proxy, code: `local d = response.load():data(); local l = d:get("list"); l:del(0); l:set(1, "end"); d:get("o"):set("y", luaNil.new())`,
			then: data, left: `{"z":1,"big":12345678901234567890,"name":"Ann <b>","list":[{"id":4},"end"],"o":{"y":null,"x":1.50},"ok":true}`},
		{name: "tables of Lua become objects and arrays", use: Proxy, code: `local r = response.load(); r:data({b = {1, 2.5, "x"}, a = {}, c = {[1] = 1, [3] = 3}})`,
			then: data, left: `{"a":{},"b":[1,2.5,"x"],"c":{"1":1,"3":3}}`},
		{name: "tables and lists of ours", use: Proxy, code: `local t = luaTable.new(); t:set("l", luaList.new()); t:get("l"):set(0, true); local k = t:keys(); print(k:get(0), t:len()); response.load():data(t)`, want: "l\t1",
			then: data, left: `{"l":[true]}`},
		{name: "one field of data", use: Proxy, code: `print("key=" .. response.load():data("name"))`, want: "key=Ann <b>"},
		{name: "JSON", use: Backend, code: `local t = json.unmarshal('{"a":[1,{"b":null}],"n":7}'); print(json.marshal(t), json.marshal({x = 1}), json.marshal("é"), t:get("n") + 1)`,
			want: "{\"a\":[1,{\"b\":null}],\"n\":7}\t{\"x\":1}\t\"é\"\t8"},
		{name: "the usual libraries are there", use: Proxy, code: `print(string.match("a-b", "%a$"), table.concat({1, 2}, ","), math.max(1, 2), tostring(pcall(error, "x")))`, want: "b\t1,2\t2\tfalse"},
		{name: "files and other programs are out of reach", use: Proxy, code: `print(io, os, debug, dofile, loadstring, require, load, coroutine)`, want: strings.TrimSuffix(strings.Repeat("nil\t", 8), "\t")},
	} {
		t.Run(row.name, func(t *testing.T) {
			var printed []string
			cfg := Config{Pre: row.code}
			if strings.Contains(row.code, "response.load") {
				cfg = Config{Post: row.code}
			}
			s := script(t, cfg, row.use, House{Print: func(line string) { printed = append(printed, line) }})
			q, a := request(), response()
			if err := errors.Join(s.Pre(t.Context(), q), s.Post(t.Context(), q, a)); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(printed, "\n"); got != row.want {
				t.Errorf("printed %q, want %q", got, row.want)
			}
			if row.then != nil {
				if got := row.then(q, a); got != row.left {
					t.Errorf("left\n%s\nwant\n%s", got, row.left)
				}
			}
		})
	}
}

func data(_ *Request, a *Response) string {
	if a.NewData != nil {
		return string(a.NewData)
	}
	return a.Data
}

func TestScriptsFail(t *testing.T) {
	for _, row := range []struct{ name, code, want string }{
		{"an error names script and line", "local a = 1\nnothing()", "script: pre:2: attempt to call a non-function object"},
		{"a message with a status", `custom_error("no", 418)`, "custom_error: no 418 "},
		{"a message alone is a 500", `custom_error("no")`, "custom_error: no 500 "},
		{"a message with its type", `custom_error('{"a":1}', 404, "application/json")`, `custom_error: {"a":1} 404 application/json`},
		{"no message", `custom_error()`, "script: pre:1: custom_error needs a message"},
		{"a status that is none", `custom_error("x", 99)`, "script: pre:1: custom_error: 99 is no status of an answer"},
		{"what pcall catches has not happened", `pcall(custom_error, "no", 418)`, ""},
		{"a header that would be two", `request.load():headers("X", "a\r\nY: b")`, "script: pre:1: header X: the value has control characters"},
		{"a name that is no header's", `request.load():headers("X Y", "a")`, `script: pre:1: "X Y" is not the name of a header`},
		{"a string that is too long", `local s = string.rep("x", 1e9)`, "script: pre:1: the string would be longer than 16777216 bytes"},
		{"recursion without an end", `local function f() return 1 + f() end f()`, "script: lua callstack overflow"},
		{"a list is not sparse", `luaList.new():set(5, 1)`, "script: pre:1: bad argument #2 to set (is not a place of the list, nor the one behind it)"},
		{"a function is no JSON", `luaTable.new():set("f", print)`, "script: pre:1: bad argument #3 to set (a function cannot be JSON)"},
		{"a table in itself is no JSON", `local t = {} t.t = t; json.marshal(t)`, "script: pre:1: bad argument #1 to marshal (a table is nested too deeply, or in itself)"},
		{"a list in itself is no JSON", `local l = luaList.new() l:set(0, l); json.marshal(l)`, "script: pre:1: json.marshal: data is nested too deeply, or in itself"},
		{"NaN is no JSON", `json.marshal(0/0)`, "script: pre:1: json.marshal: a number that is not finite cannot be JSON"},
		{"broken JSON", `json.unmarshal("{")`, "script: pre:1: json.unmarshal: unexpected EOF"},
		{"more than one value", `json.unmarshal("1 2")`, "script: pre:1: json.unmarshal: there is more after the value"},
		{"a method without a colon", `luaTable.new().get("x")`, "script: pre:1: bad argument #1 to get (want a luaTable; call methods with a colon)"},
		{"metatables of ours are closed", `setmetatable(luaTable.new(), {})`, "script: pre:1: cannot change a protected metatable"},
		{"nobody to send requests", `http_response.new("http://x/")`, "script: pre:1: http_response.new is not served here"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := script(t, Config{Pre: row.code}, Proxy, House{})
			err := s.Pre(t.Context(), request())
			got := ""
			var said *Error
			if errors.As(err, &said) {
				got = fmt.Sprint(err, " ", said.Status, " ", said.ContentType)
			} else if err != nil {
				got = err.Error()
			}
			if got != row.want && (row.want == "" || !strings.HasPrefix(got, row.want)) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestAnEndlessLoopEndsWithItsContext(t *testing.T) {
	for _, row := range []struct{ name, code string }{
		{"a bare loop", `while true do end`},
		{"one that catches errors", `while true do pcall(function() while true do end end) end`},
		{"in a handler of errors", `xpcall(function() error("x") end, function() while true do end end) while true do end`},
		{"in a coroutine", `coroutine.wrap(function() while true do end end)()`},
		{"in the comparison of a sort", `local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() while true do end end)`},
		{"in a replacement", `string.gsub("abc", ".", function() while true do end end)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := script(t, Config{Pre: row.code, AllowOpenLibs: true}, Proxy, House{})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := s.Pre(ctx, request()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the context's error", err)
			}
		})
	}
}

// TestNothingOfOneCallerSurvives has each caller leave its name wherever a script can put it, and look for somebody else's.
func TestNothingOfOneCallerSurvives(t *testing.T) {
	cfg := Config{Sources: []string{"keep.lua"}, AllowOpenLibs: true, Pre: `
		local r = request.load()
		local me = r:headers("X-User")
		local seen = {secret, string.secret, kept(), getmetatable("").secret, _G.secret2, package and package.secret, luaTable.secret, os.getenv("SECRET")}
		for _, v in pairs(seen) do r:headers("X-Saw", v) end
		secret = me; string.secret = me; keep(me); getmetatable("").secret = me; luaTable.secret = me
		rawset(_G, "secret2", me)
		pcall(function() os.setenv("SECRET", me) end)
	`}
	house := House{ReadFile: files{"keep.lua": `local held; function keep(v) held = v end; function kept() return held end`}.read}
	s := script(t, cfg, Proxy, house)
	var wg sync.WaitGroup
	for _, user := range []string{"alice", "bob"} {
		wg.Go(func() {
			for range 50 {
				q := &Request{Header: []Pair{{"X-User", user}}}
				if err := s.Pre(t.Context(), q); err != nil {
					t.Error(err)
					return
				}
				if len(q.Header) != 1 {
					t.Errorf("%s saw %v", user, q.Header[1:])
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestSources(t *testing.T) {
	t.Run("are run before pre and before post", func(t *testing.T) {
		var printed []string
		house := House{ReadFile: files{"a.lua": `function twice(n) return n * 2 end`, "b.lua": `x = twice(21)`}.read,
			Print: func(line string) { printed = append(printed, line) }}
		s := script(t, Config{Sources: []string{"a.lua", "b.lua"}, Pre: `print(x) x = 1`, Post: `print(x)`}, Proxy, house)
		if err := errors.Join(s.Pre(t.Context(), request()), s.Post(t.Context(), request(), response())); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(printed, " "); got != "42 42" {
			t.Errorf("printed %q", got)
		}
	})
	t.Run("are read again where live is on, and only there", func(t *testing.T) {
		for _, live := range []bool{false, true} {
			var printed string
			f := files{"a.lua": `x = "old"`}
			s := script(t, Config{Sources: []string{"a.lua"}, Pre: `print(x)`, Live: live}, Proxy, House{ReadFile: f.read, Print: func(line string) { printed = line }})
			f["a.lua"] = `x = "new"`
			if err := s.Pre(t.Context(), request()); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{false: "old", true: "new"}[live]; printed != want {
				t.Errorf("live %v: %s, want %s", live, printed, want)
			}
			f["a.lua"] = `x = `
			if err := s.Pre(t.Context(), request()); (err != nil) != live {
				t.Errorf("live %v, broken file: %v", live, err)
			}
		}
	})
}

func TestConfigurationMistakes(t *testing.T) {
	sum := md5.Sum([]byte("x = 1"))
	house := House{ReadFile: files{"good.lua": "x = 1", "bad.lua": "x = = 1"}.read}
	for _, row := range []struct {
		name string
		cfg  Config
		use  Use
		want string
	}{
		{"a syntax error says the line", Config{Pre: "local a = 1\nlokal b = 2"}, Proxy, `pre: line 2: syntax error near "b"`},
		{"a script that breaks off", Config{Post: "if x then"}, Backend, `post: ends too early: syntax error`},
		{"a file that is not there", Config{Sources: []string{"none.lua"}, Pre: "x()"}, Proxy, "sources[0]: open none.lua: no such file or directory"},
		{"a file that is broken", Config{Sources: []string{"good.lua", "bad.lua"}, Pre: "x()"}, Proxy, `sources[1]: line 1: syntax error near "="`},
		{"the right sum", Config{Sources: []string{"good.lua"}, MD5: map[string]string{"good.lua": strings.ToUpper(hex.EncodeToString(sum[:]))}, Pre: "x()"}, Proxy, ""},
		{"another sum", Config{Sources: []string{"good.lua"}, MD5: map[string]string{"good.lua": "00"}, Pre: "x()"}, Proxy,
			"sources[0]: has the MD5 sum " + hex.EncodeToString(sum[:]) + ", want 00"},
		{"the sum of nothing", Config{Sources: []string{"good.lua"}, MD5: map[string]string{"God.lua": "00"}, Pre: "x()"}, Proxy, `md5.God.lua: is none of the sources`},
		{"post where there is no answer", Config{Pre: "x()", Post: "y()"}, Endpoint, "post: there is no answer here; modifier/lua-proxy has a post"},
		{"skip_next where there is no backend", Config{Pre: "x()", SkipNext: true}, Proxy, "skip_next: only a backend can be left out"},
		{"nothing to run", Config{Sources: []string{"good.lua"}}, Proxy, "has neither pre nor post: nothing would run"},
		{"two mistakes at once", Config{Pre: "= 1", Post: "= 2"}, Proxy, `pre: line 1: syntax error near "="; post: line 1: syntax error near "="`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := New(row.cfg, row.use, house)
			var got []string
			for _, m := range conf.Flatten(err) {
				text := m.Err.Error()
				if len(m.Path) > 0 {
					text = m.Path.String() + ": " + text
				}
				got = append(got, text)
			}
			if strings.Join(got, "; ") != row.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), row.want)
			}
		})
	}
}

func TestScriptsAskOthers(t *testing.T) {
	closed := 0
	house := House{
		Send: func(_ context.Context, req Outgoing) (*Reply, error) {
			if req.URL == "bad" {
				return nil, errors.New("no such host")
			}
			return &Reply{Status: 201, Header: []Pair{{"X-Id", "7"}}, Body: fmt.Sprint(req), Close: func() { closed++ }}, nil
		},
	}
	var printed []string
	house.Print = func(line string) { printed = append(printed, line) }
	s := script(t, Config{Pre: `
		local r = http_response.new("http://a/")
		print(r:statusCode(), r:headers("x-id"), r:headers("none"), r:body())
		r:close()
		local s = http_response.new("http://b/", "post", "body", {["b"] = "2", ["a"] = "1"})
		print(s:body())
		print(pcall(http_response.new, "bad"))
		print(pcall(http_response.new, "http://c/", "GET", "", {["a"] = "1\n2"}))
	`}, Backend, house)
	if err := s.Pre(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	want := "201\t7\t\t{GET http://a/  []}\n{POST http://b/ body [{a 1} {b 2}]}\nfalse\tpre:7: http_response.new: no such host\nfalse\tpre:8: http_response.new: header a: the value has control characters"
	if got := strings.Join(printed, "\n"); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	if closed != 2 {
		t.Errorf("closed %d replies, want both, once each", closed)
	}
	t.Run("but not without end", func(t *testing.T) {
		s := script(t, Config{Pre: `for i = 1, 100 do http_response.new("x") end`}, Backend, house)
		if err := s.Pre(t.Context(), request()); err == nil || !strings.Contains(err.Error(), "a run may make 32 requests") {
			t.Errorf("got %v", err)
		}
	})
}

func TestALargeIndexIsNoLargeArray(t *testing.T) {
	s := script(t, Config{Pre: `local t = {} t[60000000] = 1 assert(t[60000000] == 1)`}, Proxy, House{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.Pre(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("took %d bytes", took)
	}
}

func TestOpenLibrariesDoNotReachTheProcess(t *testing.T) {
	for _, call := range []string{`os.exit(3)`, `os.execute("true")`, `os.setenv("A", "b")`, `io.popen("true")`} {
		s := script(t, Config{Pre: call, AllowOpenLibs: true}, Proxy, House{})
		if err := s.Pre(t.Context(), request()); err == nil || !strings.Contains(err.Error(), "is not served here") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// Of an object with many fields as of one with few, what is deleted is gone, and what is set again comes last.
func TestManyFields(t *testing.T) {
	for _, n := range []int{3, 100} {
		var fields []string
		for i := range n {
			fields = append(fields, fmt.Sprintf(`"k%d":[%d, %d]`, i, i, i))
		}
		s := script(t, Config{Post: `local d = response.load():data(); d:del("k1"); d:del("none"); d:del("k0"); d:set("k0", d:len()); d:set("k2", d:get("k2"):get(1)); d:set("n", d:keys():len())`}, Proxy, House{})
		a := &Response{Data: "{" + strings.Join(fields, ",") + "}"}
		if err := s.Post(t.Context(), nil, a); err != nil {
			t.Fatal(err)
		}
		fields = append(fields, fmt.Sprintf(`"k0":%d`, n-2), fmt.Sprintf(`"n":%d`, n-1))
		fields[2] = `"k2":2`
		if want := "{" + strings.Join(fields[2:], ",") + "}"; string(a.NewData) != want {
			t.Errorf("got %.100s, want %.100s", a.NewData, want)
		}
	}
}

// Strings are what encoding/json reads and writes.
func TestStringsOfData(t *testing.T) {
	for _, text := range []string{`""`, `"plain"`, `"\"\\\/\b\f\n\r\t"`, `"\u0041\u00e9\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, "\"é\xff\xfe\\n\"", "\"\xff\"", `"\u2028\u0000\u001f\u007f"`} {
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got := unquoted(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		var again string
		if err := json.Unmarshal(appendString(nil, want), &again); err != nil || again != want {
			t.Errorf("%q: printed as %q: %v", text, appendString(nil, want), err)
		}
	}
}

func FuzzData(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[1,2,{"b":[]}]`, `"é\u0000"`, `1e400`, `-0`, `{"a":1,"a":2}`, `nul`} {
		f.Add(seed)
	}
	l := lua.NewState()
	f.Cleanup(l.Close)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := decode(l, text)
		if err != nil {
			return
		}
		printed, err := appendValue(nil, v, 0)
		if err != nil {
			t.Fatalf("%q cannot be printed: %v", text, err)
		}
		if got, want := meaning(t, string(printed)), meaning(t, text); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q", text, printed)
		}
		again, err := decode(l, string(printed))
		if err != nil {
			t.Fatalf("%q became %q: %v", text, printed, err)
		}
		if twice, _ := appendValue(nil, again, 0); string(twice) != string(printed) {
			t.Fatalf("%q became %q, then %q", text, printed, twice)
		}
	})
}

// meaning is what encoding/json makes of a text.
func meaning(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func BenchmarkRun(b *testing.B) {
	for _, row := range []struct{ name, code string }{
		{"nothing", `local x = 1`},
		{"a header", `local r = request.load(); r:headers("X-From-Lua", "1234")`},
		{"data", `local d = response.load():data(); d:set("total", d:get("list"):len())`},
	} {
		b.Run(row.name, func(b *testing.B) {
			cfg := Config{Pre: row.code}
			if row.name == "data" {
				cfg = Config{Post: row.code}
			}
			s := script(b, cfg, Proxy, House{})
			b.ReportAllocs()
			for b.Loop() {
				q, a := request(), response()
				if err := errors.Join(s.Pre(b.Context(), q), s.Post(b.Context(), q, a)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package lua

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// grown is what a run is told that grows for ever, unless its steps end it first.
const grown = "script: took more than 67108864 bytes of memory"

// TestNoScriptTakesTheProcessDown runs what grows or lasts for ever without these bounds.
func TestNoScriptTakesTheProcessDown(t *testing.T) {
	for _, row := range []struct{ name, code, want string }{
		{"a string that doubles", `local s = "x" while true do s = s .. s end`, "script: pre:1: the string would be longer than 16777216 bytes"},
		{"one that doubles, caught", `local s = "x" while true do pcall(function() s = s .. s end) end`, "script: made more than 67108864 bytes of strings and data"},
		{"many strings", `local t, s = {}, string.rep("x", 1e6) for i = 1, 1e6 do t[i] = s .. i end`, "script: made more than 67108864 bytes of strings and data"},
		{"many strings that are other ones in upper case", `local t, s = {}, string.rep("x", 1e6) for i = 1, 1e6 do t[i] = s:upper() end`, "script: made more than 67108864 bytes of strings and data"},
		{"a table that grows", `local t = {} while true do t[#t+1] = {} end`, grown},
		{"a chain of tables", `local t = {} while true do t = {a = t} end`, grown},
		{"one text that is read again and again", `local s, t = "[" .. string.rep("{},", 1e6) .. "{}]", {} for i = 1, 100 do t[i] = json.unmarshal(s) end`, "script: made more than 67108864 bytes of strings and data"},
		{"a Lua tree of which every branch is the same", `local t = {} for i = 1, 40 do t = {t, t} end local s = json.marshal(t)`, "script: made more than 67108864 bytes of strings and data"},
		{"a loop, caught", `while true do pcall(function() while true do end end) end`, "script: took more than 20000000 steps"},
		{"a list that is joined", `local t, s = {}, string.rep("x", 1e6) for i = 1, 100 do t[i] = s end local u = table.concat(t)`, "script: pre:1: the string would be longer than 16777216 bytes"},
		{"a replacement", `local s = string.rep("x", 1e6):gsub("x", string.rep("y", 1000))`, "script: pre:1: the string would be longer than 16777216 bytes"},
		{"a replacement that repeats the match", `local s = string.rep("x", 1e6) s = s:gsub("^.*$", string.rep("%0", 1000))`, "script: pre:1: the string would be longer than 16777216 bytes"},
		{"a format of any width", `local s = string.format("%999999999d", 1)`, "script: pre:1: " + errFormat.Error()},
		{"a format that repeats its argument", `local s = string.format("%[1]s%[1]s", "x")`, "script: pre:1: " + errFormat.Error()},
		{"a pattern of the fourth power", `local s = string.rep("a", 5000) local x = s:match(".-.-.-.-b")`, "script: took more than 20000000 steps"},
		{"the same, caught", `local s = string.rep("a", 5000) while true do pcall(s.gsub, s, ".-.-.-.-b", "") end`, "script: took more than 20000000 steps"},
		{"a pattern that is nested without end", `local x = ("x"):match(string.rep("(", 40))`, "script: pre:1: too many captures"},
		{"a tree of which every branch is the same", `local t = luaTable.new() for i = 1, 40 do local u = luaTable.new() u:set("a", t) u:set("b", t) t = u end response.load():data():set("x", t)`, "script: data is larger than 33554432 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := script(t, Config{Pre: row.code, Post: row.code}, Proxy, House{})
			var before, after runtime.MemStats
			runtime.GC() // of the row before
			runtime.ReadMemStats(&before)
			err := s.Post(t.Context(), request(), response())
			runtime.ReadMemStats(&after)
			got := strings.Replace(fmt.Sprint(err), "post:", "pre:", 1)
			if got != row.want && (row.want != grown || got != "script: took more than 20000000 steps") { // so many steps in time
				t.Errorf("got %.200q, want %q", got, row.want)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 5<<28 {
				t.Errorf("allocated %d bytes", took)
			}
		})
	}
}

func TestCoroutinesCountTheirSteps(t *testing.T) {
	for _, code := range []string{
		`coroutine.resume(coroutine.create(function() while true do end end))`,
		`coroutine.wrap(function() while true do end end)()`,
		`loadstring("while true do end")()`,
		`local f = load(function() local s = code; code = nil; return s; end) f()`,
	} {
		s := script(t, Config{Pre: `code = "local s = 'x' while true do s = s .. s end"; ` + code, AllowOpenLibs: true}, Proxy, House{})
		if err := s.Pre(t.Context(), request()); err == nil {
			t.Errorf("%s: ended well", code)
		}
	}
}

func TestAPatternEndsAtTheDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	s := script(t, Config{Pre: `local s = string.rep("a", 5000) local x = s:match(".-.-.-.-b")`}, Proxy, House{})
	if err := s.Pre(ctx, request()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestJoiningMeansWhatItMeant runs code as the library compiles it and as we do.
func TestJoiningMeansWhatItMeant(t *testing.T) {
	for _, code := range []string{
		`return "a" .. 1 .. "b" .. 2.5`,
		`return 1 .. 2`,
		`local function two() return "x", "y" end return "a" .. two()`,
		`local function f(...) return "a" .. ... end return f("x", "y")`,
		`local mt = {__concat = function(a, b) return "[" .. tostring(type(a)) .. tostring(type(b)) .. "]" end} local t = setmetatable({}, mt) return "a" .. t .. "b" .. "c"`,
		`local mt = {__concat = function(a, b) return 7 end} local t = setmetatable({}, mt) return t .. t .. 1`,
		`local order = "" local function f(x) order = order .. x return x end local s = f("a") .. f("b") .. f("c") return order .. s`,
		`return ("a" .. "b"):upper() .. #("c" .. "dd")`,
		`local t = {["k" .. 1] = "v" .. 2} return t.k1`,
		`local f = function() return "in" .. "side" end setfenv(f, {}) return f()`,
		`local s = "" for i = 1, 3 do s = s .. i if i .. "" == "2" then s = s .. "!" end; end; repeat s = s .. "." until #s > 8 while #s < 10 do s = s .. "-" end return s`, //nolint:dupword // Lua closes its blocks like this
		`return "a" .. nil`, `return {} .. "a"`, `return "a" .. true .. "b"`,
	} {
		if got, want := evaluate(t, code, true), evaluate(t, code, false); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", code, got, want)
		}
	}
}

// evaluate is what code returns, or its error.
func evaluate(t testing.TB, code string, bounded bool) string {
	t.Helper()
	l := lua.NewState()
	defer l.Close()
	if bounded {
		allowed := newAllowance(t.Context())
		defer allowed.cancel()
		(&run{state: l, allowed: allowed}).strings()
	}
	proto, err := compile(code, "pre")
	if !bounded {
		var f *lua.LFunction
		if f, err = l.Load(strings.NewReader(code), "pre"); err == nil {
			proto = f.Proto
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	l.Push(l.NewFunctionFromProto(proto))
	if err := l.PCall(0, lua.MultRet, nil); err != nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		return text
	}
	var out []string
	for i := 1; i <= l.GetTop(); i++ {
		out = append(out, l.Get(i).String())
	}
	return strings.Join(out, "|")
}

// FuzzPatterns compares our search with the library's.
func FuzzPatterns(f *testing.F) {
	for _, row := range [][3]string{
		{"hello world", "o", "0"}, {"hello world", "l+", "[%0]"}, {"key = value", "^(%w+)%s*=%s*(%w+)$", "%2=%1"}, {"a,b,,c", "([^,]*)", "<%1>"},
		{"THE (quick) fox", "%((%a+)%)", "%1"}, {"f(a(b)c)d", "%b()", ""}, {"  x  ", "^%s*(.-)%s*$", "%1"}, {"aaa", "a-", "b"}, {"aaa", "a?", "b"}, {"aXb", "%u", "%%"},
		{"abc", "()b()", "%1"}, {"x-1", "[%d-]", "n"}, {"a]b", "[]]", "c"}, {"a^b", "[%^]", "c"}, {"\x00a", "%z", "0"}, {"aa bb", "(%a)%1", "2"}, {"abc", "", "-"}, {"x", "%", ""}, {"x", "[a", ""}, {"x", "(", ""}, {"x", ")", ""}, {"é", ".", "?"},
	} {
		f.Add(row[0], row[1], row[2])
	}
	f.Fuzz(func(t *testing.T, text, pattern, by string) {
		if len(text) > 60 || len(pattern) > 12 || len(by) > 20 || pattern == "" || strings.HasSuffix(pattern, "%") || strings.Contains(pattern, "%f") || strings.Count(pattern, "-")+strings.Count(pattern, "*")+strings.Count(pattern, "+") > 3 {
			t.Skip()
		}
		//nolint:dupword // Lua closes its blocks like this
		code := fmt.Sprintf(`local s, p, r = %s, %s, %s
			local function try(f, ...) local out = {pcall(f, ...)} if not out[1] then return "error" end; for i = 1, #out do out[i] = tostring(out[i]) end; return table.concat(out, ",") end
			local function all(s, p) local out = "" for a, b in string.gmatch(s, p) do out = out .. tostring(a) .. "," .. tostring(b) .. ";" if #out > 500 then break end; end; return out; end
			return try(string.find, s, p), try(string.find, s, p, 2), try(string.find, s, p, -1, true), try(string.match, s, p), try(string.gsub, s, p, r), try(string.gsub, s, p, r, 1),
				try(string.gsub, s, p, {a = "A"}), try(string.gsub, s, p, function(a) return a end), try(all, s, p)`, quoted(text), quoted(pattern), quoted(by))
		got, want := evaluate(t, code, true), evaluate(t, code, false)
		if strings.Contains(got+want, "error") {
			t.Skip() // what is no pattern: the library takes some of it for one
		}
		if got != want {
			t.Errorf("%q %q %q\ngot  %s\nwant %s", text, pattern, by, got, want)
		}
	})
}

// quoted writes a text as Lua does.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		fmt.Fprintf(&b, "\\%03d", s[i])
	}
	return b.String() + `"`
}

package lua

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// strings puts functions of ours in the place of those that make strings of any length, or look for a pattern for any time.
func (r *run) strings() {
	for name, f := range map[string]lua.LGFunction{
		joinName: r.join, "rep": r.repeat, "char": r.charged("char"), "format": r.format(), "lower": r.charged("lower"), "upper": r.charged("upper"),
		"reverse": r.charged("reverse"), "find": r.find, "match": r.match, "gmatch": r.gmatch, "gfind": r.gmatch, "gsub": r.gsub,
	} {
		r.set("string", name, f)
	}
	r.set("table", "concat", r.concat)
}

// charged is the library's own function, whose answer is as long as its arguments.
func (r *run) charged(name string) lua.LGFunction {
	own, _ := r.state.GetField(r.state.GetGlobal("string"), name).(*lua.LFunction)
	return func(l *lua.LState) int {
		n := l.GetTop()
		for i := 1; i <= l.GetTop(); i++ {
			n += len(lua.LVAsString(l.Get(i)))
		}
		r.allowed.charge(l, n)
		return own.GFunction(l)
	}
}

// join is a .. b .. c; the first argument is the empty string that it is called by.
func (r *run) join(l *lua.LState) int {
	last := l.GetTop()
	value := l.Get(last)
	for i := last - 1; i > 1; {
		if lua.LVCanConvToString(value) && lua.LVCanConvToString(l.Get(i)) {
			first := i
			for first > 2 && lua.LVCanConvToString(l.Get(first-1)) {
				first--
			}
			value = r.joined(l, first, i, value)
			i = first - 1
			continue
		}
		value = r.joinOther(l, l.Get(i), value)
		i--
	}
	l.Push(value)
	return 1
}

// joined is arguments first to last, and a value behind them, in one string.
func (r *run) joined(l *lua.LState, first, last int, value lua.LValue) lua.LValue {
	parts := make([]string, 0, last-first+2)
	n := 0
	for i := first; i <= last; i++ {
		parts = append(parts, lua.LVAsString(l.Get(i)))
		n += len(parts[len(parts)-1])
	}
	parts = append(parts, lua.LVAsString(value))
	r.allowed.charge(l, n+len(parts[len(parts)-1]))
	return lua.LString(strings.Join(parts, ""))
}

// joinOther asks the metatables.
func (r *run) joinOther(l *lua.LState, a, b lua.LValue) lua.LValue {
	f := l.GetMetaField(a, "__concat")
	if f == lua.LNil {
		f = l.GetMetaField(b, "__concat")
	}
	if f == lua.LNil {
		l.RaiseError("cannot perform concat operation between %s and %s", a.Type().String(), b.Type().String())
	}
	l.Push(f)
	l.Push(a)
	l.Push(b)
	l.Call(2, 1)
	value := l.Get(-1)
	l.Pop(1)
	return value
}

func (r *run) repeat(l *lua.LState) int {
	s, n := l.CheckString(1), l.CheckInt(2)
	if n <= 0 || s == "" {
		l.Push(lua.LString(""))
		return 1
	}
	r.allowed.charge(l, min(n, maxString+1)*len(s))
	l.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// concat is table.concat(list[, separator[, first[, last]]]).
func (r *run) concat(l *lua.LState) int {
	t, sep := l.CheckTable(1), l.OptString(2, "")
	first, last := l.OptInt(3, 1), min(l.OptInt(4, t.Len()), t.Len())
	if l.GetTop() != 3 || first <= t.Len() && first > 0 {
		first = max(min(first, t.Len()), 1) // the library's own way with what lies outside
	}
	n := 0
	var parts []string
	for i := first; i <= last; i++ {
		v := t.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			l.RaiseError("invalid value (%s) at index %d in table for concat", v.Type().String(), i)
		}
		part := lua.LVAsString(v)
		if n += len(part) + len(sep); n > maxString || r.allowed.over() {
			break
		}
		parts = append(parts, part)
	}
	r.allowed.charge(l, n)
	l.Push(lua.LString(strings.Join(parts, sep)))
	return 1
}

// errFormat is a directive that string.format does not take.
var errFormat = errors.New("string.format: want % with flags, a width and a precision of two digits at most, and a letter")

// format checks the directives, since the library takes widths of any length and arguments by number.
func (r *run) format() lua.LGFunction {
	own, _ := r.state.GetField(r.state.GetGlobal("string"), "format").(*lua.LFunction)
	return func(l *lua.LState) int {
		text := l.CheckString(1)
		n := len(text)
		for rest := text; ; {
			_, after, found := strings.Cut(rest, "%")
			if !found {
				break
			}
			size := directive(after)
			if size == 0 {
				l.RaiseError("%s", errFormat.Error())
			}
			rest = after[size:]
			n += maxDirective
		}
		for i := 2; i <= l.GetTop(); i++ {
			n += len(lua.LVAsString(l.Get(i)))
		}
		r.allowed.charge(l, n)
		return own.GFunction(l)
	}
}

// maxDirective is what a directive can make besides the text of its argument.
const maxDirective = 128

// directive is the length of a directive behind its %; 0: it is none.
func directive(s string) int {
	i := 0
	skip := func(set string, most int) {
		for n := 0; n < most && i < len(s) && strings.IndexByte(set, s[i]) >= 0; n++ {
			i++
		}
	}
	skip("-+ #0", 5)
	skip("0123456789", 2)
	if i < len(s) && s[i] == '.' {
		i++
		skip("0123456789", 2)
	}
	if i < len(s) && (s[i] == '%' || 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z') {
		return i + 1
	}
	return 0
}

package lua

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// from is where a search begins: init counts from 1, or from the end if it is negative.
func from(init, length int) int {
	switch {
	case init > 0:
		return min(init-1, length)
	case init < 0:
		return max(length+init, 0)
	}
	return 0
}

func (r *run) matcher(l *lua.LState) *matcher {
	return &matcher{src: l.CheckString(1), pat: l.CheckString(2), allowed: r.allowed}
}

// next is the first match from s on; start is -1 if there is none.
func (m *matcher) next(l *lua.LState, s int) (start, end int) {
	anchored := strings.HasPrefix(m.pat, "^")
	for ; s <= len(m.src); s++ {
		end := m.at(s)
		m.raise(l)
		if end >= 0 {
			return s, end
		}
		if anchored {
			break
		}
	}
	return -1, -1
}

func (m *matcher) raise(l *lua.LState) {
	if m.err != nil {
		l.RaiseError("%s", m.err.Error())
	}
}

// push puts the captures on the stack; whole: the match itself, where there are none.
func (m *matcher) push(l *lua.LState, start, end int, whole bool) int {
	n := len(m.captures)
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		l.Push(m.value(l, i, start, end))
	}
	return n
}

func (m *matcher) value(l *lua.LState, i, start, end int) lua.LValue {
	text, pos, err := m.taken(i, start, end)
	if err != nil {
		l.RaiseError("%s", err.Error())
	}
	if pos > 0 {
		return lua.LNumber(pos)
	}
	return lua.LString(text)
}

func (r *run) find(l *lua.LState) int {
	m := r.matcher(l)
	init := from(l.OptInt(3, 1), len(m.src))
	if l.ToBool(4) || !strings.ContainsAny(m.pat, "^$*+?.([%-") {
		at := strings.Index(m.src[init:], m.pat)
		if at < 0 {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(lua.LNumber(init + at + 1))
		l.Push(lua.LNumber(init + at + len(m.pat)))
		return 2
	}
	start, end := m.next(l, init)
	if start < 0 {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(lua.LNumber(start + 1))
	l.Push(lua.LNumber(end))
	return 2 + m.push(l, start, end, false)
}

func (r *run) match(l *lua.LState) int {
	m := r.matcher(l)
	start, end := m.next(l, from(l.OptInt(3, 1), len(m.src)))
	if start < 0 {
		l.Push(lua.LNil)
		return 1
	}
	return m.push(l, start, end, true)
}

func (r *run) gmatch(l *lua.LState) int {
	m := r.matcher(l)
	at := 0
	l.Push(l.NewFunction(func(l *lua.LState) int {
		start, end := m.next(l, at)
		if start < 0 {
			at = len(m.src) + 1
			return 0
		}
		if at = end; strings.HasPrefix(m.pat, "^") {
			at = len(m.src) + 1
		} else if end == start {
			at++
		}
		return m.push(l, start, end, true)
	}))
	return 1
}

// gsub is string.gsub(text, pattern, replacement[, most]).
func (r *run) gsub(l *lua.LState) int {
	m := r.matcher(l)
	by, most := l.CheckAny(3), l.OptInt(4, len(m.src)+1)
	switch by.Type() {
	case lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction:
	default:
		l.ArgError(3, "string/function/table expected, got "+by.Type().String())
	}
	var out strings.Builder
	n, s := 0, 0
	for n < most {
		end := m.at(s)
		m.raise(l)
		if end >= 0 {
			n++
			text := m.replacement(l, by, s, end)
			if out.Len()+len(text) > maxString {
				r.allowed.charge(l, out.Len()+len(text))
			}
			out.WriteString(text)
		}
		switch {
		case end > s:
			s = end
		case s < len(m.src):
			out.WriteByte(m.src[s])
			s++
		default:
			most = n
		}
		if strings.HasPrefix(m.pat, "^") {
			break
		}
	}
	if s < len(m.src) {
		out.WriteString(m.src[s:])
	}
	r.allowed.charge(l, out.Len())
	l.Push(lua.LString(out.String()))
	l.Push(lua.LNumber(n))
	return 2
}

// replacement is what one match becomes.
func (m *matcher) replacement(l *lua.LState, by lua.LValue, start, end int) string {
	var value lua.LValue
	switch by := by.(type) {
	case *lua.LTable:
		value = l.GetTable(by, m.value(l, 0, start, end))
	case *lua.LFunction:
		top := l.GetTop()
		l.Push(by)
		n := m.push(l, start, end, true)
		l.Call(n, 1)
		value = l.Get(-1)
		l.SetTop(top)
	default:
		return m.filled(l, lua.LVAsString(by), start, end)
	}
	switch {
	case lua.LVIsFalse(value):
		return m.src[start:end]
	case !lua.LVCanConvToString(value):
		l.RaiseError("invalid replacement value (a %s)", value.Type().String())
	}
	return lua.LVAsString(value)
}

// filled is a replacement with %0 to %9 filled in.
func (m *matcher) filled(l *lua.LState, by string, start, end int) string {
	if !strings.Contains(by, "%") {
		return by
	}
	var out strings.Builder
	for i := 0; i < len(by); i++ {
		if by[i] != '%' || i+1 == len(by) {
			out.WriteByte(by[i])
			continue
		}
		i++
		switch c := by[i]; {
		case c == '0':
			out.WriteString(m.src[start:end])
		case '1' <= c && c <= '9':
			out.WriteString(lua.LVAsString(m.value(l, int(c-'1'), start, end)))
		case c == '%':
			out.WriteByte(c)
		default: // as the library does
			out.WriteByte('%')
			out.WriteByte(c)
		}
		if out.Len() > maxString {
			m.allowed.charge(l, out.Len())
		}
	}
	return out.String()
}

package lua

import (
	"os"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// loaders are the functions of allow_open_libs that make code of text: it has the same bounds as all other.
func (r *run) loaders() {
	for name, f := range map[string]lua.LGFunction{"load": r.load, "loadstring": r.loadString, "loadfile": r.loadFile, "dofile": r.doFile} {
		r.state.SetGlobal(name, r.state.NewFunction(f))
	}
}

// code pushes a function, or nil and what is wrong with the text.
func (r *run) code(l *lua.LState, text, name string) int {
	proto, err := compile(text+"\n", name)
	if err != nil {
		l.Push(lua.LNil)
		l.Push(lua.LString(name + ": " + err.Error()))
		return 2
	}
	l.Push(l.NewFunctionFromProto(proto))
	return 1
}

func (r *run) loadString(l *lua.LState) int {
	return r.code(l, l.CheckString(1), l.OptString(2, "<string>"))
}

// load takes pieces from a function until it gives none.
func (r *run) load(l *lua.LState) int {
	f, name := l.CheckFunction(1), l.OptString(2, "?")
	var text strings.Builder
	for {
		l.Push(f)
		l.Call(0, 1)
		piece := l.Get(-1)
		l.Pop(1)
		if piece == lua.LNil || lua.LVAsString(piece) == "" {
			return r.code(l, text.String(), name)
		}
		r.allowed.charge(l, text.Len()+len(lua.LVAsString(piece)))
		text.WriteString(lua.LVAsString(piece))
	}
}

func (r *run) loadFile(l *lua.LState) int {
	name := l.CheckString(1)
	text, err := os.ReadFile(name)
	if err != nil {
		l.Push(lua.LNil)
		l.Push(lua.LString(err.Error()))
		return 2
	}
	return r.code(l, string(text), name)
}

func (r *run) doFile(l *lua.LState) int {
	if r.loadFile(l) > 1 {
		l.RaiseError("%s", l.ToString(-1))
	}
	top := l.GetTop() - 1
	l.Call(0, lua.MultRet)
	return l.GetTop() - top
}

// threadSize is about what a coroutine takes before it runs.
const threadSize = 16 << 10

// coroutines has those that a script makes count their steps with the others.
func (r *run) coroutines() {
	for _, name := range [...]string{"create", "wrap"} {
		own, _ := r.state.GetField(r.state.GetGlobal("coroutine"), name).(*lua.LFunction)
		r.set("coroutine", name, func(l *lua.LState) int {
			r.allowed.spend(l, threadSize)
			n := own.GFunction(l)
			made := l.Get(-1)
			if f, ok := made.(*lua.LFunction); ok && len(f.Upvalues) > 0 {
				made = f.Upvalues[0].Value()
			}
			if thread, ok := made.(*lua.LState); ok {
				thread.SetContext(r.allowed)
			}
			return n
		})
	}
}

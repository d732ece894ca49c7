package lua

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// open gives the state its libraries and our helpers. Without allow_open_libs there are the basic functions, table, string
// and math: what can neither reach a file nor another script.
func (r *run) open(all bool) {
	l := r.state
	lib := func(name string, open lua.LGFunction) {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	lib(lua.BaseLibName, lua.OpenBase)
	lib(lua.TabLibName, lua.OpenTable)
	lib(lua.StringLibName, lua.OpenString)
	lib(lua.MathLibName, lua.OpenMath)
	for _, name := range [...]string{"collectgarbage", "module", "newproxy", "require", "_printregs"} {
		l.SetGlobal(name, lua.LNil)
	}
	if all {
		lib(lua.IoLibName, lua.OpenIo)
		lib(lua.OsLibName, lua.OpenOs)
		lib(lua.DebugLibName, lua.OpenDebug)
		lib(lua.CoroutineLibName, lua.OpenCoroutine)
		r.forbid("os", "execute", "exit", "setenv")
		r.forbid("io", "popen")
		r.loaders()
		r.coroutines()
	} else {
		for _, name := range [...]string{"dofile", "load", "loadfile", "loadstring"} {
			l.SetGlobal(name, lua.LNil)
		}
	}
	r.strings()
	l.SetGlobal("print", l.NewFunction(r.print))
	l.SetGlobal("custom_error", l.NewFunction(customError))
	r.helpers()
	r.objects()
}

// forbid makes functions say that they are not served: they would end the process, start another, or leave something for
// the next caller.
func (r *run) forbid(lib string, names ...string) {
	for _, name := range names {
		r.set(lib, name, func(l *lua.LState) int {
			l.RaiseError("%s.%s is not served here", lib, name)
			return 0
		})
	}
}

func (r *run) set(lib, name string, f lua.LGFunction) {
	if t, ok := r.state.GetGlobal(lib).(*lua.LTable); ok {
		t.RawSetString(name, r.state.NewFunction(f))
	}
}

// print hands its arguments to the house, parted by tabs.
func (r *run) print(l *lua.LState) int {
	if r.house.Print == nil {
		return 0
	}
	var line strings.Builder
	for i := 1; i <= l.GetTop(); i++ {
		if i > 1 {
			line.WriteByte('\t')
		}
		line.WriteString(l.ToStringMeta(l.Get(i)).String())
	}
	r.house.Print(line.String())
	return 0
}

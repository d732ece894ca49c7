package lua

import (
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// null is what luaNil.new() makes: a JSON null.
type null struct{}

// typeTables are the metatables of what scripts are given.
type typeTables struct{ table, array, null, reply *lua.LTable }

// helpers gives the state luaTable, luaList, luaNil, json and http_response.
func (r *run) helpers() {
	l := r.state
	r.types.table = r.metatable(map[string]lua.LGFunction{"get": r.tableGet, "set": r.tableSet, "del": r.tableDel, "len": tableLen, "keys": r.tableKeys})
	r.types.array = r.metatable(map[string]lua.LGFunction{"get": r.listGet, "set": r.listSet, "del": r.listDel, "len": listLen})
	r.types.null = l.CreateTable(0, 1)
	r.library("luaTable", "new", func(l *lua.LState) int { l.Push(r.push(newTable())); return 1 })
	r.library("luaList", "new", func(l *lua.LState) int { l.Push(r.push(&array{})); return 1 })
	r.library("luaNil", "new", func(l *lua.LState) int { l.Push(r.push(null{})); return 1 })
	r.library("json", "marshal", marshal)
	r.library("json", "unmarshal", r.unmarshal)
	r.types.reply = r.metatable(replyMethods())
	r.library("http_response", "new", r.send)
}

func (r *run) library(name, function string, f lua.LGFunction) {
	t, ok := r.state.GetGlobal(name).(*lua.LTable)
	if !ok {
		t = r.state.CreateTable(0, 2)
		r.state.SetGlobal(name, t)
	}
	t.RawSetString(function, r.state.NewFunction(f))
}

func (r *run) metatable(methods map[string]lua.LGFunction) *lua.LTable {
	meta := r.state.CreateTable(0, 3)
	meta.RawSetString("__index", r.methods(methods))
	if f := methods["len"]; f != nil {
		meta.RawSetString("__len", r.state.NewFunction(f))
	}
	meta.RawSetString("__metatable", lua.LFalse)
	return meta
}

// push makes a value of ours one that a script can hold.
func (r *run) push(v any) *lua.LUserData {
	spend(r.state, boxSize)
	ud := r.state.NewUserData()
	ud.Value = v
	switch v.(type) {
	case *table:
		ud.Metatable = r.types.table
	case *array:
		ud.Metatable = r.types.array
	case *Reply:
		ud.Metatable = r.types.reply
	default:
		ud.Metatable = r.types.null
	}
	return ud
}

// boxed is a value of ours that a script holds.
func boxed[T any](v lua.LValue) (own T, ok bool) {
	if ud, is := v.(*lua.LUserData); is {
		own, ok = ud.Value.(T)
	}
	return own, ok
}

// self is what a method was called on.
func self[T any](l *lua.LState, name string) T {
	own, ok := boxed[T](l.Get(1))
	if !ok {
		l.ArgError(1, "want a "+name+"; call methods with a colon")
	}
	return own
}

// value takes an argument as JSON.
func value(l *lua.LState, n int) any {
	v, err := fromLua(l, l.Get(n), 0)
	if err != nil {
		l.ArgError(n, err.Error())
	}
	return v
}

func (r *run) tableGet(l *lua.LState) int {
	t := self[*table](l, "luaTable")
	l.Push(r.toLua(t.get(l, l.CheckString(2))))
	return 1
}

// get is the value of a key, nil if there is none.
func (t *table) get(l *lua.LState, key string) any {
	at := t.place(key)
	if at < 0 {
		return nil
	}
	t.values[at] = opened(l, t.values[at])
	return t.values[at]
}

func (r *run) tableSet(l *lua.LState) int {
	self[*table](l, "luaTable").set(l.CheckString(2), value(l, 3))
	r.changed = r.data != nil
	return 0
}

func (r *run) tableDel(l *lua.LState) int {
	self[*table](l, "luaTable").del(l.CheckString(2))
	r.changed = r.data != nil
	return 0
}

func tableLen(l *lua.LState) int {
	t := self[*table](l, "luaTable")
	l.Push(lua.LNumber(len(t.keys) - t.holes))
	return 1
}

// tableKeys are the names, sorted, as a luaList.
func (r *run) tableKeys(l *lua.LState) int {
	names := self[*table](l, "luaTable").names()
	slices.Sort(names)
	spend(l, len(names)*nodeSize)
	list := &array{}
	for _, name := range names {
		list.items = append(list.items, name)
	}
	l.Push(r.push(list))
	return 1
}

func (r *run) listGet(l *lua.LState) int {
	a, i := self[*array](l, "luaList"), l.CheckInt(2)
	if i < 0 || i >= len(a.items) {
		l.Push(lua.LNil)
		return 1
	}
	a.items[i] = opened(l, a.items[i])
	l.Push(r.toLua(a.items[i]))
	return 1
}

// listSet replaces an item, the first one being 0; the place behind the last one adds an item.
func (r *run) listSet(l *lua.LState) int {
	a, i := self[*array](l, "luaList"), l.CheckInt(2)
	switch {
	case i < 0 || i > len(a.items):
		l.ArgError(2, "is not a place of the list, nor the one behind it")
	case i == len(a.items):
		a.items = append(a.items, value(l, 3))
	default:
		a.items[i] = value(l, 3)
	}
	r.changed = r.data != nil
	return 0
}

func (r *run) listDel(l *lua.LState) int {
	a, i := self[*array](l, "luaList"), l.CheckInt(2)
	if i >= 0 && i < len(a.items) {
		a.items = slices.Delete(a.items, i, i+1)
	}
	r.changed = r.data != nil
	return 0
}

func listLen(l *lua.LState) int {
	l.Push(lua.LNumber(len(self[*array](l, "luaList").items)))
	return 1
}

// responseData is data(): the answer as a luaTable; data(name): one field of it; data(table): another answer.
func (r *run) responseData(l *lua.LState) int {
	if r.data == nil {
		r.data = newTable()
		if len(r.res.Data) > 0 {
			if t, ok := opened(l, native(r.res.Data)).(*table); ok {
				r.data = t
			}
		}
	}
	switch {
	case l.GetTop() < 2:
		l.Push(r.push(r.data))
		return 1
	case l.Get(2).Type() == lua.LTString:
		l.Push(r.toLua(r.data.get(l, l.CheckString(2))))
		return 1
	}
	t, ok := value(l, 2).(*table)
	if !ok {
		l.ArgError(2, "want a table with names")
	}
	r.data, r.changed = t, true
	return 0
}

func marshal(l *lua.LState) int {
	text, err := printed(value(l, 1))
	if err != nil {
		l.RaiseError("json.marshal: %s", err.Error())
	}
	spend(l, 2*len(text)) // Lua has a copy
	l.Push(lua.LString(text))
	return 1
}

func (r *run) unmarshal(l *lua.LState) int {
	v, err := decode(l, l.CheckString(1))
	if err != nil {
		l.RaiseError("json.unmarshal: %s", err.Error())
	}
	l.Push(r.toLua(v))
	return 1
}

package lua

import (
	"fmt"
	"net/url"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"
)

// Pair is one named value: a header line, a parameter.
type Pair struct{ Name, Value string }

// Request is what a script sees of a request, and what it may change of it.
type Request struct {
	Method, Path, Query, URL, Host string
	Params                         []Pair                 // names with their first letter in upper case
	Header                         []Pair                 // names in any case
	Load                           func() (string, error) // reads the body when a script asks for it; nil: there is none

	Body    string // what the script has set
	NewBody bool   // it has

	loaded *string
}

// Response is what a script sees of an answer, and what it may change of it.
type Response struct {
	Complete bool
	Status   int
	Header   []Pair
	Data     string                 // a JSON object, valid and without space around it; "": none
	Load     func() (string, error) // reads the body of a stream when a script asks for it; nil: there is none

	Body    string // what the script has set
	NewBody bool   // it has
	NewData []byte // Data as the script has left it; nil: as it came

	loaded *string
}

// objects gives the state ctx, request and response, as far as there are such. Each has load, and what load returns has the
// methods: called without a value they read, with one they write.
func (r *run) objects() {
	if r.req != nil && r.use == Endpoint {
		r.global("ctx", r.methods(r.requestMethods()))
	} else if r.req != nil {
		r.global("request", r.methods(r.requestMethods()))
	}
	if r.res != nil {
		r.global("response", r.methods(r.responseMethods()))
	}
}

func (r *run) global(name string, methods *lua.LTable) {
	object := r.state.CreateTable(0, 1)
	object.RawSetString("load", r.state.NewFunction(func(l *lua.LState) int {
		l.Push(methods)
		return 1
	}))
	r.state.SetGlobal(name, object)
}

func (r *run) methods(list map[string]lua.LGFunction) *lua.LTable {
	t := r.state.CreateTable(0, len(list))
	for name, f := range list {
		t.RawSetString(name, r.state.NewFunction(f))
	}
	return t
}

func (r *run) requestMethods() map[string]lua.LGFunction {
	q := r.req
	query := q.rawQuery
	if r.use == Endpoint {
		query = q.parameter
	}
	return map[string]lua.LGFunction{
		"method":     property(&q.Method),
		"path":       property(&q.Path),
		"url":        property(&q.URL),
		"host":       property(&q.Host),
		"query":      query,
		"params":     named(&q.Params, anything),
		"headers":    named(&q.Header, field),
		"headerList": r.lines(&q.Header),
		"body":       body(&q.loaded, q.Load, &q.Body, &q.NewBody),
	}
}

func (r *run) responseMethods() map[string]lua.LGFunction {
	a := r.res
	return map[string]lua.LGFunction{
		"isComplete": func(l *lua.LState) int {
			if l.GetTop() > 1 {
				a.Complete = l.CheckBool(2)
				return 0
			}
			l.Push(lua.LBool(a.Complete))
			return 1
		},
		"statusCode": func(l *lua.LState) int {
			if l.GetTop() > 1 {
				a.Status = l.CheckInt(2)
				if a.Status < 200 || a.Status > 999 {
					l.RaiseError("statusCode: %d is no status of an answer", a.Status)
				}
				return 0
			}
			l.Push(lua.LNumber(a.Status))
			return 1
		},
		"data":       r.responseData,
		"headers":    named(&a.Header, field),
		"headerList": r.lines(&a.Header),
		"body":       body(&a.loaded, a.Load, &a.Body, &a.NewBody),
	}
}

// property is a text that is read and written as a whole.
func property(text *string) lua.LGFunction {
	return func(l *lua.LState) int {
		if l.GetTop() > 1 {
			*text = l.CheckString(2)
			return 0
		}
		l.Push(lua.LString(*text))
		return 1
	}
}

// rawQuery is the query as it stands in a URL, without "?".
func (q *Request) rawQuery(l *lua.LState) int {
	if l.GetTop() > 1 {
		q.Query = strings.TrimPrefix(l.CheckString(2), "?")
		return 0
	}
	l.Push(lua.LString(q.Query))
	return 1
}

// parameter is one parameter of the query: its first value is read, all are replaced, and nil takes them away.
func (q *Request) parameter(l *lua.LState) int {
	name := l.CheckString(2)
	if l.GetTop() == 2 {
		l.Push(lua.LString(queryValue(q.Query, name)))
		return 1
	}
	q.Query = withoutQuery(q.Query, name)
	if l.Get(3) != lua.LNil {
		if q.Query != "" {
			q.Query += "&"
		}
		q.Query += url.QueryEscape(name) + "=" + url.QueryEscape(l.CheckString(3))
	}
	return 0
}

// queryValue is the first value of a parameter, decoded; "" if there is none.
func queryValue(raw, name string) string {
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if unescaped(key) == name {
			return unescaped(value)
		}
	}
	return ""
}

func withoutQuery(raw, name string) string {
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		if key, _, _ := strings.Cut(pair, "="); pair != "" && unescaped(key) != name {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// unescaped is a part of a query after one decoding; what cannot be decoded stays as it is.
func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// named are the values of names: the first one is read, all are replaced, and nil takes them away.
func named(list *[]Pair, check func(name, value string) error) lua.LGFunction {
	return func(l *lua.LState) int {
		name := l.CheckString(2)
		if l.GetTop() > 2 {
			var values []string
			if v := l.Get(3); v != lua.LNil {
				values = []string{l.CheckString(3)}
				if err := check(name, values[0]); err != nil {
					l.RaiseError("%s", err.Error())
				}
			}
			*list = replace(*list, name, values)
			return 0
		}
		for _, p := range *list {
			if strings.EqualFold(p.Name, name) {
				l.Push(lua.LString(p.Value))
				return 1
			}
		}
		l.Push(lua.LString(""))
		return 1
	}
}

func anything(string, string) error { return nil }

// field is an error for what cannot be a header line.
func field(name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%q is not the name of a header", name)
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("header %s: the value has control characters", name)
	}
	return nil
}

// replace puts values where the first of the name stands, or at the end. The list it was given stays as it is.
func replace(list []Pair, name string, values []string) []Pair {
	out := make([]Pair, 0, len(list)+len(values))
	put := func() {
		for _, v := range values {
			out = append(out, Pair{name, v})
		}
		values = nil
	}
	for _, p := range list {
		if !strings.EqualFold(p.Name, name) {
			out = append(out, p)
			continue
		}
		put()
	}
	put()
	return out
}

// lines are all values of a header, as a luaList.
func (r *run) lines(list *[]Pair) lua.LGFunction {
	return func(l *lua.LState) int {
		name := l.CheckString(2)
		if l.GetTop() > 2 {
			given, ok := boxed[*array](l.Get(3))
			if !ok {
				l.RaiseError("headerList wants a luaList")
			}
			var values []string
			for _, v := range given.items {
				s, ok := v.(string)
				if !ok {
					l.RaiseError("headerList wants a luaList of strings")
				}
				if err := field(name, s); err != nil {
					l.RaiseError("%s", err.Error())
				}
				values = append(values, s)
			}
			*list = replace(*list, name, values)
			return 0
		}
		found := &array{}
		for _, p := range *list {
			if strings.EqualFold(p.Name, name) {
				found.items = append(found.items, p.Value)
			}
		}
		l.Push(r.push(found))
		return 1
	}
}

// body is a body that is read when it is first asked for.
func body(loaded **string, load func() (string, error), text *string, fresh *bool) lua.LGFunction {
	return func(l *lua.LState) int {
		if l.GetTop() > 1 {
			*text, *fresh = l.CheckString(2), true
			return 0
		}
		if *loaded == nil && !*fresh {
			got := ""
			if load != nil {
				var err error
				if got, err = load(); err != nil {
					l.RaiseError("body: %s", err.Error())
				}
			}
			*loaded = &got
		}
		if *fresh {
			l.Push(lua.LString(*text))
		} else {
			l.Push(lua.LString(**loaded))
		}
		return 1
	}
}

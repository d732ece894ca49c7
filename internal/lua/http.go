package lua

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Outgoing is a request that a script makes.
type Outgoing struct {
	Method, URL, Body string
	Header            []Pair
}

// Reply is what came of it.
type Reply struct {
	Status int
	Header []Pair
	Body   string
	Close  func() // gives back what the reply holds; may be nil

	closed bool
}

func (p *Reply) close() {
	if !p.closed && p.Close != nil {
		p.Close()
	}
	p.closed = true
}

func (r *run) closeReplies() {
	for _, reply := range r.replies {
		reply.close()
	}
}

// maxReplies bounds how many requests one run may make.
const maxReplies = 32

// send is http_response.new(url[, method, body[, headers]]).
func (r *run) send(l *lua.LState) int {
	req := Outgoing{Method: "GET", URL: l.CheckString(1)}
	if l.GetTop() > 1 {
		req.Method, req.Body = strings.ToUpper(l.CheckString(2)), l.OptString(3, "")
	}
	if l.GetTop() > 3 {
		req.Header = headersOf(l, l.CheckTable(4))
	}
	switch {
	case r.house.Send == nil:
		l.RaiseError("http_response.new is not served here")
	case len(r.replies) == maxReplies:
		l.RaiseError("http_response.new: a run may make %d requests", maxReplies)
	}
	reply, err := r.house.Send(r.ctx, req)
	if err != nil {
		l.RaiseError("http_response.new: %s", err.Error())
	}
	r.replies = append(r.replies, reply)
	l.Push(r.push(reply))
	return 1
}

// headersOf reads {["Name"] = "value"}, in the order of the names.
func headersOf(l *lua.LState, t *lua.LTable) (list []Pair) {
	t.ForEach(func(k, v lua.LValue) {
		p := Pair{k.String(), v.String()}
		if err := field(p.Name, p.Value); err != nil {
			l.RaiseError("http_response.new: %s", err.Error())
		}
		list = append(list, p)
	})
	slices.SortFunc(list, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func replyMethods() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"statusCode": func(l *lua.LState) int {
			l.Push(lua.LNumber(self[*Reply](l, "http_response").Status))
			return 1
		},
		"headers": func(l *lua.LState) int {
			name := l.CheckString(2)
			for _, p := range self[*Reply](l, "http_response").Header {
				if strings.EqualFold(p.Name, name) {
					l.Push(lua.LString(p.Value))
					return 1
				}
			}
			l.Push(lua.LString(""))
			return 1
		},
		"body": func(l *lua.LState) int {
			l.Push(lua.LString(self[*Reply](l, "http_response").Body))
			return 1
		},
		"close": func(l *lua.LState) int {
			self[*Reply](l, "http_response").close()
			return 0
		},
	}
}

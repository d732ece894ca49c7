package lua

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// Error is what a script says with custom_error: the client is to be told this, and nothing else happens.
type Error struct {
	Message     string
	Status      int    // 500 where the script names none
	ContentType string // of Message; "" where the script names none
}

func (e *Error) Error() string { return "custom_error: " + e.Message }

// Pre runs pre over a request; what the script changed is in req. An error is an [*Error], the context's, or a mistake in
// the script, which is for the log.
func (s *Script) Pre(ctx context.Context, req *Request) error {
	if s.pre == nil {
		return nil
	}
	return s.run(ctx, s.pre, req, nil)
}

// Post runs post over an answer; what the script changed is in res. The request that it answers may be looked at: nil
// where there is none.
func (s *Script) Post(ctx context.Context, req *Request, res *Response) error {
	if s.post == nil {
		return nil
	}
	return s.run(ctx, s.post, req, res)
}

// run gives the code a state of its own.
func (s *Script) run(parent context.Context, code *lua.FunctionProto, req *Request, res *Response) error {
	allowed := newAllowance(parent)
	defer allowed.cancel() // what a coroutine derives from it ends with the run
	r := &run{ctx: allowed.Context, allowed: allowed, use: s.use, house: &s.house, req: req, res: res}
	r.state = newState(allowed)
	defer r.state.Close()
	defer r.closeReplies()
	r.open(s.cfg.AllowOpenLibs)
	for _, src := range s.sources {
		proto, err := src.code(s.cfg.Live)
		if err == nil {
			err = r.call(proto)
		}
		if err != nil {
			return err
		}
	}
	if err := r.call(code); err != nil {
		return err
	}
	return r.settle()
}

// run is one execution and what it works on.
type run struct {
	ctx     context.Context
	allowed *allowance
	use     Use
	state   *lua.LState
	house   *House
	req     *Request
	res     *Response
	data    *table // of the answer, once the script has looked at it
	changed bool   // something of data was changed
	replies []*Reply
	types   typeTables
}

// Bounds of a state. Frames and registers grow as they are needed.
const (
	maxFrames    = 200
	firstRegs    = 256
	maxRegs      = 64 << 10
	regsGrowStep = 1024
)

// boundTables bounds what t[n] = v allocates for a large n: beyond this a table keeps pairs instead of an array. The library
// has one bound for the whole process; it is set before the first run.
var boundTables = sync.OnceFunc(func() { lua.MaxArrayIndex = 1 << 20 })

func newState(ctx context.Context) *lua.LState {
	boundTables()
	l := lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: maxFrames, MinimizeStackMemory: true,
		RegistrySize: firstRegs, RegistryMaxSize: maxRegs, RegistryGrowStep: regsGrowStep})
	l.SetContext(ctx)
	return l
}

// call runs code and tells its errors apart.
func (r *run) call(code *lua.FunctionProto) error {
	if code == nil {
		return nil
	}
	r.state.Push(r.state.NewFunctionFromProto(code))
	err := r.state.PCall(0, 0, nil)
	if err == nil {
		return nil
	}
	if r.allowed.err != nil {
		return r.allowed.err
	}
	if failed := r.ctx.Err(); failed != nil {
		return failed
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return err
	}
	if ud, ok := api.Object.(*lua.LUserData); ok {
		if said, ok := ud.Value.(*Error); ok {
			return said
		}
	}
	text, _, _ := strings.Cut(api.Object.String(), "\n")
	return fmt.Errorf("script: %s", strings.TrimSpace(text))
}

// settle writes back what the script has changed in place.
func (r *run) settle() error {
	if !r.changed {
		return nil
	}
	data, err := printed(r.data)
	if err != nil {
		return fmt.Errorf("script: %w", err)
	}
	r.res.NewData = data
	return nil
}

// customError is custom_error(message[, status[, contentType]]).
func customError(l *lua.LState) int {
	if l.GetTop() == 0 {
		l.RaiseError("custom_error needs a message")
	}
	e := &Error{Message: l.Get(1).String(), Status: 500}
	if l.GetTop() > 1 {
		e.Status = l.CheckInt(2)
		if e.Status < 200 || e.Status > 999 {
			l.RaiseError("custom_error: %d is no status of an answer", e.Status)
		}
	}
	if l.GetTop() > 2 {
		e.ContentType = l.CheckString(3)
	}
	ud := l.NewUserData()
	ud.Value = e
	l.Error(ud, 0)
	return 0
}

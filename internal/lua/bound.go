package lua

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// Bounds of one run. A step is an instruction, or a character that a pattern looks at: so many take about a second.
const (
	maxSteps   = 20_000_000
	maxString  = 16 << 20  // bytes of one string
	maxStrings = 128 << 20 // of all strings that are made, kept or not
)

// allowance is the context of a state, and what its run may still use up. The interpreter asks it before every instruction
// whether it is done: that is where steps are counted. Only the goroutine of the run uses it.
type allowance struct {
	context.Context
	done   <-chan struct{}
	cancel context.CancelFunc
	steps  int
	bytes  int
	err    error // what was used up
}

func newAllowance(parent context.Context) *allowance {
	ctx, cancel := context.WithCancel(parent)
	return &allowance{Context: ctx, done: ctx.Done(), cancel: cancel}
}

// Done counts a step.
func (a *allowance) Done() <-chan struct{} {
	if a.steps++; a.steps > maxSteps && a.err == nil {
		a.end(fmt.Errorf("script: took more than %d steps", maxSteps))
	}
	return a.done
}

// end ends the run, whatever the script catches.
func (a *allowance) end(err error) {
	a.err = err
	a.cancel()
}

// over reports whether the run has ended; long work of ours asks now and then.
func (a *allowance) over() bool {
	select {
	case <-a.Done():
		return true
	default:
		return false
	}
}

// charge takes down a string of n bytes that is about to be made; it does not return if that is too much.
func (a *allowance) charge(l *lua.LState, n int) {
	tooLong := n > maxString
	if tooLong {
		n = maxString // a script that catches the error does not go on for ever
	}
	if a.bytes += n; a.bytes > maxStrings {
		if a.err == nil {
			a.end(fmt.Errorf("script: made more than %d bytes of strings", maxStrings))
		}
		l.RaiseError("%s", a.err.Error())
	}
	if tooLong {
		l.RaiseError("the string would be longer than %d bytes", maxString)
	}
}

package lua

import (
	"context"
	"fmt"
	"runtime/metrics"

	lua "github.com/yuin/gopher-lua"
)

// Bounds of one run. A step is an instruction, or a character that a pattern looks at: so many take about a second.
const (
	maxSteps   = 20_000_000
	maxString  = 16 << 20 // bytes of one string
	maxStrings = 64 << 20 // of all strings and data that functions make, kept or not
	nodeSize   = 32       // about what a value of data takes, an item or a field
	keySize    = 16       // what a field takes besides, its name aside, which is a piece of the text
	placeSize  = 48       // and one of many
	tableSize  = 96       // about what a table takes besides
	boxSize    = 64       // what a table or list of ours takes as a value of Lua
	readCost   = 32       // as many bytes of text are gone through for one
)

// Bounds of what a run's tables and functions may hold. Nothing counts those as they are made, so a long run looks now and
// then by how much the whole process has grown since it began: one that took less than grownSteps cannot be the cause, and
// those that are grow no further than maxGrown together.
const (
	lookEvery  = 1 << 16 // steps, some milliseconds
	grownSteps = 1 << 19
	maxGrown   = 64 << 20
)

// allowance is the context of a state, and what its run may still use up. The interpreter asks it before every instruction
// whether it is done: that is where steps are counted. Only the goroutine of the run uses it.
type allowance struct {
	context.Context
	done   <-chan struct{}
	cancel context.CancelFunc
	steps  int
	bytes  int
	before uint64 // what the process held when the run was young
	err    error  // what was used up
}

func newAllowance(parent context.Context) *allowance {
	ctx, cancel := context.WithCancel(parent)
	return &allowance{Context: ctx, done: ctx.Done(), cancel: cancel}
}

// Done counts a step.
func (a *allowance) Done() <-chan struct{} {
	if a.steps++; a.steps%lookEvery == 0 && a.err == nil {
		a.look()
	}
	return a.done
}

// look ends a run that has taken too many steps, or too much memory.
func (a *allowance) look() {
	switch held := heldMemory(); {
	case a.steps > maxSteps:
		a.end(fmt.Errorf("script: took more than %d steps", maxSteps))
	case a.steps == lookEvery:
		a.before = held
	case a.steps >= grownSteps && held > a.before+maxGrown:
		a.end(fmt.Errorf("script: took more than %d bytes of memory", maxGrown))
	}
}

// heldMemory is what was in use at the end of the last garbage collection.
func heldMemory() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
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
	a.spend(l, min(n, maxString)) // a script that catches the error does not go on for ever
	if n > maxString {
		l.RaiseError("the string would be longer than %d bytes", maxString)
	}
}

// spend takes down n bytes that a function makes in one step; it does not return if that is too much.
func (a *allowance) spend(l *lua.LState, n int) {
	if a.bytes += n; a.bytes <= maxStrings {
		return
	}
	if a.err == nil {
		a.end(fmt.Errorf("script: made more than %d bytes of strings and data", maxStrings))
	}
	l.RaiseError("%s", a.err.Error())
}

// spend is the same for functions that know the state alone.
func spend(l *lua.LState, n int) {
	if a, ok := l.Context().(*allowance); ok { // always, but in tests
		a.spend(l, n)
	}
}

package gateway

import (
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// caretaker gives memory back when a crowd of connections has come, gone, or fallen silent. Idle ones make no garbage, so
// the collector would not run for minutes, and what a crowd has left behind would stay ours (security.md 37).
type caretaker struct {
	open  atomic.Int64
	asked atomic.Int64 // requests since the last look
	dirty atomic.Bool  // there were some since memory was last given back
	swept atomic.Int64 // open connections when memory was last given back
	busy  atomic.Bool  // a look is planned
}

const (
	crowd      = 1000 // connections more or less that are worth it
	sweepPause = time.Second
	quiet      = 4 // a crowd is, if fewer than one in so many ask for something between two looks
)

// note hears of every change of a connection's state.
func (c *caretaker) note(state http.ConnState) {
	switch state {
	case http.StateActive:
		c.asked.Add(1)
		return
	case http.StateNew:
		c.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.open.Add(-1)
	default:
		return
	}
	if c.moved() && c.busy.CompareAndSwap(false, true) {
		time.AfterFunc(sweepPause, c.look)
	}
}

// moved reports whether a crowd has come or gone since the last sweep.
func (c *caretaker) moved() bool {
	d := c.open.Load() - c.swept.Load()
	return d >= crowd || d <= -crowd
}

// look gives memory back if there was a change, or if a crowd that has asked for something is quiet again. Under load the
// collector needs nobody.
func (c *caretaker) look() {
	open, asked := c.open.Load(), c.asked.Swap(0)
	if asked > 0 {
		c.dirty.Store(true)
	}
	if c.moved() || asked < open/quiet && c.dirty.Load() {
		c.dirty.Store(false)
		if debug.FreeOSMemory(); open < c.swept.Swap(open) {
			debug.FreeOSMemory() // pools let go of what they hold at the second time
		}
	}
	if c.moved() || c.open.Load() >= crowd {
		time.AfterFunc(sweepPause, c.look)
		return
	}
	c.busy.Store(false)
}

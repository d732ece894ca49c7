package gateway

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestCaretakerLooksWhileThereIsACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c caretaker
		times := func(n int, state http.ConnState) {
			for range n {
				c.note(state)
			}
			time.Sleep(3 * sweepPause)
			synctest.Wait()
		}
		times(crowd-1, http.StateNew)
		if c.busy.Load() || c.swept.Load() != 0 {
			t.Error("looked at a few connections")
		}
		times(1, http.StateNew)
		if !c.busy.Load() || c.swept.Load() != crowd {
			t.Errorf("swept at %d connections, want %d", c.swept.Load(), crowd)
		}
		c.dirty.Store(false)
		times(crowd/10, http.StateActive)
		if c.dirty.Load() {
			t.Error("the crowd is quiet again, and what it has left behind is still here")
		}
		times(crowd, http.StateClosed)
		if c.busy.Load() || c.swept.Load() != 0 {
			t.Errorf("swept at %d connections and still looking %v, want the end", c.swept.Load(), c.busy.Load())
		}
	})
}

package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	garbage  = 10 << 20 // bytes that may wait for the collector beside any heap, however small
	mostGOGC = 1000
)

// pacer keeps GOGC to what is in use. A gateway of a dozen endpoints has 4 MB of it, and would collect with every 5 MB of
// garbage, some four times a second: the pauses are what one request in a hundred waits for, and the work is a tenth of all.
type pacer struct {
	base    int // GOGC beside a heap that is large enough
	now     int
	stopped atomic.Bool
}

// pace sets GOGC, now and after every collection, unless the environment has. base is the least that it is set to.
func pace(base int, lookup func(string) (string, bool)) (stop func()) {
	if _, ok := lookup("GOGC"); ok {
		return func() {}
	}
	p := &pacer{base: base}
	p.adjust()
	return func() { p.stopped.Store(true) }
}

// round dies with the first collection after it was made: so that is noticed.
type round struct{ _ *pacer }

func (p *pacer) adjust() {
	if p.stopped.Load() {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if want := percentBeside(live[0].Value.Uint64(), p.base); 8*max(want-p.now, p.now-want) > p.now { // setting it stops everybody for a moment
		p.now = want
		debug.SetGCPercent(want)
	}
	runtime.AddCleanup(new(round), (*pacer).adjust, p)
}

// percentBeside is GOGC where so many bytes are in use.
func percentBeside(live uint64, base int) int {
	return max(base, min(mostGOGC, int(garbage*100/max(1, live))))
}

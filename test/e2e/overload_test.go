package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestChaosAnOverloadedBackend: at three times what a backend can, with nothing in the file about it, it answers nine tenths
// of what it works off, the others are told at once, and two seconds after it all is well. The backend works on in the order
// in which it was asked, whoever has left meanwhile.
func TestChaosAnOverloadedBackend(t *testing.T) {
	t.Parallel()
	unstarved(t, func() []string {
		const capacity, span = 50, 4 * time.Second
		var served atomic.Int64
		places := make(chan struct{}, 4)
		host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
			places <- struct{}{}
			time.Sleep(4 * time.Second / capacity)
			served.Add(1)
			<-places
			whoAsks(w, r)
		})
		g := start(t, map[string]any{"timeout": "2s", "endpoints": []any{map[string]any{"endpoint": "/slow", "backend": []any{
			map[string]any{"host": []string{host}, "url_pattern": "/"}}}}})
		defer g.stop()
		stop := g.load(t, "/slow", 3*capacity)
		time.Sleep(span)
		asked, bad := stop()
		could := int(served.Load()) // also for those who had left
		late := 0
		for _, b := range bad {
			if !strings.HasPrefix(b, "503 ") || !strings.Contains(b, "upstream_limited") {
				late++
			}
		}
		t.Logf("of %d requests %d were good where %d could be, %d told 503, %d something else", asked, asked-len(bad), could, len(bad)-late, late)
		var wrong []string
		if good := asked - len(bad); good < could*9/10 {
			wrong = append(wrong, "less than nine tenths of what the backend worked off came to anybody")
		}
		if late > asked/10 {
			wrong = append(wrong, "too many were not told 503: "+bad[0])
		}
		if len(bad) == late {
			wrong = append(wrong, "nobody was told 503")
		}
		mercy := g.load(t, "/slow", capacity/2)
		time.Sleep(2 * time.Second)
		mercy()
		calm := g.load(t, "/slow", capacity/2)
		time.Sleep(2 * time.Second)
		if _, bad := calm(); len(bad) > 0 {
			wrong = append(wrong, "2 s after it some failed: "+bad[0])
		}
		return wrong
	})
}

// TestChaosASlowBackendIsNotOverloaded: a backend that takes a second for everything has five times as many requests from
// one moment to the next, and nobody is told that there were too many.
func TestChaosASlowBackendIsNotOverloaded(t *testing.T) {
	t.Parallel()
	host := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		whoAsks(w, r)
	})
	g := start(t, map[string]any{"timeout": "2s", "endpoints": []any{map[string]any{"endpoint": "/slow", "backend": []any{
		map[string]any{"host": []string{host}, "url_pattern": "/"}}}}})
	unstarved(t, func() (wrong []string) {
		before := g.load(t, "/slow", 20)
		time.Sleep(3 * time.Second)
		more := g.load(t, "/slow", 80)
		time.Sleep(3 * time.Second)
		for _, stop := range []func() (int, []string){before, more} {
			if asked, bad := stop(); len(bad) > 0 || asked < 50 {
				wrong = append(wrong, append(bad, "asked too seldom")[0])
			}
		}
		return wrong
	})
}

// unstarved plays what depends on the pace of processes. What is wrong on a machine that keeps everybody waiting says nothing
// of the gateway, and is played again.
func unstarved(t *testing.T, play func() (wrong []string)) {
	t.Helper()
	const longest = 150 * time.Millisecond // that a timer may be late
	for range 4 {
		worst := lateness()
		wrong := play()
		late := worst()
		switch {
		case len(wrong) == 0:
			return
		case late < longest:
			t.Fatal(strings.Join(wrong, "\n"))
		}
		t.Logf("played again: timers were up to %v late, and %s", late, strings.Join(wrong, "; "))
	}
	t.Skip("the machine has too much else to do")
}

// lateness begins to watch how late timers are; worst tells by how much, and ends it.
func lateness() (worst func() time.Duration) {
	const beat = 5 * time.Millisecond
	end, most := make(chan struct{}), make(chan time.Duration)
	go func() {
		longest := time.Duration(0)
		for last := time.Now(); ; {
			select {
			case <-end:
				most <- longest
				return
			case <-time.After(beat):
			}
			now := time.Now()
			longest, last = max(longest, now.Sub(last)-beat), now
		}
	}()
	return func() time.Duration { close(end); return <-most }
}

package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestChaosAnOverloadedBackend: at three times what a backend can, with nothing in the file about it, it answers nine tenths
// of what it can, the others are told at once, and two seconds after it all is well. The backend works on in the order in
// which it was asked, whoever has left meanwhile.
func TestChaosAnOverloadedBackend(t *testing.T) {
	const capacity, span = 50, 4 * time.Second
	t.Parallel()
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
	t.Logf("of %d requests %d were told 503, %d something else", asked, len(bad)-late, late)
	if good := asked - len(bad); good < could*9/10 || could < capacity || late > asked/10 {
		t.Errorf("%d good answers where %d could be, %d too late; the first of the others: %q", good, could, late, append(bad, "none")[0])
	}
	if len(bad) == late {
		t.Error("nobody was told 503")
	}
	mercy := g.load(t, "/slow", capacity/2)
	time.Sleep(2 * time.Second)
	mercy()
	calm := g.load(t, "/slow", capacity/2)
	time.Sleep(2 * time.Second)
	if asked, bad := calm(); len(bad) > 0 {
		t.Errorf("2 s after it %d of %d failed; the first: %s", len(bad), asked, bad[0])
	}
}

package endpoints

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestBotsAreRemembered(t *testing.T) {
	b, err := NewBots(BotsConfig{Patterns: []string{"bad"}, CacheSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 500 {
				agent := fmt.Sprint("agent ", i%37, n)
				if b.isBot(agent) || !b.isBot(agent+" bad") {
					t.Errorf("%q is judged wrongly", agent)
				}
			}
		})
	}
	wg.Wait()
	if n := len(b.seen.young) + len(b.seen.old); n > 10 {
		t.Errorf("remembers %d agents, want at most 10", n)
	}
	long := strings.Repeat("x", maxRemembered+1)
	if b.isBot(long) || !b.isBot(long+"bad") {
		t.Error("a long agent is judged wrongly")
	}
	if _, known := b.seen.get(long); known {
		t.Error("a long agent is remembered")
	}
}

func BenchmarkBots(b *testing.B) {
	for _, size := range []int{0, 1000} {
		b.Run(fmt.Sprint("remembering ", size), func(b *testing.B) {
			bots, err := NewBots(BotsConfig{Patterns: []string{`(?i)bot`, `^curl/`, `facebookexternalhit/.*`}, CacheSize: size})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				bots.isBot("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36")
			}
		})
	}
}

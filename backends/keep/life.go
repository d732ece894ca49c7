// Package keep holds what outlives a configuration (connections, breakers, caches, tokens) for as long as some configuration
// wants it.
package keep

import "sync"

// Life is what one configuration holds of the things that outlive it (connections, breakers, tokens): they are given back
// when it ends. Whoever compiles a configuration makes one, hands it to every backend, starts it once the configuration
// serves, and closes it when its last request has ended, or when it does not compile. A nil Life holds things until their
// owners close.
type Life struct {
	mu     sync.Mutex
	starts []func() (stop func())
	closes []func()
	done   bool
}

// Start begins what a configuration does of its own accord: health checks.
func (l *Life) Start() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return
	}
	for _, start := range l.starts {
		l.closes = append(l.closes, start())
	}
	l.starts = nil
}

// Close gives everything back; more than once is fine.
func (l *Life) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	closes := l.closes
	l.starts, l.closes, l.done = nil, nil, true
	l.mu.Unlock()
	for i := len(closes) - 1; i >= 0; i-- {
		closes[i]()
	}
}

// OnStart has start called by [Life.Start], and what it returns when the life ends.
func (l *Life) OnStart(start func() (stop func())) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts = append(l.starts, start)
}

// OnClose has f called when the life ends.
func (l *Life) OnClose(f func()) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closes = append(l.closes, f)
}

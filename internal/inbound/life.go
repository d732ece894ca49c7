package inbound

import (
	"context"
	"sync"
	"time"
)

// life is the context of one request: it ends when the client goes away, and when the request is answered. Nobody watches
// the client until somebody waits for the end: most requests are answered before anybody does. Whoever cares asks it now and
// then to look, which costs a tenth of that.
type life struct {
	c     *conn // nil for what is refused
	mu    sync.Mutex
	over  bool
	inner context.Context // what a waiter waits for; nil until there is one
	stop  context.CancelFunc
}

// Deadline follows context.Context.
func (l *life) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done follows context.Context. From now on the client is watched, if its body is read.
func (l *life) Done() <-chan struct{} {
	l.mu.Lock()
	begin := l.inner == nil
	if begin {
		l.inner, l.stop = context.WithCancel(context.Background())
		if l.over {
			l.stop()
		}
	}
	done := l.inner.Done()
	begin = begin && !l.over && l.c != nil
	l.mu.Unlock()
	if begin {
		l.c.lookAfter(l)
	}
	return done
}

// Err follows context.Context.
func (l *life) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return context.Canceled
	}
	return nil
}

// Waited follows outbound.Watcher.
func (l *life) Waited(time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inner != nil
}

// Look ends the life of a request whose client has gone; false: that cannot be seen, and Done must be waited for.
func (l *life) Look() bool {
	l.mu.Lock()
	told := l.over || l.inner != nil // the end will be known
	l.mu.Unlock()
	if told || l.c == nil {
		return true
	}
	if l.c.raw == nil {
		return false
	}
	if l.c.watch.mayBegin() && l.c.hungUp() {
		l.end()
	}
	return true
}

// Value follows context.Context. Contexts that are made of this one find what they shall end with.
func (l *life) Value(key any) any {
	l.mu.Lock()
	inner := l.inner
	l.mu.Unlock()
	if inner == nil {
		return nil
	}
	return inner.Value(key)
}

// end ends the request's life; a second time changes nothing.
func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.stop != nil {
		l.stop()
	}
}

// watch is who looks after the client while a request is answered: a goroutine that reads, once the body is whole.
type watch struct {
	mu      sync.Mutex
	whole   bool // the body has been read, or there is none
	ahead   bool // and the next request is here already
	over    bool // the request is answered
	waiting *life
	done    chan struct{} // closed when the goroutine has ended; nil: there is none
}

// begin begins with a request.
func (w *watch) begin(whole, ahead bool) {
	w.mu.Lock()
	w.whole, w.ahead, w.over, w.waiting, w.done = whole, ahead, false, nil, nil
	w.mu.Unlock()
}

// mayBegin reports whether there could be a watch: the body is whole, nothing is behind it, and the request is not answered.
func (w *watch) mayBegin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.whole && !w.ahead && !w.over
}

// hungUp reports whether the client has closed its half of a bare socket, and everything that it had sent before was read, or
// whether we have closed it.
func (c *conn) hungUp() (gone bool) {
	err := c.raw.Control(func(fd uintptr) { gone = hungUp(fd) })
	return gone || err != nil
}

// lookAfter has the client watched from when its body is whole.
func (c *conn) lookAfter(l *life) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting = l; w.whole && !w.over {
		c.startWatch()
	}
}

// bodyIsWhole begins the watch that somebody waits for.
func (c *conn) bodyIsWhole() {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole, w.ahead = true, len(c.unread()) > 0
	if w.waiting != nil && !w.over {
		c.startWatch()
	}
}

// startWatch begins to read, unless the next request is here already. The lock is held.
func (c *conn) startWatch() {
	w := &c.watch
	if w.done != nil || w.ahead {
		return
	}
	w.done = make(chan struct{})
	go func(l *life, done chan struct{}) {
		defer close(done)
		c.by = time.Time{}
		c.room(pieceOfHead)
		if err := c.fill(); err != nil && err != errAborted { //nolint:errorlint // ours, as it is
			l.end()
		}
	}(w.waiting, w.done)
}

// unwatch ends the watch. What it has read is the beginning of the next request.
func (c *conn) unwatch() {
	w := &c.watch
	w.mu.Lock()
	w.over = true
	done := w.done
	w.mu.Unlock()
	if done == nil {
		return
	}
	c.abort()
	<-done
	c.resume()
	c.spare()
}

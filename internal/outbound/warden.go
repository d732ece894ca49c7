package outbound

import (
	"sync"
	"time"
)

const (
	// round is how often the warden looks: an exchange that is canceled young ends that much late at most.
	round = 5 * time.Millisecond
	// soon is how near a deadline must be to be set at once.
	soon = 3 * round
)

// warden looks after exchanges that are too young to have their own deadline and their own callback on their context.
// Those two cost more than all our reading and parsing of a small answer, and most exchanges end before they matter: so
// the warden looks at the young every few milliseconds, cuts those whose context has ended, and sets up the two for those
// that stay. It has a timer while there are young exchanges, and nothing otherwise.
type warden struct {
	mu    sync.Mutex
	young []*conn
	round uint64
	timer *time.Timer
	armed bool
}

// add takes an exchange into care.
func (w *warden) add(c *conn) {
	w.mu.Lock()
	c.slot, c.since = len(w.young), w.round
	w.young = append(w.young, c)
	if !w.armed {
		w.armed = true
		if w.timer == nil {
			w.timer = time.AfterFunc(round, w.look)
		} else {
			w.timer.Reset(round)
		}
	}
	w.mu.Unlock()
}

// remove lets an exchange go; false: it was not in care (any more).
func (w *warden) remove(c *conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.slot == grown {
		return false
	}
	w.drop(c)
	return true
}

func (w *warden) drop(c *conn) {
	last := len(w.young) - 1
	w.young[c.slot] = w.young[last]
	w.young[c.slot].slot = c.slot
	w.young[last] = nil
	w.young = w.young[:last]
	c.slot = grown
}

// note changes the deadline of an exchange in care; false: it is not in care, or the deadline is near or one is set.
func (w *warden) note(c *conn, t time.Time, limited bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.slot == grown {
		return false
	}
	if c.bounded || limited && time.Until(t) < soon {
		w.drop(c)
		c.limited, c.deadline = limited, t
		c.bounded = limited
		_ = c.nc.SetDeadline(t)
		c.grow()
		return true
	}
	c.limited, c.deadline = limited, t
	return true
}

// stream keeps an exchange in care whose head is read: from now on it has its idle timeout, once it is grown, and no
// deadline. False: it must have it now.
func (w *warden) stream(c *conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.slot == grown || c.bounded || c.idle < soon {
		return false
	}
	c.limited, c.silence, c.deadline = false, c.idle, time.Now().Add(c.idle)
	return true
}

// awaits takes down that a stream in care waits for its next bytes; false: it is not in care.
func (w *warden) awaits(c *conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.slot == grown {
		return false
	}
	c.deadline = time.Now().Add(c.silence)
	return true
}

// look is one round.
func (w *warden) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.round++
	for i := 0; i < len(w.young); {
		c := w.young[i]
		switch {
		case c.over():
			w.drop(c)
			c.cutOff()
		case w.round-c.since > 1: // it has seen a whole round
			w.drop(c)
			c.grow()
		default:
			i++
		}
	}
	if w.armed = len(w.young) > 0; w.armed {
		w.timer.Reset(round)
	}
}

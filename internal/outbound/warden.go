package outbound

import (
	"sync"
	"time"
)

const (
	// round is how often the warden may look.
	round = 10 * time.Millisecond
	// An exchange is looked at when it has seen a whole round, and from then on every third: one that is canceled ends that
	// much late at most (security.md 43: a client that goes away, within 50 ms).
	firstLook, nextLook = 1, 3
	// mostLooks cost as much as what they stand in for.
	mostLooks = 8
	// soon is how near a deadline must be to be set at once.
	soon = (nextLook + 2) * round
	// Young is how old an exchange may be and not hear at once that its context has ended, unless that was waited for before.
	Young = (firstLook + 1 + mostLooks*nextLook) * round
	// wheel is how many rounds there are to plan looks in.
	wheel = nextLook + 1
)

// warden looks after exchanges that are too young to have their own deadline and their own callback on their context.
// Those two, and the client's being watched for the callback, cost more than all our reading and writing of a small answer:
// so the warden looks at the young now and then, cuts those whose context has ended, and sets up the two for those that
// stay for a quarter of a second. It has a timer while there are young exchanges, and nothing otherwise.
type warden struct {
	mu    sync.Mutex
	young [wheel][]*conn // by the round of the next look
	count int            // of all of them
	round uint64
	timer *time.Timer
	armed bool
}

// add takes an exchange into care.
func (w *warden) add(c *conn) {
	w.mu.Lock()
	c.looks = 0
	w.place(c, firstLook+1) // the round that is under way is not a whole one
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

// place plans the next look.
func (w *warden) place(c *conn, rounds uint64) {
	c.due = (w.round + rounds) % wheel
	c.slot = len(w.young[c.due])
	w.young[c.due] = append(w.young[c.due], c)
	w.count++
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
	row := w.young[c.due]
	last := len(row) - 1
	row[c.slot] = row[last]
	row[c.slot].slot = c.slot
	row[last] = nil
	w.young[c.due] = row[:last]
	c.slot = grown
	w.count--
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
		c.limit(t)
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
	began := time.Now()
	for due := w.round % wheel; len(w.young[due]) > 0; {
		row := w.young[due]
		c := row[len(row)-1]
		w.drop(c)
		switch seen := look(c.ctx); {
		case c.over():
			c.cutOff()
		case !seen || c.looks == mostLooks || (c.limited || c.silence > 0) && time.Until(c.deadline) < soon:
			c.grow()
		default:
			c.looks++
			w.place(c, nextLook)
		}
		w.mu.Unlock() // a look may ask the kernel: nobody waits for more than one
		w.mu.Lock()
	}
	if w.armed = w.count > 0; w.armed {
		w.timer.Reset(max(round/10, round-time.Since(began)))
	}
}

package backends

import (
	"sync/atomic"
	"time"
)

const (
	queueSamples = 32  // requests that are timed between two looks, at most
	queueMemory  = 8   // looks that an average forgets in
	queueEnough  = 8   // answers that make an average
	queueAge     = 512 // looks in which what is usual grows to e times itself
)

// queue tells whether a host answers late because requests wait there for each other, or because that is how long it takes.
// Numbers alone do not tell: a host that takes a second for everything has the most requests, and the fewest answers for
// them, in the second after their rate has grown. So some are timed: in a queue nobody is quick, and the others take half as
// long again as they once did, or too long.
type queue struct {
	began  time.Time
	wanted atomic.Int32 // requests that are to be timed yet
	quick  atomic.Int64 // since the last look: answers that took less than a tenth of the time that requests have,
	slow   atomic.Int64 // the other ones,
	took   atomic.Int64 // how long these took together,
	late   atomic.Int64 // and requests whose time was up

	// What follows belongs to look.
	answers, total float64 // of slow ones, forgetting
	usual          float64 // their lowest average, growing slowly; 0: not known
	standing       bool
}

// sample is the moment at which a request that is timed comes; 0: it is not.
func (q *queue) sample() time.Duration {
	if q.wanted.Load() <= 0 || q.wanted.Add(-1) < 0 {
		return 0
	}
	return max(1, time.Since(q.began))
}

// tell takes down how a request ended that came at since.
func (q *queue) tell(since, timeout time.Duration, answered bool) {
	switch took := time.Since(q.began) - since; {
	case !answered:
		q.late.Add(1)
	case took < timeout/10:
		q.quick.Add(1)
	default:
		q.slow.Add(1)
		q.took.Add(int64(took))
	}
}

// forget begins anew.
func (q *queue) forget() {
	q.look(false)
	q.answers, q.total, q.usual, q.standing = 0, 0, 0, false
}

// look sums up what was told since the last look; ages: what is usual may grow.
func (q *queue) look(ages bool) {
	quick, slow, late := q.quick.Swap(0), q.slow.Swap(0), q.late.Swap(0)
	q.answers += float64(slow) - q.answers/queueMemory
	q.total += float64(q.took.Swap(0)) - q.total/queueMemory
	q.wanted.Store(queueSamples)
	average := q.total / max(q.answers, 1)
	if ages {
		q.usual += q.usual / queueAge
	}
	if q.answers >= queueEnough && (q.usual == 0 || average < q.usual) {
		q.usual = average
	}
	if quick+slow+late > 0 { // silence says nothing new
		q.standing = quick*10 < slow+late && (late*4 >= slow || q.usual > 0 && average >= q.usual*3/2)
	}
}

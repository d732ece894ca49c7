package backends

import (
	"sync/atomic"
	"time"
)

const (
	queueSamples = 32  // requests that are timed between two looks, at most
	queueMemory  = 8   // answers that an average forgets in
	queueEnough  = 4   // answers that make an average
	queueOrder   = 16  // answers in a row that have waited as long as each other
	queueAge     = 512 // looks in which what is usual grows to e times itself
)

// queue tells whether a host answers late because requests wait there for each other, or because that is how long it takes.
// Numbers alone do not tell: a host that takes a second for everything has the most requests, and the fewest answers for
// them, in the second after their rate has grown. So some are timed: in a queue nobody is quick, all that are answered at a
// time have waited as long, and half as long again as others once did; or too many are too late.
type queue struct {
	began  time.Time
	wanted atomic.Int32 // requests that are to be timed yet
	quick  atomic.Int64 // since the last look: answers that took less than a tenth of the time that requests have,
	slow   atomic.Int64 // the other ones,
	took   atomic.Int64 // how long these took together,
	early  atomic.Int64 // those of them that took less than three quarters of what is average,
	late   atomic.Int64 // and requests whose time was up

	average atomic.Int64 // of slow ones, forgetting

	// What follows belongs to look.
	known    int64   // slow ones, ever
	orderly  int64   // slow ones since there were early ones
	usual    float64 // the lowest average, growing slowly; 0: not known
	standing bool
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
		if int64(took) < q.average.Load()*3/4 {
			q.early.Add(1)
		}
	}
}

// forget begins anew.
func (q *queue) forget() {
	q.look(false)
	q.known, q.orderly, q.usual, q.standing = 0, 0, 0, false
	q.average.Store(0)
}

// look sums up what was told since the last look; ages: what is usual may grow.
func (q *queue) look(ages bool) {
	quick, slow, took, early, late := q.quick.Swap(0), q.slow.Swap(0), q.took.Swap(0), q.early.Swap(0), q.late.Swap(0)
	q.wanted.Store(queueSamples)
	average := q.follow(slow, took)
	if ages {
		q.usual += q.usual / queueAge
	}
	if q.known >= queueEnough && (q.usual == 0 || average < q.usual) {
		q.usual = average
	}
	if quick+slow+late == 0 {
		return // silence says nothing new
	}
	if q.orderly += slow; early*10 > slow {
		q.orderly = 0
	}
	longer := q.orderly >= queueOrder && average >= q.usual*3/2
	q.standing = quick*10 < slow+late && (longer || late*4 >= slow)
}

// follow moves the average to what so many answers took together.
func (q *queue) follow(slow, took int64) float64 {
	average := float64(q.average.Load())
	if slow == 0 {
		return average
	}
	weight := min(1, float64(slow)/queueMemory)
	if q.known == 0 {
		weight = 1
	}
	q.known += slow
	average += (float64(took)/float64(slow) - average) * weight
	q.average.Store(int64(average))
	return average
}

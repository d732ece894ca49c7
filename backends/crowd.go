package backends

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"gatehouse/internal/conf"
)

const (
	crowdFew     = 16                    // requests that are no crowd, and answers that say nothing of a pace
	crowdBeat    = 50 * time.Millisecond // between two looks
	crowdMemory  = 20                    // looks that a pace is measured over
	crowdPatient = 2                     // looks in a row that must find too many, and those in an eighth of a request's time
	crowdSeen    = 3                     // less those that it takes to see a queue
	crowdHold    = 600                   // looks after which a limit is found anew
	crowdCalm    = 10                    // looks in a row that find half of the limit unused, and lift it
)

// crowd keeps a host from having more requests of a backend than it can answer in time (security.md 38): what it would
// answer too late is told so at once, and the host works on what somebody still waits for. The measure is Little's law: so
// many are there, and so many are answered in a second; and it binds only where those who are there wait in a queue. Nothing
// is measured, and no clock is asked, while they are few.
type crowd struct {
	timeout  time.Duration // of a request
	shed     bool          // false: only its silence is noticed
	silent   func()        // it answers none of them
	waiting  atomic.Int64  // requests whose answers have not begun
	answered atomic.Int64  // answers that have begun, ever
	limit    atomic.Int64  // of those that wait; 0: none
	watched  atomic.Bool
	queue    queue

	// What follows belongs to look.
	past    [crowdMemory + 1]int64 // answered, at each of the last looks
	looks   int
	since   int   // the look that the pace is measured from
	tooMany int   // looks in a row that found too many, in a queue
	held    int   // looks since the limit was set
	quiet   int   // looks in a row that found no answer
	least   int64 // what the limit may fall to: a host that is slow by nature must not starve
	calm    int   // looks in a row that found half of it unused
}

var errCrowd = errors.New("the host has more requests than it answers in time")

// newCrowd is the crowd of a backend's requests at one host; nil: there may be any number.
func newCrowd(cfg Config, env Env, at *upstream) *crowd {
	c := &crowd{timeout: cfg.Timeout.Or(env.Timeout), shed: conf.Value(cfg.ShedLoad, true), silent: func() { at.health.strike(maxStrikes) }}
	c.queue.began = time.Now()
	if c.timeout <= 0 {
		return nil
	}
	return c
}

// enter takes one more request in, or refuses it. It returns what leave wants to hear.
func (c *crowd) enter() (since time.Duration, err error) {
	if c == nil {
		return 0, nil
	}
	n := c.waiting.Add(1)
	if n <= crowdFew {
		return 0, nil
	}
	if limit := c.limit.Load(); limit > 0 && n > limit {
		c.waiting.Add(-1)
		return 0, &Failure{Reason: ReasonLimited, RetryAfter: time.Second, Err: errCrowd}
	}
	if !c.watched.Load() && c.watched.CompareAndSwap(false, true) {
		c.past[0], c.looks, c.since, c.tooMany, c.quiet = c.answered.Load(), 0, 0, 0, 0
		c.queue.forget()
		time.AfterFunc(crowdBeat, c.look)
	}
	return c.queue.sample(), nil
}

// leave lets a request out that came in at since, with an answer or without.
func (c *crowd) leave(ctx context.Context, since time.Duration, answered bool) {
	if c == nil {
		return
	}
	if since > 0 && (answered || errors.Is(ctx.Err(), context.DeadlineExceeded)) { // who has left says nothing of the host
		c.queue.tell(since, c.timeout, answered)
	}
	if answered {
		c.answered.Add(1)
	}
	c.waiting.Add(-1)
}

// look is one look at a crowd, as long as it is one.
func (c *crowd) look() {
	c.listen()
	c.queue.look(c.limit.Load() == 0)
	n, fits := c.waiting.Load(), c.fits()
	switch limit := c.limit.Load(); {
	case limit > 0:
		c.hold(n, fits)
	case n <= crowdFew:
		c.watched.Store(false)
		return
	case !c.shed || fits == 0 || n <= fits || !c.queue.standing:
		c.tooMany = 0
	default:
		if c.tooMany++; c.tooMany >= max(crowdPatient, c.looksIn(8)-crowdSeen) {
			c.held, c.calm, c.least = 0, 0, max(crowdFew, fits/2)
			c.limit.Store(fits)
		}
	}
	time.AfterFunc(crowdBeat, c.look)
}

// listen takes down what was answered since the last look. It has a host rest that is asked and has been silent for a
// quarter of the time: were it noticed by those whose time is up alone, there would be more of them than may be sent twice.
func (c *crowd) listen() {
	c.looks++
	c.past[c.looks%len(c.past)] = c.answered.Load()
	switch {
	case c.answeredIn(1) == 0:
		c.quiet++
	case c.quiet >= c.looksIn(10):
		c.quiet, c.since = 0, c.looks // a host that is slow by nature begins to answer what it was asked at once
	default:
		c.quiet = 0
	}
	if c.quiet == c.looksIn(4) {
		c.silent()
	}
}

// looksIn is how many looks fit into a part of the time that a request has.
func (c *crowd) looksIn(part time.Duration) int { return max(1, int(c.timeout/part/crowdBeat)) }

// fits is how many requests the host answers in time, at its pace of late; 0: too few answers to know.
func (c *crowd) fits() int64 {
	over := min(c.looks-c.since, crowdMemory)
	answers := c.answeredIn(over)
	if over < 1 || answers < crowdFew {
		return 0
	}
	return max(crowdFew, answers*int64(c.timeout*3/4)/int64(over)/int64(crowdBeat))
}

// answeredIn counts the answers of the last so many looks.
func (c *crowd) answeredIn(looks int) int64 {
	return c.past[c.looks%len(c.past)] - c.past[(c.looks-looks)%len(c.past)]
}

// hold follows the pace with the limit, and lifts it when it is not needed or old.
func (c *crowd) hold(n, fits int64) {
	c.held++
	if c.calm++; n > c.limit.Load()/2 {
		c.calm = 0
	}
	if c.calm >= crowdCalm || c.held >= crowdHold {
		c.tooMany, fits = 0, 0
	} else {
		fits = max(fits, c.least)
	}
	c.limit.Store(fits)
}

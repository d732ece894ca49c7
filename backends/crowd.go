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
	timeout  time.Duration // of a request; 0: there may be any number of them
	shed     bool          // false: only its silence is noticed
	at       *upstream     // the host
	waiting  atomic.Int64  // requests whose answers have not begun
	answered atomic.Int64  // answers that have begun, ever
	limit    atomic.Int64  // of those that wait; 0: none
	watched  atomic.Bool
	seen     atomic.Pointer[seen] // nil until it is watched for the first time
}

// seen is what is found by looking at a crowd. All but the queue belongs to look.
type seen struct {
	queue   queue
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

// compile makes it the crowd of a backend's requests at one host.
func (c *crowd) compile(cfg Config, env Env, at *upstream) {
	c.timeout, c.shed, c.at = cfg.Timeout.Or(env.Timeout), conf.Value(cfg.ShedLoad, true), at
}

// enter takes one more request in, or refuses it. It returns what leave wants to hear.
func (c *crowd) enter() (since time.Duration, err error) {
	if c.timeout <= 0 {
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
		c.watch()
	}
	if s := c.seen.Load(); s != nil {
		return s.queue.sample(), nil
	}
	return 0, nil
}

// watch begins to look, as if never before.
func (c *crowd) watch() {
	s := c.seen.Load()
	if s == nil {
		s = &seen{queue: queue{began: time.Now()}}
		c.seen.Store(s)
	}
	s.past[0], s.looks, s.since, s.tooMany, s.quiet = c.answered.Load(), 0, 0, 0, 0
	s.queue.forget()
	time.AfterFunc(crowdBeat, c.look)
}

// leave lets a request out that came in at since, with an answer or without.
func (c *crowd) leave(ctx context.Context, since time.Duration, answered bool) {
	if c.timeout <= 0 {
		return
	}
	if since > 0 && (answered || errors.Is(ctx.Err(), context.DeadlineExceeded)) { // who has left says nothing of the host
		c.seen.Load().queue.tell(since, c.timeout, answered)
	}
	if answered {
		c.answered.Add(1)
	}
	c.waiting.Add(-1)
}

// look is one look at a crowd, as long as it is one.
func (c *crowd) look() {
	s := c.seen.Load()
	c.listen()
	s.queue.look(c.limit.Load() == 0)
	n, fits := c.waiting.Load(), c.fits()
	switch limit := c.limit.Load(); {
	case limit > 0:
		c.hold(n, fits)
	case n <= crowdFew:
		c.watched.Store(false)
		return
	case !c.shed || fits == 0 || n <= fits || !s.queue.standing:
		s.tooMany = 0
	default:
		if s.tooMany++; s.tooMany >= max(crowdPatient, c.looksIn(8)-crowdSeen) {
			s.held, s.calm, s.least = 0, 0, max(crowdFew, fits/2)
			c.limit.Store(fits)
		}
	}
	time.AfterFunc(crowdBeat, c.look)
}

// listen takes down what was answered since the last look. It has a host rest that is asked and has been silent for a
// quarter of the time: were it noticed by those whose time is up alone, there would be more of them than may be sent twice.
func (c *crowd) listen() {
	s := c.seen.Load()
	s.looks++
	s.past[s.looks%len(s.past)] = c.answered.Load()
	switch {
	case c.answeredIn(1) == 0:
		s.quiet++
	case s.quiet >= c.looksIn(10):
		s.quiet, s.since = 0, s.looks // a host that is slow by nature begins to answer what it was asked at once
	default:
		s.quiet = 0
	}
	if s.quiet == c.looksIn(4) {
		c.at.health.strike(maxStrikes)
	}
}

// looksIn is how many looks fit into a part of the time that a request has.
func (c *crowd) looksIn(part time.Duration) int { return max(1, int(c.timeout/part/crowdBeat)) }

// fits is how many requests the host answers in time, at its pace of late; 0: too few answers to know.
func (c *crowd) fits() int64 {
	s := c.seen.Load()
	over := min(s.looks-s.since, crowdMemory)
	answers := c.answeredIn(over)
	if over < 1 || answers < crowdFew {
		return 0
	}
	return max(crowdFew, answers*int64(c.timeout*3/4)/int64(over)/int64(crowdBeat))
}

// answeredIn counts the answers of the last so many looks.
func (c *crowd) answeredIn(looks int) int64 {
	s := c.seen.Load()
	return s.past[s.looks%len(s.past)] - s.past[(s.looks-looks)%len(s.past)]
}

// hold follows the pace with the limit, and lifts it when it is not needed or old.
func (c *crowd) hold(n, fits int64) {
	s := c.seen.Load()
	s.held++
	if s.calm++; n > c.limit.Load()/2 {
		s.calm = 0
	}
	if s.calm >= crowdCalm || s.held >= crowdHold {
		s.tooMany, fits = 0, 0
	} else {
		fits = max(fits, s.least)
	}
	c.limit.Store(fits)
}

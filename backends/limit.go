package backends

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
)

// LimitConfig is qos/ratelimit/proxy: how often a backend may be asked, by everybody together (krakend.md 5).
type LimitConfig struct {
	MaxRate  *float64       `json:"max_rate" old:"maxRate" doc:"Requests in each span of every; 0: no limit."`
	Capacity *float64       `json:"capacity" doc:"Requests at once, after a pause." default:"max_rate, at least 1"`
	Every    *conf.Duration `json:"every" doc:"The span that max_rate is counted in." default:"1s"`
}

// limiter is a bucket that fills with the time: whoever finds it empty is told when to come back. It keeps the moment at
// which the bucket will be full again (the generic cell rate algorithm), so nothing runs in the background.
type limiter struct {
	each     time.Duration // until one more fits
	capacity time.Duration // how long an empty bucket takes to fill

	mu   sync.Mutex
	full time.Time
}

type limitKey struct{ entry, settings string }

var errLimited = errors.New("the backend's rate limit is used up")

// limit is the limiter of a backend entry, nil if the file has none. A reload that does not change it keeps what is used up.
func (h *Hosts) limit(cfg *LimitConfig, env Env) (*limiter, error) {
	if cfg == nil || conf.Value(cfg.MaxRate, -1) == 0 {
		return nil, nil
	}
	l, err := newLimiter(*cfg)
	if err != nil || env.Entry == "" {
		return l, err
	}
	return h.limits.Hold(limitKey{env.Entry, keep.Key(cfg)}, env.Life, func() (*limiter, error) { return l, nil })
}

func newLimiter(cfg LimitConfig) (*limiter, error) {
	var errs mistakes
	rate, every := conf.Value(cfg.MaxRate, 0), cfg.Every.Or(time.Second)
	if cfg.MaxRate == nil {
		errs.at(errors.New("is missing"), "max_rate")
	} else if !(rate > 0 && rate <= 1e9) {
		errs.at(fmt.Errorf("got %v, want more than 0", rate), "max_rate")
	}
	if every <= 0 {
		errs.at(fmt.Errorf("got %s, want more than nothing", every), "every")
	}
	capacity := conf.Value(cfg.Capacity, 0)
	if capacity == 0 {
		capacity = max(rate, 1)
	}
	if !(capacity >= 1 && capacity <= 1e9) {
		errs.at(fmt.Errorf("got %v, want at least 1", capacity), "capacity")
	}
	if errs.list != nil {
		return nil, conf.Join(errs.list...)
	}
	each := max(time.Duration(float64(every)/rate), 1)
	return &limiter{each: each, capacity: time.Duration(capacity * float64(each))}, nil
}

// take takes one request out of the bucket.
func (l *limiter) take() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.full.Before(now) {
		l.full = now
	}
	if wait := l.full.Add(l.each).Sub(now) - l.capacity; wait > 0 {
		return &Failure{Reason: ReasonLimited, RetryAfter: wait, Err: errLimited}
	}
	l.full = l.full.Add(l.each)
	return nil
}

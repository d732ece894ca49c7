package backends

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"gatehouse/internal/conf"
)

// BreakerConfig is qos/circuit-breaker: after max_errors failures in a row nobody is asked for a while.
type BreakerConfig struct {
	Interval        float64    `json:"interval" doc:"Seconds after which a closed breaker forgets its failures; 0: never."`
	Timeout         float64    `json:"timeout" doc:"Seconds that an open breaker stays open." default:"60"`
	MaxErrors       *int       `json:"max_errors" old:"maxErrors" doc:"Failures in a row that are tolerated; one more opens the breaker."`
	Name            string     `json:"name" doc:"Its name in the log." default:"the backend's host and url_pattern"`
	LogStatusChange bool       `json:"log_status_change" old:"logStatusChange" doc:"Log when it opens and closes." default:"false"`
	FailureStatus   *StatusSet `json:"failure_status" since:"4" doc:"Statuses that count as failures." default:"5xx, 429 (versions 2 and 3: 5xx)"`
}

// breaker is one host's circuit breaker.
type breaker struct {
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	failures *StatusSet
	open     time.Duration
	until    atomic.Int64 // unix nanoseconds; when the open state ends
}

var errNeutral = errors.New("neither success nor failure")

func (m *mistakes) breaker(cfg *BreakerConfig, authority string, env Env) *breaker {
	if cfg == nil {
		return nil
	}
	b, err := newBreaker(*cfg, authority, env.Log)
	m.at(err, "extra_config", "qos/circuit-breaker")
	return b
}

func newBreaker(cfg BreakerConfig, authority string, log *slog.Logger) (*breaker, error) {
	b := &breaker{failures: cfg.FailureStatus, open: seconds(cfg.Timeout)}
	if b.failures == nil {
		b.failures = Statuses("5xx", "429")
	}
	if b.open == 0 {
		b.open = time.Minute
	}
	max := conf.Value(cfg.MaxErrors, 0)
	switch {
	case max < 1:
		return nil, conf.At(fmt.Errorf("got %d, want at least 1: a breaker that tolerates nothing says nothing", max), "max_errors")
	case cfg.Interval < 0 || cfg.Timeout < 0:
		return nil, errors.New("interval and timeout are seconds, 0 or more")
	}
	name := cfg.Name
	if name == "" {
		name = authority
	}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        name,
		MaxRequests: 1,
		Interval:    seconds(cfg.Interval),
		Timeout:     b.open,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures > uint32(max) },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNeutral) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.until.Store(time.Now().Add(b.open).UnixNano())
			}
			if cfg.LogStatusChange {
				log.Warn("circuit breaker", "name", name, "from", from.String(), "to", to.String())
			}
		},
	})
	return b, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// counts reports whether a status is a failure to this breaker.
func (b *breaker) counts(status int) bool { return b.failures.Has(status) }

// allow asks to send one request. done must be called once with how it ended; a client that went away is neither
// success nor failure (security.md 42).
func (b *breaker) allow() (done func(error), err error) {
	report, err := b.circuit.Allow()
	if err != nil {
		wait := time.Until(time.Unix(0, b.until.Load()))
		return nil, &Failure{Reason: ReasonOpen, RetryAfter: max(wait, time.Second), Err: err}
	}
	return func(err error) {
		var f *Failure
		if errors.As(err, &f) && f.Reason == ReasonCanceled {
			err = errNeutral
		}
		report(err)
	}, nil
}

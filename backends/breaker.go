package backends

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"gatehouse/internal/conf"
)

// BreakerConfig is qos/circuit-breaker: a host that fails too often is left alone for a while (krakend.md 5).
type BreakerConfig struct {
	Interval        float64    `json:"interval" doc:"Seconds after which a closed breaker forgets what it has counted; with failure_rate the window that rolls." default:"0: never; with failure_rate 10"`
	Timeout         float64    `json:"timeout" doc:"Seconds that an open breaker stays open, before one request may try." default:"60"`
	MaxErrors       *int       `json:"max_errors" old:"maxErrors" doc:"Failures in a row that are tolerated; one more opens the breaker."`
	FailureRate     *float64   `json:"failure_rate" since:"4" doc:"The share of failures in the window, above 0 and up to 1, at which it opens."`
	MinRequests     *int       `json:"min_requests" since:"4" doc:"How many requests the window must hold before failure_rate means anything." default:"20"`
	FailureStatus   *StatusSet `json:"failure_status" since:"4" doc:"Statuses that count as failures." default:"5xx, 429 (versions 2 and 3: 5xx)"`
	Name            string     `json:"name" doc:"Its name in the log." default:"the host"`
	LogStatusChange bool       `json:"log_status_change" old:"logStatusChange" doc:"Log when it opens and closes." default:"false"`
}

// breaker is the circuit breaker of one host of one backend entry.
type breaker struct {
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	failures *StatusSet
	open     time.Duration
	shut     atomic.Pointer[time.Time] // while it is open: when that ends
	halfOpen atomic.Bool
}

// breakerKey tells one breaker from another: its place in the file, the host and the settings. A reload that changes none
// of them keeps what was counted.
type breakerKey struct{ entry, host, settings string }

var errNeutral = errors.New("neither success nor failure")

// breaker is the breaker of a host, nil if the file has none.
func (h *Hosts) breaker(cfg *BreakerConfig, origin string, env Env) (*breaker, error) {
	if cfg == nil {
		return nil, nil
	}
	settings, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	fresh := func() (*breaker, error) { return newBreaker(*cfg, origin, h.log) }
	if env.Entry == "" {
		return fresh()
	}
	return h.breakers.Hold(breakerKey{env.Entry, origin, string(settings)}, env.Life, fresh)
}

func newBreaker(cfg BreakerConfig, origin string, log *slog.Logger) (*breaker, error) {
	b := &breaker{failures: cfg.FailureStatus, open: seconds(cfg.Timeout)}
	if b.failures == nil {
		b.failures = Statuses("5xx", "429")
	}
	if b.open == 0 {
		b.open = time.Minute
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = origin
	}
	settings := gobreaker.Settings{
		Name:        cfg.Name,
		MaxRequests: 1,
		Interval:    seconds(cfg.Interval),
		Timeout:     b.open,
		ReadyToTrip: cfg.tooMany(),
		IsExcluded:  func(err error) bool { return errors.Is(err, errNeutral) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			b.shut.Store(nil)
			if to == gobreaker.StateOpen {
				until := time.Now().Add(b.open)
				b.shut.Store(&until)
			}
			b.halfOpen.Store(to == gobreaker.StateHalfOpen)
			if cfg.LogStatusChange {
				log.Warn("circuit breaker", "name", name, "host", origin, "from", from.String(), "to", to.String())
			}
		},
	}
	if cfg.FailureRate != nil {
		if settings.Interval == 0 {
			settings.Interval = 10 * time.Second
		}
		settings.BucketPeriod = settings.Interval / 10
	}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](settings)
	return b, nil
}

func (cfg *BreakerConfig) check() error {
	var errs mistakes
	if max := conf.Value(cfg.MaxErrors, 1); max < 1 {
		errs.at(fmt.Errorf("got %d, want at least 1: a breaker that tolerates nothing says nothing", max), "max_errors")
	}
	if cfg.MaxErrors == nil && cfg.FailureRate == nil {
		errs.at(errors.New("is missing: without it, and without failure_rate, it would never open"), "max_errors")
	}
	if r := conf.Value(cfg.FailureRate, 1); !(r > 0 && r <= 1) {
		errs.at(fmt.Errorf("got %v, want more than 0 and at most 1", r), "failure_rate")
	}
	if n := conf.Value(cfg.MinRequests, 1); n < 1 {
		errs.at(fmt.Errorf("got %d, want at least 1", n), "min_requests")
	}
	if cfg.MinRequests != nil && cfg.FailureRate == nil {
		errs.at(errors.New("means nothing without failure_rate"), "min_requests")
	}
	for _, s := range []struct {
		key   string
		value float64
	}{{"interval", cfg.Interval}, {"timeout", cfg.Timeout}} {
		if !(s.value >= 0 && s.value <= 1e6) {
			errs.at(fmt.Errorf("got %v, want seconds from 0 to 1000000", s.value), s.key)
		}
	}
	return conf.Join(errs.list...)
}

// tooMany is the rule that opens a breaker.
func (cfg *BreakerConfig) tooMany() func(gobreaker.Counts) bool {
	max, rate, least := cfg.MaxErrors, cfg.FailureRate, uint32(conf.Value(cfg.MinRequests, 20))
	return func(c gobreaker.Counts) bool {
		if max != nil && c.ConsecutiveFailures > uint32(*max) {
			return true
		}
		done := c.TotalFailures + c.TotalSuccesses
		return rate != nil && done >= least && float64(c.TotalFailures) >= *rate*float64(done)
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// counts reports whether a status is a failure to this breaker.
func (b *breaker) counts(status int) bool { return b.failures.Has(status) }

// allow asks to send one request. done must be called once with how it ended.
func (b *breaker) allow() (done func(error), err error) {
	report, err := b.circuit.Allow()
	if err != nil {
		return nil, b.refusal(err)
	}
	return func(err error) { report(judged(err)) }, nil
}

func (b *breaker) refusal(err error) *Failure {
	wait := time.Second
	if until := b.shut.Load(); until != nil {
		wait = max(wait, time.Until(*until))
	}
	return &Failure{Reason: ReasonOpen, RetryAfter: wait, Err: err}
}

// judged is what a breaker makes of an error: what the backend did wrong, and neither success nor failure where it could
// not help it: a client that went away, a request that could not be sent (security.md 42).
func judged(err error) error {
	var f *Failure
	if err == nil || !errors.As(err, &f) {
		return err
	}
	switch f.Reason {
	case ReasonTimeout, ReasonRefused, ReasonReset, ReasonDNS, ReasonTLS, ReasonBadReply, ReasonTooLarge, ReasonBadBody:
		return err
	case ReasonStatus, ReasonRedirect, ReasonRejected:
		return nil
	}
	return errNeutral
}

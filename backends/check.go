package backends

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// HealthConfig is health_check: a question that every host is asked from time to time.
type HealthConfig struct {
	Path      string         `json:"path" doc:"What is asked for, by GET." default:"/"`
	Interval  *conf.Duration `json:"interval" doc:"Between two questions." default:"5s"`
	Timeout   *conf.Duration `json:"timeout" doc:"How long an answer may take." default:"2s"`
	Status    *StatusSet     `json:"status" doc:"Statuses that mean well." default:"2xx, 3xx"`
	Unhealthy *int           `json:"unhealthy_after" doc:"Bad answers in a row until a host is left out." default:"2"`
	Healthy   *int           `json:"healthy_after" doc:"Good answers in a row until it is asked again." default:"2"`
	UserAgent string         `json:"-"`
}

// checker asks one host.
type checker struct {
	*upstream
	path      string
	interval  time.Duration
	timeout   time.Duration
	status    *StatusSet
	unhealthy int
	healthy   int
	report    func(well bool, err error)
}

// check plans the health check of a host, from the start of the configuration to its end.
func (h *Hosts) check(cfg *HealthConfig, at *host, _ settings, env Env) error {
	if cfg == nil {
		return nil
	}
	c := &checker{upstream: at.upstream, path: cfg.Path, interval: cfg.Interval.Or(5 * time.Second), timeout: cfg.Timeout.Or(2 * time.Second),
		status: cfg.Status, unhealthy: conf.Value(cfg.Unhealthy, 2), healthy: conf.Value(cfg.Healthy, 2)}
	if c.path == "" {
		c.path = "/"
	}
	if c.status == nil {
		c.status = Statuses("2xx", "3xx")
	}
	var errs mistakes
	if !strings.HasPrefix(c.path, "/") || strings.ContainsFunc(c.path, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
		errs.at(fmt.Errorf("got %q, want a path such as \"/health\"", c.path), "path")
	}
	if c.interval < 100*time.Millisecond {
		errs.at(fmt.Errorf("got %s, want at least 100ms", c.interval), "interval")
	}
	if c.timeout <= 0 {
		errs.at(fmt.Errorf("got %s, want more than nothing", c.timeout), "timeout")
	}
	if c.unhealthy < 1 || c.healthy < 1 {
		errs.at(errors.New("unhealthy_after and healthy_after are counts of at least 1"))
	}
	c.report = func(well bool, err error) {
		if well {
			h.log.Info("host is well again", "host", at.origin.String())
			return
		}
		h.log.Warn("host is not well", "host", at.origin.String(), "error", err.Error())
	}
	env.Life.onStart(c.start)
	return conf.Join(errs.list...)
}

// start asks until it is stopped.
func (c *checker) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.run(ctx) })
	return func() {
		cancel()
		wg.Wait()
		c.health.down.Store(false)
	}
}

func (c *checker) run(ctx context.Context) {
	bad, good := 0, 0
	for {
		err := c.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			bad, good = bad+1, 0
		} else {
			bad, good = 0, good+1
		}
		switch down := c.health.down.Load(); {
		case !down && bad >= c.unhealthy:
			c.health.down.Store(true)
			c.report(false, err)
		case down && good >= c.healthy:
			c.health.down.Store(false)
			c.health.recover()
			c.report(true, nil)
		}
		timer := time.NewTimer(c.interval*9/10 + rand.N(c.interval/5)) // not all hosts of all gateways at once
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (c *checker) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, err := c.client.RoundTrip(ctx, &outbound.Request{Method: "GET", Target: c.path, Header: []outbound.Field{{Name: "User-Agent", Value: "gatehouse/health"}}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if !c.status.Has(res.Status) {
		return fmt.Errorf("answered %d", res.Status)
	}
	return nil
}

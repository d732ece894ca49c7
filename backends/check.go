package backends

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"gatehouse/backends/keep"
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

// checker asks one host, for every backend that wants it asked the same.
type checker struct {
	*upstream
	probe
	report func(well bool, err error)

	once   sync.Once
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	down   bool // it says so
}

// probe is a compiled HealthConfig.
type probe struct {
	path      string
	interval  time.Duration
	timeout   time.Duration
	status    *StatusSet
	unhealthy int
	healthy   int
}

type checkKey struct {
	origin   outbound.Origin
	settings string
}

func (cfg *HealthConfig) compile() (probe, error) {
	q := probe{path: cfg.Path, interval: cfg.Interval.Or(5 * time.Second), timeout: cfg.Timeout.Or(2 * time.Second),
		status: cfg.Status, unhealthy: conf.Value(cfg.Unhealthy, 2), healthy: conf.Value(cfg.Healthy, 2)}
	if q.path == "" {
		q.path = "/"
	}
	if q.status == nil {
		q.status = Statuses("2xx", "3xx")
	}
	var errs mistakes
	if !strings.HasPrefix(q.path, "/") || strings.ContainsFunc(q.path, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
		errs.at(fmt.Errorf("got %q, want a path such as \"/health\"", q.path), "path")
	}
	if q.interval < 100*time.Millisecond {
		errs.at(fmt.Errorf("got %s, want at least 100ms", q.interval), "interval")
	}
	if q.timeout <= 0 {
		errs.at(fmt.Errorf("got %s, want more than nothing", q.timeout), "timeout")
	}
	if q.unhealthy < 1 || q.healthy < 1 {
		errs.at(errors.New("unhealthy_after and healthy_after are counts of at least 1"))
	}
	return q, conf.Join(errs.list...)
}

// check plans the health check of a host, from the start of the configuration to its end. A reload that leaves it as it is
// goes on with what is known.
func (h *Hosts) check(cfg *HealthConfig, at *host, s settings, life *keep.Life) error {
	if cfg == nil {
		return nil
	}
	q, err := cfg.compile()
	if err != nil {
		return err
	}
	c, err := h.checkers.Hold(checkKey{at.origin, s.key + keep.Key(cfg)}, life, func() (*checker, error) {
		c := &checker{upstream: at.upstream, probe: q}
		c.ctx, c.cancel = context.WithCancel(context.Background())
		c.report = func(well bool, err error) {
			if well {
				h.log.Info("host is well again", "host", at.origin.String())
				return
			}
			h.log.Warn("host is not well", "host", at.origin.String(), "error", err.Error())
		}
		return c, nil
	})
	life.OnStart(c.start)
	return err
}

// start asks until the checker is closed.
func (c *checker) start() (stop func()) {
	c.once.Do(func() { c.wg.Go(c.run) })
	return func() {}
}

func (c *checker) close() {
	c.cancel()
	c.wg.Wait()
	c.say(false)
}

// say takes down whether the host is down.
func (c *checker) say(down bool) {
	if down == c.down {
		return
	}
	c.down = down
	if down {
		c.health.down.Add(1)
	} else {
		c.health.down.Add(-1)
	}
}

func (c *checker) run() {
	bad, good := 0, 0
	for {
		err := c.ask(c.ctx)
		if c.ctx.Err() != nil {
			return
		}
		if err != nil {
			bad, good = bad+1, 0
		} else {
			bad, good = 0, good+1
		}
		switch {
		case !c.down && bad >= c.unhealthy:
			c.say(true)
			c.report(false, err)
		case c.down && good >= c.healthy:
			c.say(false)
			c.health.recover()
			c.report(true, nil)
		}
		timer := time.NewTimer(c.interval*9/10 + rand.N(c.interval/5)) // not all hosts of all gateways at once
		select {
		case <-c.ctx.Done():
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

package backends

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/backends/keep"
	"gatehouse/internal/outbound"
)

// maxSlots bounds the turns that the weights of SRV records are made of.
const maxSlots = 100

// lookupSRV finds the SRV records of a name.
type lookupSRV func(ctx context.Context, name string) ([]*net.SRV, error)

func systemSRV(ctx context.Context, name string) ([]*net.SRV, error) {
	_, records, err := net.DefaultResolver.LookupSRV(ctx, "", "", name)
	return records, err
}

// records are the SRV records of a name, looked up again ahead of their end while somebody asks; while that fails, the
// last ones hold.
type records struct {
	cell *outbound.Cell[[]*net.SRV]
}

type recordsKey struct {
	name string
	ttl  time.Duration
}

func (h *Hosts) records(name string, ttl time.Duration, life *keep.Life) (*records, error) {
	return h.names.Hold(recordsKey{name, ttl}, life, func() (*records, error) {
		return &records{outbound.NewCell(outbound.CellOptions[[]*net.SRV]{
			Span: ttl, MaxStale: time.Hour, OnlyIfUsed: true,
			Fetch: func(ctx context.Context) ([]*net.SRV, outbound.Life, error) {
				found, err := h.lookup(ctx, name)
				if err == nil && len(found) == 0 {
					err = &net.DNSError{Err: "no SRV records", Name: name, IsNotFound: true}
				}
				return found, outbound.Life{}, err
			},
			Failed: func(err error) { h.log.Warn("no SRV records", "name", name, "error", err.Error()) },
		})}, nil
	})
}

// service is the hosts of a backend that DNS names (sd: "dns", krakend.md 2.4).
type service struct {
	*records
	scheme string
	build  func(origin outbound.Origin, life *keep.Life) (*host, error)
	now    atomic.Pointer[generation]
	mu     sync.Mutex // one change at a time
}

// generation is the hosts that one set of records has made.
type generation struct {
	found []*net.SRV
	turns []*host // each as often as its weight says
	life  keep.Life
}

func (m *mistakes) service(cfg Config, env Env, s settings) *service {
	if len(cfg.Host) != 1 {
		m.at(fmt.Errorf("got %d hosts, want the one name whose SRV records are the hosts", len(cfg.Host)), "host")
		return nil
	}
	if cfg.HealthCheck != nil {
		_, err := cfg.HealthCheck.compile()
		m.at(err, "health_check")
	}
	name := cfg.Host[0]
	if _, after, ok := strings.Cut(name, "://"); ok {
		name = after
	}
	name = strings.TrimSuffix(name, "/")
	records, err := env.Hosts.records(name, s.ttl, env.Life)
	if m.at(err, "host", 0) {
		return nil
	}
	out := &service{records: records, scheme: "http"}
	if cfg.SDScheme != "" {
		out.scheme = cfg.SDScheme
	}
	out.build = func(origin outbound.Origin, life *keep.Life) (*host, error) {
		host := &host{}
		err := env.Hosts.at(host, origin, s, life)
		if err != nil {
			return nil, err
		}
		own := env
		own.Life = life
		if host.breaker, err = env.Hosts.breaker(cfg.Extra.Breaker, origin.Authority(), own); err != nil {
			return nil, err
		}
		host.crowd.compile(cfg, env, host.upstream)
		return host, env.Hosts.check(cfg.HealthCheck, host, s, life)
	}
	if _, err := env.Hosts.breaker(cfg.Extra.Breaker, name, Env{}); err != nil {
		m.at(err, "extra_config", "qos/circuit-breaker")
	}
	env.Life.OnClose(out.close)
	if cfg.HealthCheck != nil {
		env.Life.OnStart(func() (stop func()) { return out.watch(s.ttl) })
	}
	return out
}

// hosts are those of the records as they are now.
func (s *service) hosts(ctx context.Context) ([]*host, error) {
	found, err := s.cell.Get(ctx)
	if err != nil {
		return nil, &Failure{Reason: ReasonDNS, Err: err}
	}
	if g := s.now.Load(); g != nil && sameRecords(g.found, found) {
		return g.turns, nil
	}
	return s.change(found)
}

// watch looks at the records though nobody may ask: who is to be checked must be known.
func (s *service) watch(ttl time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			pause := ttl
			if _, err := s.hosts(ctx); err != nil || ttl <= 0 {
				pause = time.Second
			}
			timer := time.NewTimer(pause)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
	})
	return func() { cancel(); wg.Wait() }
}

// sameRecords compares two answers of the cell: it hands out the very same slice until there is a new one.
func sameRecords(a, b []*net.SRV) bool { return len(a) == len(b) && &a[0] == &b[0] }

// change makes hosts of new records; those that stay keep their connections, health and breakers.
func (s *service) change(found []*net.SRV) ([]*host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.now.Load()
	if before != nil && sameRecords(before.found, found) {
		return before.turns, nil
	}
	g := &generation{found: found}
	best := slices.MinFunc(found, func(a, b *net.SRV) int { return int(a.Priority) - int(b.Priority) }).Priority
	total := 0
	for _, r := range found {
		if r.Priority == best {
			total += max(int(r.Weight), 1)
		}
	}
	for _, r := range found {
		if r.Priority != best {
			continue
		}
		origin, err := outbound.ParseOrigin(s.scheme + "://" + net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
		if err != nil {
			continue
		}
		h, err := s.build(origin, &g.life)
		if err != nil {
			g.life.Close()
			return nil, &Failure{Reason: ReasonDNS, Err: err}
		}
		for range turns(max(int(r.Weight), 1), total) {
			g.turns = append(g.turns, h)
		}
	}
	if len(g.turns) == 0 {
		return nil, &Failure{Reason: ReasonDNS, Err: errNowhere}
	}
	s.now.Store(g)
	g.life.Start()
	if before != nil {
		before.life.Close()
	}
	return g.turns, nil
}

// turns is how often a weight comes up among at most maxSlots.
func turns(weight, total int) int {
	if total <= maxSlots {
		return weight
	}
	return max(1, weight*maxSlots/total)
}

func (s *service) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.now.Swap(nil); g != nil {
		g.life.Close()
	}
}

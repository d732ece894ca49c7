package backends

import (
	"log/slog"
	"sync"

	"gatehouse/internal/outbound"
)

// Hosts are the connections to all upstreams. They outlive a configuration: a reload goes on with what is open.
type Hosts struct {
	opt outbound.Options
	log *slog.Logger

	mu    sync.Mutex
	pools map[outbound.Origin]*outbound.Pool
}

// NewHosts opens nothing yet.
func NewHosts(opt outbound.Options, log *slog.Logger) *Hosts {
	return &Hosts{opt: opt, log: log, pools: map[outbound.Origin]*outbound.Pool{}}
}

// host is a place to ask, sharing its connections with every backend of the same origin.
func (h *Hosts) host(written string, _ Config, _ Env) (*host, error) {
	origin, err := ParseHost(written)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	pool, ok := h.pools[origin]
	if !ok {
		if pool, err = outbound.NewPool(origin, h.opt); err != nil {
			return nil, err
		}
		h.pools[origin] = pool
	}
	return &host{origin: origin, transport: pool}, nil
}

// Close ends all idle connections.
func (h *Hosts) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for origin, pool := range h.pools {
		pool.Close()
		delete(h.pools, origin)
	}
}

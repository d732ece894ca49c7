package outbound

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// LookupFunc finds the addresses of a name.
type LookupFunc func(ctx context.Context, host string) ([]netip.Addr, error)

// maxStaleNames is how long addresses are used on while the name server does not answer.
const maxStaleNames = time.Hour

// Resolver remembers addresses for a time and looks them up again ahead of its end, as long as they are asked for. While
// lookups fail, the last answer holds.
type Resolver struct {
	ttl    time.Duration
	lookup LookupFunc
	names  Cells[string, []netip.Addr]
}

// NewResolver makes a resolver that trusts an answer for ttl (0: 30 s); a nil lookup asks the system.
func NewResolver(ttl time.Duration, lookup LookupFunc) *Resolver {
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return &Resolver{ttl: orDefault(ttl, 30*time.Second), lookup: lookup}
}

// Lookup is the addresses of a name, in the order they were answered, which the caller does not change. A name without any
// is a *net.DNSError.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := r.names.Hold(host, func() CellOptions[[]netip.Addr] {
		return CellOptions[[]netip.Addr]{
			Span: r.ttl, MaxStale: maxStaleNames, OnlyIfUsed: true,
			Fetch: func(ctx context.Context) ([]netip.Addr, Life, error) {
				addrs, err := r.ask(ctx, host)
				return addrs, Life{}, err
			},
		}
	}).Get(ctx)
	return addrs, err
}

func (r *Resolver) ask(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := r.lookup(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// Close forgets everything and ends running lookups.
func (r *Resolver) Close() error { return r.names.Close() }

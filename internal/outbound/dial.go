package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// system opens TCP connections with the settings of o.
func (o Options) system() DialFunc {
	d := &net.Dialer{KeepAlive: o.KeepAlive, FallbackDelay: o.FallbackDelay}
	if o.Resolver == nil {
		return d.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if _, err := netip.ParseAddr(host); err == nil {
			return d.DialContext(ctx, network, address)
		}
		addrs, err := o.Resolver.Lookup(ctx, host)
		if err != nil {
			return nil, err
		}
		one := func(ctx context.Context, a netip.Addr) (net.Conn, error) {
			return d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		}
		return race(ctx, addrs, o.FallbackDelay, one)
	}
}

// dialOne connects to one address.
type dialOne func(ctx context.Context, a netip.Addr) (net.Conn, error)

// race tries the addresses of the first one's family in turn and, after delay or when they have failed, those of the
// other beside them (RFC 8305, simplified as in package net). The first connection wins.
func race(ctx context.Context, addrs []netip.Addr, delay time.Duration, one dialOne) (net.Conn, error) {
	first, second := families(addrs)
	if len(second) == 0 || delay < 0 {
		return inTurn(ctx, append(first, second...), one)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		nc  net.Conn
		err error
	}
	outcomes := make(chan outcome, 2)
	running := 0
	try := func(addrs []netip.Addr) {
		running++
		go func() {
			nc, err := inTurn(ctx, addrs, one)
			outcomes <- outcome{nc, err}
		}()
	}
	try(first)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	var failure error
	for running > 0 {
		select {
		case <-timer.C:
		case got := <-outcomes:
			if running--; got.err == nil {
				go closeLate(running, func() net.Conn { return (<-outcomes).nc })
				return got.nc, nil
			}
			failure = errors.Join(failure, got.err)
		}
		if second != nil {
			try(second)
			second = nil
		}
	}
	return nil, failure
}

// families parts addresses by IPv4 and IPv6; the first one's comes first.
func families(addrs []netip.Addr) (first, second []netip.Addr) {
	for _, a := range addrs {
		if a.Is4() == addrs[0].Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	return first, second
}

// closeLate closes the connections of those who lost the race.
func closeLate(n int, next func() net.Conn) {
	for range n {
		if nc := next(); nc != nil {
			nc.Close()
		}
	}
}

// inTurn tries one address after the other, each with its share of the time that is left, but 2 s at least.
func inTurn(ctx context.Context, addrs []netip.Addr, one dialOne) (net.Conn, error) {
	var failure error
	for i, a := range addrs {
		nc, err := share(ctx, len(addrs)-i, a, one)
		if err == nil {
			return nc, nil
		}
		if failure == nil {
			failure = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if failure == nil {
		failure = errors.New("no addresses")
	}
	return nil, failure
}

func share(ctx context.Context, left int, a netip.Addr, one dialOne) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(2*time.Second, time.Until(deadline)/time.Duration(left)))
		defer cancel()
	}
	return one(ctx, a)
}

package outbound

import (
	"context"
	"fmt"
	"net"
)

// New makes the client that suits an origin and a choice of protocol. It is the one place where that is decided: our own
// HTTP/1.1 wherever it can be, net/http for HTTP/2. Nothing is dialed yet.
func New(origin Origin, opt Options) (Client, error) {
	switch {
	case opt.Protocol == HTTP1, opt.Protocol == Auto && origin.Scheme == "http":
		return NewPool(origin, opt)
	case opt.Protocol == Auto:
		return newNegotiator(origin, opt)
	case opt.Protocol == HTTP2:
		return newStrictHTTP2(origin, opt)
	}
	return nil, fmt.Errorf("got protocol %q, want http1 or http2", opt.Protocol)
}

// newStrictHTTP2 refuses origins that agree on anything else.
func newStrictHTTP2(origin Origin, opt Options) (Client, error) {
	r, err := newRoute(origin, opt.withDefaults(), "h2")
	if err != nil {
		return nil, err
	}
	if r.proxy != nil && r.tls == nil {
		return nil, fmt.Errorf("got HTTP/2 without TLS by a proxy, want protocol http1 or proxy none")
	}
	return newHTTP2(origin, opt, func(ctx context.Context) (net.Conn, error) {
		nc, err := r.dial(ctx)
		if err == nil {
			if err = agreed(nc); err != nil {
				nc.Close()
			}
		}
		return nc, err
	}), nil
}

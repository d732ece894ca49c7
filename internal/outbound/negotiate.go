package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// negotiator leaves the choice of protocol to an https origin: the first handshake offers HTTP/2 and HTTP/1.1, and what
// was agreed on is spoken from then on, until the origin changes its mind.
type negotiator struct {
	route *route
	pool  *Pool
	h2    *http2Client
	says  atomic.Int32  // answer
	turn  chan struct{} // holds a token: who has it may ask
	mu    sync.Mutex
	spare net.Conn // of the handshake that decided for HTTP/2: its first connection
}

// answer is what the origin agreed on.
type answer int32

const (
	unknown answer = iota
	speaksHTTP1
	speaksHTTP2
)

func newNegotiator(origin Origin, opt Options) (*negotiator, error) {
	n := &negotiator{turn: make(chan struct{}, 1)}
	var err error
	if n.route, err = newRoute(origin, opt.withDefaults(), "h2", "http/1.1"); err != nil {
		return nil, err
	}
	if n.pool, err = NewPool(origin, opt); err != nil {
		return nil, err
	}
	n.h2 = newHTTP2(origin, opt, n.dialHTTP2)
	return n, nil
}

// RoundTrip sends req over what the origin speaks. An upgrade needs HTTP/1.1.
func (n *negotiator) RoundTrip(ctx context.Context, req *Request) (*Response, error) {
	says := answer(n.says.Load())
	if req.Upgrade != "" {
		says = speaksHTTP1
	}
	if says == unknown {
		if err := req.check(); err != nil {
			return nil, err
		}
		var err error
		if says, err = n.ask(ctx); err != nil {
			return nil, err
		}
	}
	if says == speaksHTTP1 {
		return n.pool.RoundTrip(ctx, req)
	}
	res, err := n.h2.RoundTrip(ctx, req)
	if errors.Is(err, errNotHTTP2) {
		// Nothing was sent: it changed its mind, and the next handshake will tell to what.
		n.says.CompareAndSwap(int32(speaksHTTP2), int32(unknown))
		return n.pool.RoundTrip(ctx, req)
	}
	return res, err
}

// ask shakes hands, one caller at a time: all others would only learn the same.
func (n *negotiator) ask(ctx context.Context) (answer, error) {
	select {
	case n.turn <- struct{}{}:
	case <-ctx.Done():
		return unknown, failContext(ctx, "connecting to "+n.route.origin.String())
	}
	defer func() { <-n.turn }()
	if says := answer(n.says.Load()); says != unknown {
		return says, nil
	}
	nc, err := n.route.dial(ctx)
	if err != nil {
		return unknown, err
	}
	says := speaksHTTP1
	if t, ok := nc.(*tls.Conn); ok && t.ConnectionState().NegotiatedProtocol == "h2" {
		says = speaksHTTP2
	}
	n.says.Store(int32(says))
	if says == speaksHTTP1 {
		n.pool.adopt(nc)
		return says, nil
	}
	n.mu.Lock()
	nc, n.spare = n.spare, nc
	n.mu.Unlock()
	if nc != nil {
		nc.Close()
	}
	return says, nil
}

// dialHTTP2 gives the connection of the deciding handshake first.
func (n *negotiator) dialHTTP2(ctx context.Context) (net.Conn, error) {
	n.mu.Lock()
	nc := n.spare
	n.spare = nil
	n.mu.Unlock()
	if nc != nil {
		return nc, nil
	}
	nc, err := n.route.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := agreed(nc); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// Close closes both clients.
func (n *negotiator) Close() error {
	n.mu.Lock()
	nc := n.spare
	n.spare = nil
	n.mu.Unlock()
	if nc != nil {
		nc.Close()
	}
	return errors.Join(n.pool.Close(), n.h2.Close())
}

// Stats adds both up.
func (n *negotiator) Stats() Stats {
	s := n.pool.Stats()
	s.Dialed += n.h2.Stats().Dialed
	return s
}

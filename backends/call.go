package backends

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"gatehouse/internal/outbound"
)

// call is one request on its way to a host: what is sent, and what must be known to send it again. Calls are pooled; a
// sender keeps nothing of one.
type call struct {
	req    *Request
	out    outbound.Request
	target []byte
	header []outbound.Field
	body   bytes.Reader

	settle func(error) // tells the breaker of the host how the exchange ended; nil: nobody asks
}

// sender sends a call and returns the head of the answer. Senders wrap each other: redirects, then credentials, then
// attempts, then one host with its breaker and connections.
type sender func(ctx context.Context, c *call) (*outbound.Response, error)

// errUpstream is what a breaker is told of an answer whose status counts as a failure.
var errUpstream = errors.New("upstream failed")

var calls = sync.Pool{New: func() any { return new(call) }}

func newCall(req *Request) *call {
	c := calls.Get().(*call)
	c.req = req
	return c
}

// free settles what is open and gives the call back.
func (c *call) free(err error) {
	c.settled(err)
	c.req, c.out = nil, outbound.Request{}
	c.target, c.header = c.target[:0], c.header[:0]
	c.body.Reset(nil)
	calls.Put(c)
}

func (c *call) settled(err error) {
	if done := c.settle; done != nil {
		c.settle = nil
		done(err)
	}
}

// rewind makes the body ready to be sent (again).
func (c *call) rewind() {
	body := &c.req.Body
	c.out.Length = body.Length
	switch {
	case body.Stream != nil:
		c.out.Body = body.Stream
	case len(body.Bytes) > 0:
		c.body.Reset(body.Bytes)
		c.out.Body = &c.body
	default:
		c.out.Body = nil
	}
}

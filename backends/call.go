package backends

import (
	"context"
	"errors"
	"strings"
	"sync"

	"gatehouse/internal/outbound"
)

// call is one request on its way to a host: what is sent, and what must be known to send it again. Calls are pooled; a
// sender keeps nothing of one.
type call struct {
	req      *Request
	out      outbound.Request
	target   []byte
	header   []outbound.Field
	bodyless bool // a redirect has made a GET of it

	among  []*host // the hosts of the backend
	pin    *host   // go there and nowhere else; nil: anywhere among them
	at     *host   // where it went last
	bare   bool    // it has left the backend's own origins: nothing of ours or the client's that is secret goes along
	theirs string  // the client's own Authorization, taken off
	taken  bool    // it was

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
	*c = call{target: c.target[:0], header: c.header[:0]}
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
	c.out.Data, c.out.Body, c.out.Length = nil, nil, 0
	switch body := &c.req.Body; {
	case c.bodyless:
	case body.Stream != nil:
		c.out.Body, c.out.Length = body.Stream, body.Length
	case len(body.Bytes) > 0:
		c.out.Data = body.Bytes
	}
}

// undress takes off everything but what says nothing of anybody.
func (c *call) undress() {
	kept := c.header[:0]
	for _, f := range c.header {
		if impersonal(f.Name) && !(c.bodyless && strings.HasPrefix(strings.ToLower(f.Name), "content-")) {
			kept = append(kept, f)
		}
	}
	c.header, c.out.Header = kept, kept
}

func impersonal(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "accept-language", "accept-encoding", "content-type", "content-encoding", "content-language", "range",
		"if-none-match", "if-modified-since", "user-agent", "traceparent", "tracestate", "x-request-id":
		return true
	}
	return false
}

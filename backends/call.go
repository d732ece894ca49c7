package backends

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"gatehouse/internal/outbound"
	"gatehouse/internal/splice"
)

// call is one request on its way to a host: what is sent, and what must be known to send it again. Calls are pooled; a
// sender keeps nothing of one.
type call struct {
	req      *Request
	out      outbound.Request
	target   []byte
	header   []outbound.Field
	tail     *outbound.Trailer // what this backend gets of the body's trailer
	bodyless bool              // a redirect has made a GET of it

	among  []*host // the hosts of the backend
	seen   []*host // those that have been tried
	pin    *host   // go there and nowhere else; nil: anywhere among them
	at     *host   // where it went last
	bare   bool    // it has left the backend's own origins: nothing of ours or the client's that is secret goes along
	theirs string  // the client's own Authorization, taken off
	taken  bool    // it was

	busy  *upstream               // where the exchange that runs is counted; nil: none runs
	done  func(error)             // tells the breaker of the host how it ended; nil: nobody asks
	probe bool                    // the breaker waits for it
	stop  context.CancelCauseFunc // ends what is left of it; nil: nothing
}

// sender sends a call and returns the head of the answer. Senders wrap each other: redirects, then credentials, then
// attempts, then one host with its breaker and connections.
type sender interface {
	send(ctx context.Context, c *call) (*outbound.Response, error)
}

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
	clear(c.seen)
	*c = call{target: c.target[:0], header: c.header[:0], seen: c.seen[:0]}
	calls.Put(c)
}

// settled ends the exchange that runs, if one does.
func (c *call) settled(err error) {
	if c.busy != nil {
		c.busy.load.Add(-1)
		c.busy = nil
	}
	c.report(err)
	if c.stop != nil {
		c.stop(nil)
		c.stop = nil
	}
}

// report tells the breaker how the exchange went.
func (c *call) report(err error) {
	if done := c.done; done != nil {
		c.done = nil
		done(err)
	}
}

// tried reports whether a host has had the call.
func (c *call) tried(h *host) bool {
	for _, s := range c.seen {
		if s == h {
			return true
		}
	}
	return false
}

// twin is a call that sends the same; who has it frees it.
func (c *call) twin() *call {
	t := newCall(c.req)
	t.out, t.tail, t.bodyless, t.among, t.bare = c.out, c.tail, c.bodyless, c.among, c.bare
	t.out.Informational = nil // those of one exchange are enough
	t.header = append(t.header, c.out.Header...)
	t.out.Header = t.header
	t.seen = append(t.seen, c.seen...)
	return t
}

// take takes over the exchange of a twin, whose head has been read.
func (c *call) take(t *call) {
	c.at, c.busy, c.done, c.probe = t.at, t.busy, t.done, t.probe
	t.busy, t.done = nil, nil
	t.free(nil)
}

// stream hands the exchange over to the body of its answer, which is read long after the call has been given back: it ends
// with that. A breaker that waits for a probe is told now, since a stream may last for hours.
func (c *call) stream(ctx context.Context, out *outbound.Response) io.ReadCloser {
	if c.probe {
		c.report(nil)
	}
	if c.busy == nil && c.done == nil && c.stop == nil || out.Here() {
		return out.Body
	}
	s := &streamed{ReadCloser: out.Body, ctx: ctx, rest: call{busy: c.busy, done: c.done, stop: c.stop}}
	c.busy, c.done, c.stop = nil, nil, nil
	return s
}

// streamed is the body of an answer that settles its exchange when it ends.
type streamed struct {
	io.ReadCloser
	ctx  context.Context
	rest call
}

func (s *streamed) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		s.rest.report(failed(s.ctx, err))
	}
	return n, err
}

// Spill follows splice.Source.
func (s *streamed) Spill(into *splice.Pipe) (int, error) {
	source, ok := s.ReadCloser.(splice.Source)
	if !ok {
		return 0, splice.ErrCopy
	}
	n, err := source.Spill(into)
	if err != nil && err != splice.ErrCopy { //nolint:errorlint // it is itself
		s.rest.report(failed(s.ctx, err))
	}
	return n, err
}

func (s *streamed) Close() error {
	err := s.ReadCloser.Close()
	s.rest.settled(nil)
	return err
}

// rewind makes the body ready to be sent (again).
func (c *call) rewind() {
	c.out.Data, c.out.Body, c.out.Length, c.out.Trailer = nil, nil, 0, nil
	switch body := &c.req.Body; {
	case c.bodyless:
	case body.Trailer != nil:
		c.out.Body, c.out.Length, c.out.Trailer = body.Stream, -1, c.tail
		if body.Stream == nil {
			c.out.Body = bytes.NewReader(body.Bytes)
		}
	case body.Stream != nil:
		c.out.Body, c.out.Length = body.Stream, body.Length
	case len(body.Bytes) > 0:
		c.out.Data = body.Bytes
	}
}

// dropBody makes the call one without a body, and without fields that describe one.
func (c *call) dropBody() {
	c.bodyless = true
	c.keep(func(name string) bool { return len(name) < 8 || !strings.EqualFold(name[:8], "content-") })
}

// undress takes off everything but what says nothing of anybody.
func (c *call) undress() { c.keep(impersonal) }

func (c *call) keep(which func(name string) bool) {
	kept := c.header[:0]
	for _, f := range c.header {
		if which(f.Name) {
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

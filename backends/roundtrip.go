package backends

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"gatehouse/backends/decode"
	"gatehouse/backends/martian"
	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// defaultMaxResponse bounds what a backend may send, decoded (security.md 29).
const defaultMaxResponse = 10 << 20

// backend is one compiled upstream: one exchange, and what its answer means. What every request reads comes first, in the
// order in which it is read.
type backend struct {
	when     *when      // it is only asked if this holds; nil: always
	header   headerRule // of what is allowed, what reaches this backend
	graphql  *graphql   // nil: the request goes on as it is
	raw      bool       // no-op: the answer is a stream that nobody looks into
	plain    bool       // no compressed answers are asked for
	skip     bool       // it is not asked: scripts make the answer
	emptyOK  bool
	method   string
	edits    []edit // of the request, once it is built
	target   target
	sender   sender           // the first that has a call, attempts the last
	modify   martian.Modifier // of the request as it is sent and the answer as it comes
	success  *StatusSet
	max      int64
	decode   decode.Decoder
	depth    int
	plan     shape
	answers  []judge // of the answer, once it is shaped
	attempts attempts

	origins []outbound.Origin
	name    string
	failure failureRule
	log     *slog.Logger
}

// failureRule says what becomes of an answer that is no success.
type failureRule struct {
	pass    bool   // on_error pass: decoded and shaped like any other
	code    bool   // backend/http return_error_code
	details string // backend/http return_error_details
	own     bool   // the backend has credentials of its own
}

// Fetch implements [Fetcher].
func (b *backend) Fetch(ctx context.Context, req *Request) (*Response, error) {
	c := newCall(req)
	res, err := b.exchange(ctx, c)
	if err != nil {
		f := failed(ctx, err)
		c.free(f)
		return b.named(f)
	}
	if res.Stream != nil {
		res.Stream.Body = c.stream(ctx, res.Stream)
	}
	c.free(nil)
	return res, nil
}

func (b *backend) exchange(ctx context.Context, c *call) (*Response, error) {
	if b.when != nil {
		if asks, err := b.when.asks(ctx, c); !asks {
			if err != nil {
				return nil, err
			}
			return b.blank(), nil
		}
	}
	if err := b.build(c); err != nil {
		return nil, err
	}
	if err := b.edit(ctx, c); err != nil {
		return nil, err
	}
	res, err := b.ask(ctx, c)
	if err != nil {
		return nil, err
	}
	return b.judged(ctx, c, res)
}

// ask has the request sent, and reads what comes back.
func (b *backend) ask(ctx context.Context, c *call) (*Response, error) {
	if b.skip {
		return b.blank(), nil
	}
	out, err := b.sender.send(ctx, c)
	if err != nil {
		return nil, err
	}
	if b.modify.Response != nil {
		if err := b.modify.Response(c, out); err != nil {
			out.Body.Close()
			return nil, err
		}
	}
	if redirected(out.Status) {
		relocate(out.Header, b.origins)
	}
	if b.raw {
		return stream(out), nil
	}
	if err := b.inflate(out); err != nil {
		return nil, err
	}
	if b.success.Has(out.Status) {
		return b.read(out)
	}
	return nil, b.refused(out)
}

// build writes the outgoing request.
func (b *backend) build(c *call) (err error) {
	req := c.req
	if b.header.query != nil && req.Query != "" {
		narrowed := *req
		narrowed.Query = b.header.query.Filter(req.Query)
		req = &narrowed
	}
	if b.graphql != nil {
		if req, err = b.graphql.request(req); err != nil {
			return err
		}
		c.req = req
	}
	if c.target, err = b.target.append(c.target, req); err != nil {
		return err
	}
	c.header = b.header.append(c.header, c.req)
	if b.graphql != nil {
		c.header = b.graphql.header(c.header)
	}
	if !b.raw {
		c.header = b.accept(c.header)
	}
	c.out = outbound.Request{Method: b.method, Target: string(c.target), Header: c.header, Informational: c.req.Informational, Upgrade: c.req.Upgrade, IdleTimeout: c.req.Idle}
	c.tail = b.header.trailer(c.req.Body.Trailer)
	c.rewind()
	return nil
}

func stream(out *outbound.Response) *Response {
	res := newResponse()
	res.Status, res.Header, res.Stream, res.Complete = out.Status, out.Header, out, true
	res.Empty = out.Length == 0
	return res
}

// read takes the whole answer, decodes and shapes it.
func (b *backend) read(out *outbound.Response) (*Response, error) {
	res := newResponse()
	if err := b.body(res, out); err != nil {
		res.Close()
		return nil, err
	}
	res.Complete, res.source = true, out
	return res, nil
}

func (b *backend) body(res *Response, out *outbound.Response) (err error) {
	defer out.Body.Close()
	res.Status, res.Header = out.Status, out.Header
	if res.buf, err = outbound.ReadAll(out, b.max, res.buf[:0]); err != nil {
		return err
	}
	if len(res.buf) == 0 && b.emptyOK {
		res.Empty = true
		return nil
	}
	if res.buf, err = b.decode.Decode(&res.Body, decode.Answer{Text: res.buf, Header: res.Header}, b.depth); err != nil {
		return BadBody(err)
	}
	if err := b.plan.Apply(&res.Body); err != nil {
		return BadBody(err)
	}
	return nil
}

// refused makes a Failure of an answer that is no success, with as much of the answer as the file asks for.
func (b *backend) refused(out *outbound.Response) error {
	f := &Failure{Reason: ReasonStatus, Status: out.Status, Header: out.Header, Own: b.failure.own,
		Err:  fmt.Errorf("status %d of %s %s", out.Status, b.method, b.name),
		Text: "invalid status code " + strconv.Itoa(out.Status) + " [" + b.method + " " + b.name + "]"}
	switch {
	case b.failure.code || b.failure.details != "":
		body, err := outbound.ReadAll(out, b.max, nil)
		if err == nil {
			f.Body = body
		}
		out.Body.Close()
	case b.failure.pass:
		res := newResponse()
		if err := b.body(res, out); err != nil {
			res.Close()
			res = newResponse()
			res.Status, res.Header, res.Empty = out.Status, out.Header, true
		}
		res.Complete = true
		f.Response = res
	default:
		out.Body.Close()
	}
	return f
}

// named makes an answer of a failure where return_error_details asks for it: {"error_NAME": {...}}, incomplete.
func (b *backend) named(f *Failure) (*Response, error) {
	if b.failure.details == "" || f.Status == 0 {
		return nil, f
	}
	value := fmt.Appendf(nil, `{"http_status_code":%d,"http_body":`, f.Status)
	value = rawjson.Quote(value, f.Body)
	value = append(value, `,"http_body_encoding":`...)
	value = rawjson.AppendString(value, outbound.Get(f.Header, "Content-Type"))
	value = append(value, '}')
	res := newResponse()
	res.Status = 200
	res.Body.SetMembers([]rawjson.Member{{Key: rawjson.AppendString(nil, "error_"+b.failure.details), Value: value}})
	return res, nil
}

var responses = sync.Pool{New: func() any { return new(Response) }}

func newResponse() *Response { return responses.Get().(*Response) }

// NewResponse is an empty answer of ours, to be filled (merge, static data).
func NewResponse() *Response { return newResponse() }

// keepBuffer is the largest buffer worth keeping for the next answer.
const keepBuffer = 256 << 10

func recycle(r *Response) {
	r.Body.Reset()
	if cap(r.buf) > keepBuffer {
		r.buf = nil
	}
	clear(r.parts)
	clear(r.ends)
	// Body stays where it is: it is kilobytes large.
	r.Status, r.Header, r.Stream, r.Complete, r.Empty, r.source = 0, nil, nil, false, false, nil
	r.buf, r.parts, r.ends = r.buf[:0], r.parts[:0], r.ends[:0]
	responses.Put(r)
}

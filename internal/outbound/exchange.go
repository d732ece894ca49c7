package outbound

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
)

// RoundTrip sends a request and reads the head of its answer. Errors are [*Error].
func (p *Pool) RoundTrip(ctx context.Context, req *Request) (*Response, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, failContext(ctx, "before the request was sent")
	}
	c, err := p.acquire(ctx, false)
	for err == nil && c.reused {
		rewind := rewinder(req)
		res, failure := c.exchange(ctx, req)
		switch {
		case failure == nil:
			return res, nil
		case errors.Is(failure, errStale):
			p.count(&p.stats.Reused, -1)
			c, err = p.acquire(ctx, false)
		case c.mayRepeat(req, failure) && rewind():
			if Look(ctx); ctx.Err() != nil {
				return nil, failContext(ctx, "before the request was repeated")
			}
			p.count(&p.stats.Retried, 1)
			if c, err = p.acquire(ctx, true); errors.Is(err, ErrClosed) {
				return nil, failure
			}
		default:
			return nil, failure
		}
	}
	if err != nil {
		return nil, err
	}
	return c.exchange(ctx, req)
}

func (p *Pool) count(n *uint64, by int) {
	p.mu.Lock()
	*n += uint64(by)
	p.mu.Unlock()
}

// mayRepeat tells whether the failure was that of a connection which had died while idle.
func (c *conn) mayRepeat(req *Request, err error) bool {
	if c.answered || ReasonOf(err) != Reset && ReasonOf(err) != BadReply {
		return false
	}
	return idempotent(req.Method) || !c.sent
}

func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// rewinder brings the body back to where it stands now, or says that it cannot.
func rewinder(req *Request) func() bool {
	if req.Body == nil {
		return func() bool { return true }
	}
	seeker, ok := req.Body.(io.Seeker)
	if !ok {
		return func() bool { return false }
	}
	at, err := seeker.Seek(0, io.SeekCurrent)
	return func() bool {
		if err != nil {
			return false
		}
		_, err := seeker.Seek(at, io.SeekStart)
		return err == nil
	}
}

// exchange writes the request and reads heads until the final one.
func (c *conn) exchange(ctx context.Context, req *Request) (*Response, error) {
	if c.reused && !c.direct && !c.alive() {
		c.pool.discard(c)
		return nil, errStale
	}
	c.buf = c.pool.buffers.get()
	c.r, c.w = 0, 0
	c.bind(ctx, req)
	up, err := c.send(req)
	if err != nil && c.sent && ReasonOf(err) == "" {
		// The origin may have answered and closed before it read everything: hear it out.
		c.broken = true
		if res, answer := c.receive(req, up); answer == nil {
			return res, nil
		}
	}
	if err != nil {
		if !errors.Is(err, errStale) && ReasonOf(err) == "" {
			err = c.fail(err, "writing the request")
		}
		c.abort(up)
		return nil, err
	}
	res, err := c.receive(req, up)
	if err != nil {
		c.abort(up)
		return nil, err
	}
	return res, nil
}

// abort closes the connection after a failure.
func (c *conn) abort(up *upload) {
	if up != nil {
		up.halt()
	}
	c.nc.Close()
	up.settle()
	c.end(false)
}

// receive reads the answer's head, informational ones first.
func (c *conn) receive(req *Request, up *upload) (*Response, error) {
	c.armHeadTimeout()
	res := c.pool.getResponse()
	h := &res.head
	budget := c.pool.opt.MaxHead
	for {
		text, err := c.readHead(&budget, res.text)
		if err != nil {
			return nil, err
		}
		if err := res.learn(text); err != nil {
			return nil, err
		}
		if h.status >= 200 || h.status == 101 {
			break
		}
		if h.status != 100 && req.Informational != nil {
			req.Informational(h.status, append([]Field(nil), h.fields...))
		}
	}
	// A copy: what the caller does to it must not be remembered.
	res.Header = append(res.fields[:0], h.fields...)
	res.Status, res.pool = h.status, c.pool
	if h.status == 101 {
		return res, c.switchTo(res, h, req)
	}
	c.pool.buffers.learn(c.w)
	kind, length, reusable := h.body(req.Method)
	if !c.has(kind, length) {
		c.stream()
	}
	if up != nil && h.status >= 400 && !up.complete() {
		up.halt() // the origin does not want the rest (RFC 9112 9.3); any other answer may depend on it
	}
	res.body.start(res, c, kind, length, reusable)
	return res, nil
}

// has reports whether a whole body has come with its head: then there is nothing to wait for.
func (c *conn) has(kind framing, length int64) bool {
	return kind == noBody || kind == byLength && int64(c.w-c.r) >= length
}

// readHead reads to the end of a head and takes it off the buffer; budget is how many bytes it may still have. Known is a
// whole head: if it comes again, it need not be searched for its end.
func (c *conn) readHead(budget *int, known string) (string, error) {
	seen := 0 // bytes known not to end the head
	for {
		if unread := c.buf.b[c.r:c.w]; len(unread) > seen {
			if known != "" && len(unread) >= len(known) && string(unread[:len(known)]) == known && len(known) <= *budget {
				*budget -= len(known)
				c.r += len(known)
				return known, nil
			}
			if i := bytes.Index(unread[seen:], []byte("\r\n\r\n")); i >= 0 {
				end := seen + i + 4
				if *budget -= end; *budget < 0 {
					break
				}
				text := string(unread[:end])
				c.r += end
				return text, nil
			}
			if len(unread) > *budget {
				break
			}
			if err := hopeless(unread, seen); err != nil {
				return "", err
			}
			seen = max(0, len(unread)-3)
		}
		c.makeRoom()
		if err := c.fill(); err != nil {
			return "", c.fail(err, "reading the answer's head")
		}
	}
	return "", badReply("the head of the answer is over %d bytes", c.pool.opt.MaxHead)
}

// hopeless tells early of an unfinished head that it can never become one: without it, an origin that speaks another
// protocol, or ends lines with a bare LF, would be waited for.
func hopeless(unread []byte, seen int) error {
	const begin = "HTTP/1."
	if n := min(len(unread), len(begin)); string(unread[:n]) != begin[:n] {
		return badReply("not HTTP/1.1: %.60q", unread)
	}
	for i := max(seen, 1); i < len(unread); i++ {
		if unread[i] == '\n' && unread[i-1] != '\r' {
			return badReply("a line of the head ends in a bare LF")
		}
	}
	return nil
}

// makeRoom leaves space behind the unread bytes: it moves them to the front, or the buffer grows.
func (c *conn) makeRoom() {
	if c.w < len(c.buf.b) {
		return
	}
	b := c.buf.b
	if c.r == 0 {
		b = make([]byte, 2*len(b))
	}
	c.w = copy(b, c.buf.b[c.r:c.w])
	c.r = 0
	if len(b) != len(c.buf.b) {
		c.pool.buffers.put(c.buf)
		c.buf = &buffer{b: b}
	}
}

// switchTo hands the connection out after a 101 that was asked for.
func (c *conn) switchTo(res *Response, h *head, req *Request) error {
	if req.Upgrade == "" || !strings.EqualFold(h.upgrade, req.Upgrade) {
		return badReply("switched to protocol %.40q, asked for %.40q", h.upgrade, req.Upgrade)
	}
	if c.up != nil && !c.up.complete() {
		return badReply("switched protocols before the request was sent")
	}
	res.Header = append(res.Header, Field{"Upgrade", h.upgrade})
	rest := append([]byte(nil), c.buf.b[c.r:c.w]...)
	c.r = c.w
	c.pool.buffers.put(c.buf)
	c.buf = nil
	c.setDeadline(noDeadline, false)
	if !c.unbind() {
		return failContext(c.ctx, "switching protocols")
	}
	res.Conn = &tunnel{Conn: c.nc, early: rest, pool: c.pool}
	res.body.start(res, nil, noBody, 0, false)
	return nil
}

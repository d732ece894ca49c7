package outbound

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
)

// sendAtOnce is how much body in memory is written before the answer is looked for: what any socket takes without waiting
// for the origin to read.
const sendAtOnce = 64 << 10

// check refuses what must never be written: nothing of the caller's may end a line or begin another request.
func (req *Request) check() error {
	switch {
	case !isToken(req.Method) || req.Method == "CONNECT":
		return unfit("got method %.40q, want a token other than CONNECT", req.Method)
	case !isTarget(req.Target):
		return unfit("got target %.60q, want an escaped path and query", req.Target)
	case req.Host != "" && !isHost(req.Host):
		return unfit("got host %.60q, want a name or an address", req.Host)
	case req.Upgrade != "" && !isToken(req.Upgrade):
		return unfit("got upgrade %.40q, want a token", req.Upgrade)
	case req.Data != nil && req.Body != nil:
		return unfit("got both Data and Body, want one")
	case req.Length < -1, req.Length > 0 && req.Body == nil:
		return unfit("got length %d, want that of Body", req.Length)
	case req.Trailer != nil && req.Body == nil:
		return unfit("got a trailer without a Body")
	case req.Trailer != nil && !areNames(req.Trailer.Announced):
		return unfit("got trailers %.60q announced, want tokens that neither frame nor route", req.Trailer.Announced)
	}
	return checkFields(req.Header)
}

func areNames(list []string) bool {
	for _, name := range list {
		if !isToken(name) || isOurs(name) {
			return false
		}
	}
	return true
}

func checkFields(fields []Field) error {
	for i := range fields {
		f := &fields[i]
		if !isToken(f.Name) {
			return unfit("got header name %.60q, want a token", f.Name)
		}
		if !isValue(f.Value) {
			return unfit("control characters in header %.60q", f.Name)
		}
	}
	return nil
}

// memory is the length of a Body that is known to be in memory, so that reading it never waits; -1 of any other.
func memory(body io.Reader) int64 {
	switch b := body.(type) {
	case *bytes.Reader:
		return int64(b.Len())
	case *bytes.Buffer:
		return int64(b.Len())
	case *strings.Reader:
		return int64(b.Len())
	}
	return -1
}

// size is how many bytes of body the request will send; -1: nobody knows yet.
func (req *Request) size() int64 {
	switch {
	case req.Data != nil:
		return int64(len(req.Data))
	case req.Body == nil:
		return 0
	case req.Trailer != nil:
		return -1
	case req.Length < 0:
		return memory(req.Body)
	}
	return req.Length
}

// appendHead writes the request head.
func (p *Pool) appendHead(b []byte, req *Request, size int64) []byte {
	b = append(b, req.Method...)
	b = append(b, ' ')
	b = append(b, p.prefix...)
	b = append(b, req.Target...)
	if req.Host == "" {
		b = append(b, p.hostLine...)
	} else {
		b = append(b, " HTTP/1.1\r\nHost: "...)
		b = append(b, req.Host...)
		b = append(b, '\r', '\n')
	}
	for i := range req.Header {
		f := &req.Header[i]
		if isOurs(f.Name) {
			continue
		}
		b = append(b, f.Name...)
		b = append(b, ':', ' ')
		b = append(b, f.Value...)
		b = append(b, '\r', '\n')
	}
	b = append(b, p.fixed...)
	switch {
	case size < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		b = req.Trailer.announce(b)
	case size > 0 || req.Method == "POST" || req.Method == "PUT" || req.Method == "PATCH":
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, size, 10)
		b = append(b, '\r', '\n')
	}
	if req.Upgrade != "" {
		b = append(b, "Connection: Upgrade\r\nUpgrade: "...)
		b = append(b, req.Upgrade...)
		b = append(b, '\r', '\n')
	} else {
		b = append(b, p.closing...)
	}
	return append(b, '\r', '\n')
}

// send writes the request: all of it in one write where the body is small and in memory, else the head, with an upload
// left running for the body.
func (c *conn) send(req *Request) (*upload, error) {
	size := req.size()
	b := c.pool.appendHead(c.buf.b[:0], req, size)
	whole := size == 0
	if req.Data != nil && len(b)+len(req.Data) <= len(c.buf.b) {
		b, whole = append(b, req.Data...), true
	}
	if whole && c.direct {
		return nil, c.ask(b)
	}
	if c.reused && c.direct && !c.alive() {
		return nil, errStale
	}
	switch {
	case whole:
		return nil, c.write(b)
	case req.Data != nil && size <= sendAtOnce:
		parts := net.Buffers{b, req.Data}
		n, err := parts.WriteTo(c.nc)
		c.sent = c.sent || n > 0
		return nil, err
	case req.Data != nil:
		if err := c.write(b); err != nil {
			return nil, err
		}
		return c.startUpload(&Request{Body: bytes.NewReader(req.Data)}, size, true), nil
	case size > 0 && size <= sendAtOnce && memory(req.Body) >= 0:
		return nil, c.sendMemory(b, req.Body, size)
	}
	if err := c.write(b); err != nil {
		return nil, err
	}
	_, seekable := req.Body.(io.Seeker)
	return c.startUpload(req, size, seekable), nil
}

// sendMemory writes head and body through the buffer, in as few writes as it allows.
func (c *conn) sendMemory(b []byte, body io.Reader, size int64) error {
	for {
		if room := int64(len(c.buf.b) - len(b)); room > 0 {
			n, err := io.ReadFull(body, c.buf.b[len(b):len(b)+int(min(room, size))])
			if err != nil {
				return &Error{Reason: Upload, Err: err}
			}
			b = append(b, c.buf.b[len(b):len(b)+n]...)
			size -= int64(n)
		}
		if err := c.write(b); err != nil || size == 0 {
			return err
		}
		b = c.buf.b[:0]
	}
}

func (c *conn) write(b []byte) error {
	n, err := c.nc.Write(b)
	c.sent = c.sent || n > 0
	return err
}

package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// http2Client speaks HTTP/2 by net/http, in the terms of this package.
type http2Client struct {
	origin Origin
	opt    Options
	tr     *http.Transport
	dialed atomic.Uint64
	closed atomic.Bool
}

// newHTTP2 makes a client for HTTP/2 alone; dial gives connections on which it has been agreed.
func newHTTP2(origin Origin, opt Options, dial func(context.Context) (net.Conn, error)) *http2Client {
	opt = opt.withDefaults()
	c := &http2Client{origin: origin, opt: opt}
	counted := func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := dial(ctx)
		if err == nil {
			c.dialed.Add(1)
		}
		return nc, err
	}
	c.tr = &http.Transport{
		Protocols:              new(http.Protocols),
		DisableCompression:     true,
		IdleConnTimeout:        opt.IdleTimeout,
		MaxConnsPerHost:        opt.MaxOpen,
		ResponseHeaderTimeout:  opt.HeadTimeout,
		MaxResponseHeaderBytes: int64(opt.MaxHead),
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	if origin.Scheme == "https" {
		c.tr.Protocols.SetHTTP2(true)
		c.tr.DialTLSContext = counted
	} else {
		c.tr.Protocols.SetUnencryptedHTTP2(true)
		c.tr.DialContext = counted
	}
	return c
}

// RoundTrip sends a request and waits for the head of its answer. Errors are [*Error].
func (c *http2Client) RoundTrip(ctx context.Context, req *Request) (*Response, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	if req.Upgrade != "" {
		return nil, unfit("got upgrade %.40q over HTTP/2, want none", req.Upgrade)
	}
	if c.closed.Load() {
		return nil, &Error{Reason: Canceled, Err: ErrClosed}
	}
	w := newWatch(ctx, req)
	theirs, err := c.request(w, req)
	if err != nil {
		w.end()
		return nil, err
	}
	res, err := c.tr.RoundTrip(theirs) //nolint:bodyclose // the body is our answer's
	if err != nil {
		err = w.fail(err, "exchange over HTTP/2")
		w.end()
		return nil, err
	}
	w.headRead()
	return answerOf(res, w), nil
}

// request writes req as net/http has it.
func (c *http2Client) request(w *watch, req *Request) (*http.Request, error) {
	u, err := url.ParseRequestURI(req.Target)
	if err != nil {
		return nil, unfit("got target %.60q, want an escaped path and query", req.Target)
	}
	u.Scheme, u.Host = c.origin.Scheme, c.origin.Authority()
	out := &http.Request{Method: req.Method, URL: u, Host: req.Host, Header: make(http.Header, len(req.Header)+1)}
	for _, f := range req.Header {
		if !isOurs(f.Name) {
			out.Header.Add(f.Name, f.Value)
		}
	}
	if out.Header["User-Agent"] == nil {
		out.Header["User-Agent"] = nil // else net/http would add its own
	}
	switch {
	case len(req.Data) > 0:
		out.ContentLength = int64(len(req.Data))
		out.Body = io.NopCloser(bytes.NewReader(req.Data))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Data)), nil }
	case req.Body != nil && req.size() != 0:
		out.ContentLength = req.size()
		out.Trailer = req.Trailer.header()
		out.Body = &uploading{Reader: req.Body, w: w, tail: req.Trailer, into: out.Trailer}
	}
	return out.WithContext(w.traced(req)), nil
}

// answerOf puts the answer in our terms.
func answerOf(res *http.Response, w *watch) *Response {
	out := &Response{Status: res.StatusCode, Length: res.ContentLength, Header: fieldsOf(res.Header)}
	if res.Body == http.NoBody || res.Request.Method == "HEAD" {
		out.Length = 0
	}
	// Announced, or all that is left to come: gRPC announces nothing, and its errors have no body.
	out.Trails = out.Length >= 0 && res.Body != http.NoBody && (len(res.Trailer) > 0 || out.Length == 0)
	out.Body = &watched{body: res.Body, w: w, done: func() {
		out.Trailer = fieldsOf(res.Trailer)
	}}
	return out
}

// fieldsOf lists fields by name, since net/http does not keep their order.
func fieldsOf(h http.Header) []Field {
	var out []Field
	for name, values := range h {
		if isHop(name) {
			continue
		}
		for _, v := range values {
			out = append(out, Field{name, v})
		}
	}
	slices.SortStableFunc(out, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Close drops idle connections and lets running exchanges end.
func (c *http2Client) Close() error {
	c.closed.Store(true)
	c.tr.CloseIdleConnections()
	return nil
}

// Stats counts what this client can see: net/http keeps the rest to itself.
func (c *http2Client) Stats() Stats { return Stats{Dialed: c.dialed.Load()} }

// uploading is a request body whose failure is told from the connection's.
type uploading struct {
	io.Reader
	w    *watch
	tail *Trailer
	into http.Header // where net/http looks for the trailers once the body has ended; nil: there are none
}

func (u *uploading) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if errors.Is(err, io.EOF) && u.into != nil {
		if failed := u.tail.fill(u.into); failed != nil {
			err = failed
		}
		u.into = nil // once
	}
	if err != nil && !errors.Is(err, io.EOF) {
		u.w.upload.Store(&err)
	}
	return n, err
}

func (u *uploading) Close() error { return nil }

// errNotHTTP2 is a handshake that ended with another protocol.
var errNotHTTP2 = errors.New("the origin does not speak HTTP/2")

// agreed checks what a handshake for HTTP/2 alone has led to.
func agreed(nc net.Conn) error {
	if t, ok := nc.(*tls.Conn); ok && t.ConnectionState().NegotiatedProtocol != "h2" {
		return &Error{Reason: TLS, Err: errNotHTTP2}
	}
	return nil
}

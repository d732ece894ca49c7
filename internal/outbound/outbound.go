// Package outbound is what every call of ours to the outside shares: dialing, TLS, connection pools, a strict HTTP/1.1
// client that is bound to its context, HTTP/2 where it is asked for, bounded fetches of small documents, and values that
// are refreshed ahead of their expiry by one caller at a time.
package outbound

import (
	"context"
	"io"
	"net"
)

// Field is one header line.
type Field struct{ Name, Value string }

// DialFunc opens a connection; tests hand in one that dials memory.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Request is one request to an origin.
type Request struct {
	Method  string
	Target  string  // origin-form, already escaped: "/path?query"
	Host    string  // the Host header; "": the origin's own
	Header  []Field // end-to-end fields only; the client adds Host, framing and Connection itself
	Body    io.Reader
	Length  int64  // of Body; 0: no body; -1: unknown, sent chunked
	Upgrade string // ask for this protocol ("websocket"); "" for none

	// Informational is called for each 1xx answer but 100 and 101, in order, before RoundTrip returns; may be nil.
	Informational func(status int, header []Field)
}

// Response is an answer whose head has been read.
type Response struct {
	Status  int
	Header  []Field // end-to-end fields in the order they came, hop-by-hop ones removed
	Length  int64   // of Body; -1: unknown until its end
	Body    io.ReadCloser
	Trailer []Field            // filled once Body has returned io.EOF
	Conn    io.ReadWriteCloser // status 101 only: the connection after the upgrade
}

// Get is the first value of a field, names compared without case; "" if there is none.
func (r *Response) Get(name string) string { panic("todo") }

// Transport sends requests to one origin. It never follows redirects and never retries, but for a request that failed on
// a reused connection before a byte of answer, was not a body already read, and is idempotent.
type Transport interface {
	RoundTrip(ctx context.Context, req *Request) (*Response, error)
}

// Error is a failed exchange: one reason, and the cause for the log.
type Error struct {
	Reason Reason
	Sent   bool // bytes of the request may have reached the origin
	Err    error
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Reason names what failed.
type Reason string

// The reasons.
const (
	Timeout  Reason = "timeout"      // a deadline of ours passed
	Canceled Reason = "canceled"     // the caller's context was canceled
	Refused  Reason = "refused"      // nobody listens, or no route
	Reset    Reason = "reset"        // the connection broke
	DNS      Reason = "dns"          // the name does not resolve
	TLS      Reason = "tls"          // handshake or certificate
	BadReply Reason = "bad_response" // not HTTP, bad framing, too long a head, cut short
	TooLarge Reason = "too_large"    // more body than allowed
	Busy     Reason = "busy"         // the limit of connections is reached
)

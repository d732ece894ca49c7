// Package outbound is what every call of ours to the outside shares: dialing, TLS, connection pools, a strict HTTP/1.1
// client that is bound to its context, HTTP/2 where it is asked for, bounded fetches of small documents, and values that
// are refreshed ahead of their expiry by one caller at a time.
package outbound

import (
	"context"
	"io"
	"net"
	"time"
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
	Header  []Field // end-to-end fields only; the client adds Host, framing and Connection itself and leaves out hop-by-hop ones
	Data    []byte  // a body in memory, instead of Body and Length: it goes out with the head in one write and can be replayed
	Body    io.Reader
	Length  int64    // of Body; 0: no body; -1: unknown, sent chunked
	Trailer *Trailer // the fields behind Body, which is sent chunked then; nil: none
	Upgrade string   // ask for this protocol ("websocket"); "" for none

	// HeadBy is when the head of the answer must have come; zero: whenever ctx says. It lets a stream run on ctx without
	// a deadline.
	HeadBy time.Time

	// IdleTimeout, if set, is for streams: once the head is read, the deadline of ctx and HeadBy no longer hold, but every
	// Read of the body must progress within it. Cancelling ctx still cuts at once. (A context whose own timer has fired
	// can no longer be canceled: give streams a ctx without one and use HeadBy.)
	IdleTimeout time.Duration

	// Informational is called for each 1xx answer but 100 and 101, in order, before RoundTrip returns; may be nil.
	Informational func(status int, header []Field)
}

// Trailer is what follows the body of a request (RFC 9110 6.5), announced or not.
type Trailer struct {
	Announced []string       // names that are known before the body is sent; may be empty
	Fields    func() []Field // called once the body has been read to its end, by whoever read it
}

// Transport sends requests to one origin. It never follows redirects and never retries, but for a request that failed on
// a reused connection before a byte of answer, whose body is empty or can be replayed, and that is idempotent or of which
// not a byte had left.
//
// A Body is read by another goroutine, unless it is a [bytes.Reader], [bytes.Buffer] or [strings.Reader] of up to 64 KiB.
// When RoundTrip fails, or the answer's body is closed, before the whole Body has gone out, the one Read that is in flight
// may still end later; no other follows.
type Transport interface {
	RoundTrip(ctx context.Context, req *Request) (*Response, error)
}

// Client is a Transport that owns connections.
type Client interface {
	Transport
	// Close drops idle connections, fails those who wait for one, and lets running exchanges end.
	Close() error
	// Stats counts connections; a snapshot.
	Stats() Stats
}

// Stats are the connections of a Client, and what it did since it was made.
type Stats struct {
	Open    int    // connections, those being dialed too
	Idle    int    // of them, those waiting for a request
	Waiting int    // callers that wait for one of Options.MaxOpen
	Dialed  uint64 // connections opened since the start
	Reused  uint64 // exchanges on a connection that had served one before
	Retried uint64 // exchanges repeated because a reused connection was dead
}

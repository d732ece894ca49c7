package endpoints

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"gatehouse/backends"
)

// Exchange is the record of one request: made at the door, filled by named fields on the way, read by the log line, the
// error body and explain. Exchanges are pooled: nobody keeps one after the request.
type Exchange struct {
	Start    time.Time
	Client   string        // the client's address, without port
	Trusted  bool          // the peer is a proxy that we believe
	Stall    time.Duration // how long a client over HTTP/2 may take for the next piece; 0: the connection sees to it
	Peer     string        // the address at the other end of the connection
	Endpoint string        // the pattern of the route, "" where none was found
	Params   []string      // path parameters as they stand in the URL (escaped), by position
	Status   int           // told to the client
	Bytes    int64         // of body written
	Reason   string        // one code of why it was not answered as asked, "" if it was
	Err      error         // the cause behind Reason, for the log
	Detail   []any         // slog pairs of a refusal
	Subject  string        // who asked, if the log is to say so
	Until    time.Time     // when a tunnel must end, since the token does; zero: whenever it likes
	Auth     time.Duration
	Backend  time.Duration
	Parts    int  // backends asked
	Failed   int  // of these, not answered
	Partial  bool // the answer lacks a part
	Gone     bool // the client did not wait: nothing was said

	id     [32]byte
	hasID  bool
	params [8]string
}

var exchanges = sync.Pool{New: func() any { return new(Exchange) }}

// NewExchange begins a record.
func NewExchange() *Exchange {
	x := exchanges.Get().(*Exchange)
	x.Start = time.Now()
	x.Params = x.params[:0]
	return x
}

// Free ends it.
func (x *Exchange) Free() {
	*x = Exchange{}
	exchanges.Put(x)
}

// ID is the request's identifier: 32 hexadecimal digits, made when it is first asked for.
func (x *Exchange) ID() string {
	x.identify()
	return string(x.id[:])
}

// AppendID appends the request's identifier.
func (x *Exchange) AppendID(dst []byte) []byte {
	x.identify()
	return append(dst, x.id[:]...)
}

func (x *Exchange) identify() {
	if x.hasID {
		return
	}
	var b [16]byte
	rand.Read(b[:])
	hex.Encode(x.id[:], b[:])
	x.hasID = true
}

// failed takes down why a request is not answered as asked.
func (x *Exchange) failed(reason string, err error) {
	if x.Reason == "" {
		x.Reason, x.Err = reason, err
	}
}

// tally counts the parts of an answer.
func (x *Exchange) tally(f *backends.Failure) {
	x.Failed++
	x.Partial = true
	x.failed(string(f.Reason), f)
}

package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

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
	Busy     Reason = "busy"         // the limit of connections is reached, ours or the system's
	Unfit    Reason = "bad_request"  // the request itself cannot be written: control characters, a wrong length
	Upload   Reason = "request_body" // the request's own Body could not be read
)

// ReasonOf is the reason of an error of this package, "" of any other.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// ErrClosed is what a closed Client answers, with the reason Canceled.
var ErrClosed = errors.New("the client is closed")

func unfit(format string, args ...any) *Error {
	return &Error{Reason: Unfit, Err: fmt.Errorf(format, args...)}
}

func badReply(format string, args ...any) *Error {
	return &Error{Reason: BadReply, Sent: true, Err: fmt.Errorf(format, args...)}
}

// failContext is the error of an ended context: a deadline is Timeout, whoever's it is; all else is Canceled.
func failContext(ctx context.Context, during string) *Error {
	cause := context.Cause(ctx)
	if cause == nil {
		cause = context.Canceled
	}
	reason := Canceled
	if ctx.Err() == context.DeadlineExceeded || errors.Is(cause, context.DeadlineExceeded) || isTimeout(cause) {
		reason = Timeout
	}
	return &Error{Reason: reason, Err: fmt.Errorf("%s: %w", during, cause)}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// failIO is the error of a read or a write on a connection whose context has not ended.
func failIO(err error, during string) *Error {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case isTimeout(err):
		// The deadline of the connection is the context's, and may pass a moment before the context says so.
		return &Error{Reason: Timeout, Err: fmt.Errorf("%s: %w", during, context.DeadlineExceeded)}
	case errors.As(err, &record), errors.As(err, &alert):
		return &Error{Reason: TLS, Err: fmt.Errorf("%s: %w", during, err)}
	}
	return &Error{Reason: Reset, Err: fmt.Errorf("%s: %w", during, err)}
}

// cutShort is an answer whose connection ended in the middle: orderly it is a bad reply, else a reset.
func cutShort(err error, during string) *Error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Error{Reason: BadReply, Sent: true, Err: fmt.Errorf("%s: %w", during, io.ErrUnexpectedEOF)}
	}
	e := failIO(err, during)
	if e.Sent = true; e.Reason == Reset {
		e.Err = fmt.Errorf("%w (%w)", e.Err, io.ErrUnexpectedEOF)
	}
	return e
}

// failDial is the error of an attempt to connect.
func failDial(ctx context.Context, err error, address string) *Error {
	during := "connecting to " + address
	var own *Error
	var name *net.DNSError
	switch {
	case ctx.Err() != nil:
		return failContext(ctx, during)
	case errors.As(err, &own):
		return own
	case errors.As(err, &name):
		return &Error{Reason: DNS, Err: fmt.Errorf("%s: %w", during, err)}
	case isTimeout(err):
		return &Error{Reason: Timeout, Err: fmt.Errorf("%s: %w", during, err)}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EADDRNOTAVAIL),
		errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		return &Error{Reason: Busy, Err: fmt.Errorf("%s: %w", during, err)}
	}
	return &Error{Reason: Refused, Err: fmt.Errorf("%s: %w", during, err)}
}

// failHandshake is the error of TLS, or of a proxy, on a connection that was opened.
func failHandshake(ctx context.Context, err error, address string) *Error {
	during := "agreeing on TLS with " + address
	var own *Error
	switch {
	case ctx.Err() != nil:
		return failContext(ctx, during)
	case errors.As(err, &own):
		return own
	case isTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: Timeout, Err: fmt.Errorf("%s: %w", during, context.DeadlineExceeded)}
	}
	return &Error{Reason: TLS, Err: fmt.Errorf("%s: %w", during, err)}
}

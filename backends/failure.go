package backends

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// Failure is an answer that could not be had: one reason, and what is known of it. The table in endpoints/errors.go makes a
// status of it.
type Failure struct {
	Reason     Reason
	Status     int              // of the upstream, where it answered; else 0
	Header     []outbound.Field // of that answer
	Response   *Response        // that answer, decoded and shaped, where the backend hands it on; owned by the failure
	Body       []byte           // that answer as it came, where return_error_* asks for it; a copy
	Own        bool             // the backend has credentials of its own: its 401 is ours, not the client's
	RetryAfter time.Duration    // 0: not known
	Fits       int              // a status that fits better than the reason's; 0: none
	Told       *Told            // what the file says to the client instead; nil: nothing
	Text       string           // KrakenD's words for it; "": those of the reason
	Err        error            // for the log
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return string(f.Reason)
	}
	return string(f.Reason) + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// Reason names what went wrong with an upstream: one of a closed list.
type Reason string

// The reasons. README has the list.
const (
	ReasonStatus       Reason = "upstream_status"        // it answered with a status that is no success
	ReasonTimeout      Reason = "upstream_timeout"       // a deadline passed
	ReasonCanceled     Reason = "client_gone"            // the client left
	ReasonRefused      Reason = "upstream_refused"       // nobody listens there
	ReasonReset        Reason = "upstream_reset"         // the connection broke
	ReasonDNS          Reason = "upstream_dns"           // its name does not resolve
	ReasonTLS          Reason = "upstream_tls"           // handshake or certificate
	ReasonBadReply     Reason = "upstream_bad_response"  // not HTTP, or cut short
	ReasonTooLarge     Reason = "upstream_too_large"     // more than max_response_size, or more values in it than are looked into
	ReasonBadBody      Reason = "upstream_bad_body"      // not of the declared encoding
	ReasonOpen         Reason = "breaker_open"           // its breaker is open
	ReasonLimited      Reason = "upstream_limited"       // its rate limit or its connections are used up
	ReasonToken        Reason = "upstream_auth_failed"   // no token for it to be had
	ReasonExchange     Reason = "token_exchange_refused" // the caller's token is not taken for an exchange
	ReasonMissingClaim Reason = "claim_missing"          // {JWT.x} names a claim that the token lacks
	ReasonMissingValue Reason = "value_missing"          // {respN_x} names a value that the answer lacks
	ReasonRedirect     Reason = "upstream_redirect"      // a redirect that may not be followed
	ReasonUnfit        Reason = "request_unfit"          // the client's request cannot become one to this upstream
	ReasonScript       Reason = "script_failed"          // a script of the file failed, or refused
	ReasonRejected     Reason = "upstream_rejected"      // a rule of the file refused the answer
)

// failed makes a Failure of an error of the outside; ctx is the context of the exchange.
func failed(ctx context.Context, err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	f = &Failure{Reason: ReasonReset, Err: err}
	var out *outbound.Error
	if errors.As(err, &out) {
		f.Reason = reasonOf(out.Reason)
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded), cause == nil && errors.Is(err, context.DeadlineExceeded):
		f.Reason = ReasonTimeout
	case cause != nil:
		f.Reason = ReasonCanceled
	}
	return f
}

// BadBody is an answer that came, but is of no use: not what was wanted, or more values than are looked into.
func BadBody(err error) *Failure {
	var bad *rawjson.SyntaxError
	if errors.As(err, &bad) && bad.TooMany() {
		return &Failure{Reason: ReasonTooLarge, Err: err}
	}
	return &Failure{Reason: ReasonBadBody, Err: err}
}

func reasonOf(r outbound.Reason) Reason {
	switch r {
	case outbound.Timeout:
		return ReasonTimeout
	case outbound.Canceled, outbound.Upload: // the client's body broke off: nothing is to be held against the backend
		return ReasonCanceled
	case outbound.Refused:
		return ReasonRefused
	case outbound.DNS:
		return ReasonDNS
	case outbound.TLS:
		return ReasonTLS
	case outbound.BadReply:
		return ReasonBadReply
	case outbound.TooLarge:
		return ReasonTooLarge
	case outbound.Busy:
		return ReasonLimited
	case outbound.Unfit:
		return ReasonUnfit
	}
	return ReasonReset
}

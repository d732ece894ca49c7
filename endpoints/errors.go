package endpoints

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/rawjson"
	"gatehouse/validator"
)

// Voice is how an endpoint speaks: the headers of its answers, and what clients are told when something fails. The version
// of the file picks its defaults; there is one table.
type Voice struct {
	passStatus, precise, code bool
	KrakenD                   bool           // the completeness header as KrakenD has it: false for no-op and for an empty object
	JSON                      bool           // error_format: every error has the JSON body
	Message                   bool           // router.return_error_msg: errors of backends are told as text
	Older                     bool           // the file is of version 2 or 3
	OlderYAML                 bool           // YAML is application/x-yaml, as in version 2
	negotiated                bool           // choose looks at Accept
	output                    *outputHeaders // which headers of backends pass
	choose                    chooser        // the format of what they say; nil: it goes through as it comes
	cacheControl              string
	Completed                 string    // name of the completeness header, canonical
	Version                   string    // the X-KrakenD header; "" for none
	vary                      [4]string // what else an answer depends on, see varying
}

// of is the voice of one endpoint.
func (v Voice) of(cfg Config) Voice {
	v.passStatus = conf.Value(cfg.PassStatus, true)
	v.precise = conf.Value(cfg.ErrorStatuses, "precise") == "precise"
	v.cacheControl = cacheControl(cfg.CacheTTL.Or(0), cfg.Protected())
	v.varyBy(&cfg)
	if len(cfg.Backend) == 1 && cfg.Backend[0].Extra.HTTP != nil {
		v.code = cfg.Backend[0].Extra.HTTP.ReturnErrorCode
	}
	return v
}

// marks sets the headers that tell of us.
func (v *Voice) marks(h http.Header, complete bool) {
	values := []string{strconv.FormatBool(complete), v.Version}
	h[v.Completed] = values[:1:1]
	if v.Version != "" {
		h["X-Krakend"] = values[1:]
	}
}

// verdict is what a client is told.
type verdict struct {
	status      int
	code        string // of the closed list
	description string
	header      http.Header
	body        []byte // instead of ours, where the file asks for it
	contentType string
	unmarked    bool   // no completeness header: no backend was meant to be asked (krakend.md 2.8)
	plain       bool   // body is what is said, whatever form errors have
	details     []byte // JSON that the body of version 4 has besides
	gone        bool   // the client: nobody is told
}

// Fail is the only place that answers a failed request.
func (v *Voice) Fail(x *Exchange, w http.ResponseWriter, r *http.Request, err error) {
	var f *backends.Failure
	if errors.As(err, &f) && f.Response != nil {
		defer f.Response.Close()
		if v.handOn(x, w, r, f) {
			return
		}
	}
	out := v.judge(err)
	x.Reason, x.Err = out.code, err // what is told, whatever parts have failed before
	var refusal *validator.Refusal
	if errors.As(err, &refusal) {
		x.Detail = refusal.Detail
	}
	if out.gone {
		x.Status, x.Gone = statusClientGone, true
		return
	}
	h := w.Header()
	for name, values := range out.header {
		h[name] = append([]string(nil), values...)
	}
	if !out.unmarked {
		v.marks(h, false)
	}
	body, contentType := out.body, out.contentType
	if v.JSON && !out.plain {
		body, contentType = errorBody(out.code, out.description, x.ID(), out.details), "application/json; charset=utf-8"
	}
	if contentType != "" {
		h["Content-Type"] = []string{contentType}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.write(w, out.status, body)
}

// Plain answers with a fixed body and the headers that tell of us.
func (v *Voice) Plain(x *Exchange, w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	v.marks(h, false)
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.write(w, status, body)
}

// errorBody is the body of every error of ours in version 4.
func errorBody(code, description, id string, details []byte) []byte {
	b := append([]byte(nil), `{"error":`...)
	b = rawjson.AppendString(b, code)
	b = append(b, `,"error_description":`...)
	b = rawjson.AppendString(b, description)
	b = append(b, `,"request_id":`...)
	b = rawjson.AppendString(b, id)
	if details != nil {
		b = append(append(b, `,"details":`...), details...)
	}
	return append(b, "}\n"...)
}

// handOn answers with what the only backend said, where on_error is pass. A 401 to credentials of ours is not the client's.
func (v *Voice) handOn(x *Exchange, w http.ResponseWriter, r *http.Request, f *backends.Failure) bool {
	if f.Own && f.Status == http.StatusUnauthorized || f.Status < 300 {
		return false
	}
	x.failed(string(f.Reason), f)
	var body []byte
	contentType := ""
	if !f.Response.Empty && v.choose != nil {
		format := v.choose(r.Header)
		if written, err := format.append(nil, &f.Response.Body); err == nil {
			body, contentType = written, format.contentType
		}
	}
	h := w.Header()
	errorHeaders.fields(h, f.Header)
	v.output.fields(h, f.Header)
	v.head(h, contentType, len(body), false, "", v.varying(false, false))
	x.write(w, f.Status, body)
	return true
}

// statusClientGone stands in the log for a client that did not wait; nobody is told.
const statusClientGone = 499

// judge is the one table from reason and manners to what is said.
func (v *Voice) judge(err error) verdict {
	var (
		refusal *validator.Refusal
		denied  *Denied
		failure *backends.Failure
		all     *AllFailed
		over    *http.MaxBytesError
	)
	switch {
	case errors.As(err, &refusal):
		return judgeRefusal(refusal)
	case errors.As(err, &denied):
		return v.judgeDenied(denied)
	case errors.As(err, &over):
		return v.judgeDenied(tooLarge(over.Limit))
	case errors.As(err, &all):
		return v.judgeAll(all)
	case errors.As(err, &failure):
		return v.judgeFailure(failure)
	case errors.Is(err, context.Canceled):
		return verdict{status: statusClientGone, code: "client_gone", gone: true}
	}
	return verdict{status: http.StatusInternalServerError, code: "internal", description: "something went wrong here"}
}

func judgeRefusal(r *validator.Refusal) verdict {
	out := verdict{code: string(r.Reason), description: r.Reason.Public(), header: http.Header{}, unmarked: true}
	if r.Challenge != "" {
		out.header.Set("WWW-Authenticate", r.Challenge)
	}
	switch r.Kind {
	case validator.Forbidden:
		out.status = http.StatusForbidden
	case validator.Malformed:
		out.status = http.StatusBadRequest
	case validator.TooLong:
		out.status = http.StatusRequestHeaderFieldsTooLarge
	case validator.Unavailable:
		out.status = http.StatusServiceUnavailable
		out.header.Set("Retry-After", strconv.Itoa(max(r.RetryIn, 1)))
	default:
		out.status = http.StatusUnauthorized
	}
	return out
}

// judgeDenied says what a guard has refused: in KrakenD's form without a word, but for what the file wants to be told.
func (v *Voice) judgeDenied(d *Denied) verdict {
	out := verdict{status: d.Status, code: d.Reason, description: d.Detail, header: d.Header, unmarked: !d.Marked, details: d.Details}
	if d.Text != "" && (v.Message || d.Told) {
		out.body, out.contentType, out.plain = []byte(d.Text), cmp.Or(d.ContentType, plainText), d.ContentType != ""
	}
	return out
}

const plainText = "text/plain; charset=utf-8"

func (v *Voice) judgeFailure(f *backends.Failure) verdict {
	out := verdict{status: http.StatusInternalServerError, code: string(f.Reason), description: describe(f.Reason), header: http.Header{}}
	precise := preciseStatus(f)
	switch {
	case f.Told != nil:
		out.status, out.description = f.Told.Status, f.Told.Message
	case f.Reason == backends.ReasonCanceled:
		out.status, out.gone = statusClientGone, true
	case f.Reason == backends.ReasonMissingClaim, f.Reason == backends.ReasonExchange, f.Reason == backends.ReasonUnfit:
		out.status = precise
	case v.code && f.Status != 0:
		out.status = f.Status
	case v.precise:
		out.status = precise
	}
	if out.status == http.StatusServiceUnavailable {
		out.header.Set("Retry-After", retryAfter(f.RetryAfter))
	}
	if v.Message {
		out.body, out.contentType = []byte(krakendText(f)), plainText
		if v.code && f.Status != 0 {
			out.body, out.contentType = f.Body, contentTypeOf(f)
		}
	}
	if t := f.Told; t != nil {
		out.body, out.contentType, out.plain = []byte(t.Message), cmp.Or(t.ContentType, plainText), t.ContentType != ""
	}
	return out
}

// judgeAll speaks for several backends that all failed: 504 if a deadline passed, else 503 if one may soon answer again.
func (v *Voice) judgeAll(all *AllFailed) verdict {
	worst := all.Failures[0]
	for _, f := range all.Failures {
		if rank(f) > rank(worst) {
			worst = f
		}
	}
	single := *worst
	if rank(worst) == 0 {
		single.Status = 0
	}
	plain := *v
	plain.code, plain.Message = false, false
	out := plain.judgeFailure(&single)
	if v.Message {
		texts := make([]string, len(all.Failures))
		for i, f := range all.Failures {
			if texts[i] = krakendText(f); f.Body != nil {
				texts[i] = string(f.Body)
			}
		}
		out.body, out.contentType = []byte(strings.Join(texts, "\n")), plainText
	}
	return out
}

// krakendText is what KrakenD says of a failure (krakend.md 2.8), without the addresses that it tells along.
func krakendText(f *backends.Failure) string {
	switch {
	case f.Text != "":
		return f.Text
	case f.Reason == backends.ReasonTimeout:
		return context.DeadlineExceeded.Error()
	case f.Reason == backends.ReasonOpen:
		return "circuit breaker is open"
	case f.Reason == backends.ReasonLimited:
		return "rate limit exceded"
	case f.Err != nil && (f.Reason == backends.ReasonBadBody || f.Reason == backends.ReasonMissingValue):
		return f.Err.Error()
	}
	return describe(f.Reason)
}

func rank(f *backends.Failure) int {
	switch preciseStatus(f) {
	case statusClientGone:
		return 3
	case http.StatusGatewayTimeout:
		return 2
	case http.StatusServiceUnavailable:
		return 1
	}
	return 0
}

// preciseStatus is what fits a failure (config.md, error_statuses).
func preciseStatus(f *backends.Failure) int {
	if f.Fits != 0 {
		return f.Fits
	}
	switch f.Reason {
	case backends.ReasonTimeout:
		return http.StatusGatewayTimeout
	case backends.ReasonCanceled:
		return statusClientGone
	case backends.ReasonOpen, backends.ReasonLimited, backends.ReasonToken:
		return http.StatusServiceUnavailable
	case backends.ReasonMissingClaim, backends.ReasonExchange:
		return http.StatusForbidden
	case backends.ReasonUnfit:
		return http.StatusBadRequest
	}
	return http.StatusBadGateway
}

// describe tells a client what happened, without a word about our insides.
func describe(r backends.Reason) string {
	switch r {
	case backends.ReasonTimeout:
		return "a backend did not answer in time"
	case backends.ReasonOpen:
		return "a backend is failing and is not asked for now"
	case backends.ReasonLimited:
		return "a backend is asked as often as it may be"
	case backends.ReasonToken:
		return "a backend cannot be asked for now"
	case backends.ReasonMissingClaim:
		return "the token lacks a claim that this endpoint needs"
	case backends.ReasonExchange:
		return "the token is not accepted for this endpoint's backend"
	case backends.ReasonUnfit:
		return "the request cannot be made into one for the backend: its body, or a value in it, does not fit"
	case backends.ReasonScript:
		return "a script of this endpoint failed"
	case backends.ReasonRejected:
		return "a rule of this endpoint refuses the request or its answer"
	case backends.ReasonStatus:
		return "a backend answered with an error"
	case backends.ReasonBadBody, backends.ReasonBadReply, backends.ReasonTooLarge:
		return "a backend's answer could not be used"
	}
	return "a backend could not be asked"
}

func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

func contentTypeOf(f *backends.Failure) string {
	for _, h := range f.Header {
		if http.CanonicalHeaderKey(h.Name) == "Content-Type" {
			return h.Value
		}
	}
	return ""
}

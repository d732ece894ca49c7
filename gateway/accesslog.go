package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"gatehouse/endpoints"
	"gatehouse/internal/rawjson"
)

// accessLog writes one line of JSON per request: what was asked, what was said, how long its parts took, and, where it was
// not answered as asked, why. Never a query, a header or a body. Lines look as [slog.JSONHandler] writes them, but are
// written by hand: they are the one thing that the log has for every request.
type accessLog struct {
	out   io.Writer // takes one line at a time, from anybody
	skip  map[string]bool
	lines sync.Pool
}

// newAccessLog is nil where no lines are wanted.
func newAccessLog(rc RouterConfig, out io.Writer) *accessLog {
	if rc.DisableAccessLog || out == nil {
		return nil
	}
	a := &accessLog{out: out, skip: map[string]bool{}}
	a.lines.New = func() any { return new(accessLine) }
	for _, p := range rc.LoggerSkipPaths {
		a.skip[p] = true
	}
	return a
}

// accessLine is the room for one line; most fit.
type accessLine struct {
	data  []byte
	space [640]byte
}

func (a *accessLog) write(x *endpoints.Exchange, r *http.Request) {
	if a == nil || len(a.skip) > 0 && a.skip[r.URL.Path] {
		return
	}
	line := a.lines.Get().(*accessLine)
	line.data = appendAccess(line.space[:0], x, r, time.Now())
	_, _ = a.out.Write(line.data) // who cannot log has nobody to tell
	line.data = nil
	a.lines.Put(line)
}

// appendAccess writes the line of a request that has been answered at a time.
func appendAccess(b []byte, x *endpoints.Exchange, r *http.Request, at time.Time) []byte {
	b = at.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano)
	if x.Status >= 500 {
		b = append(b, `","level":"ERROR","msg":"request","request_id":"`...)
	} else {
		b = append(b, `","level":"INFO","msg":"request","request_id":"`...)
	}
	b = append(x.AppendID(b), '"')
	b = appendText(b, "method", r.Method)
	b = appendText(b, "path", r.URL.Path)
	b = appendText(b, "route", x.Endpoint)
	b = appendCount(b, "status", int64(x.Status))
	b = appendCount(b, "bytes", x.Bytes)
	b = appendText(b, "client", x.Client)
	b = appendMillis(b, "ms", at.Sub(x.Start))
	if x.Auth > 0 {
		b = appendMillis(b, "auth_ms", x.Auth)
	}
	if x.Parts > 0 {
		b = appendMillis(b, "backend_ms", x.Backend)
		b = appendCount(b, "parts", int64(x.Parts))
		b = appendCount(b, "failed", int64(x.Failed))
	}
	return append(appendWhy(b, x), "}\n"...)
}

// appendWhy writes why a request was not answered as asked.
func appendWhy(b []byte, x *endpoints.Exchange) []byte {
	if x.Reason != "" {
		b = appendText(b, "reason", x.Reason)
	}
	if x.Err != nil {
		if why := x.Err.Error(); why != x.Reason {
			b = appendText(b, "error", why)
		}
	}
	if len(x.Detail) < 2 {
		return b
	}
	b = append(b, `,"token":`...)
	opening := len(b)
	for i := 0; i+1 < len(x.Detail); i += 2 {
		b = rawjson.AppendString(append(b, ','), fmt.Sprint(x.Detail[i]))
		b = rawjson.AppendString(append(b, ':'), fmt.Sprint(x.Detail[i+1]))
	}
	b[opening] = '{' // for the first comma
	return append(b, '}')
}

// appendText is for names of ours, which need no escapes.
func appendText(b []byte, name, value string) []byte {
	return rawjson.AppendString(append(append(append(b, `,"`...), name...), `":`...), value)
}

func appendCount(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(append(append(b, `,"`...), name...), `":`...), n, 10)
}

// appendMillis writes milliseconds with the microseconds behind the point, and no more digits than it takes.
func appendMillis(b []byte, name string, d time.Duration) []byte {
	us := max(d.Microseconds(), 0)
	b = appendCount(b, name, us/1000)
	if us %= 1000; us == 0 {
		return b
	}
	b = append(b, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

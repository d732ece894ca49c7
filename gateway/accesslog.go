package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"gatehouse/endpoints"
)

// accessLog writes one line per request: what was asked, what was said, how long its parts took, and, where it was not
// answered as asked, why. Never a query, a header or a body.
type accessLog struct {
	log  *slog.Logger
	skip map[string]bool
}

func newAccessLog(rc RouterConfig, log *slog.Logger) *accessLog {
	if rc.DisableAccessLog {
		return nil
	}
	a := &accessLog{log: log, skip: map[string]bool{}}
	for _, p := range rc.LoggerSkipPaths {
		a.skip[p] = true
	}
	return a
}

func (a *accessLog) write(x *endpoints.Exchange, r *http.Request) {
	if a == nil || a.skip[r.URL.Path] {
		return
	}
	level := slog.LevelInfo
	if x.Status >= 500 {
		level = slog.LevelError
	}
	if !a.log.Enabled(context.Background(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 20)
	attrs = append(attrs, slog.String("request_id", x.ID()), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("route", x.Endpoint), slog.Int("status", x.Status), slog.Int64("bytes", x.Bytes),
		slog.String("client", x.Client), millis("ms", time.Since(x.Start)))
	if x.Auth > 0 {
		attrs = append(attrs, millis("auth_ms", x.Auth))
	}
	if x.Parts > 0 {
		attrs = append(attrs, millis("backend_ms", x.Backend), slog.Int("parts", x.Parts), slog.Int("failed", x.Failed))
	}
	if x.Reason != "" {
		attrs = append(attrs, slog.String("reason", x.Reason))
	}
	if x.Err != nil && x.Err.Error() != x.Reason {
		attrs = append(attrs, slog.String("error", x.Err.Error()))
	}
	if len(x.Detail) > 0 {
		attrs = append(attrs, slog.Group("token", x.Detail...))
	}
	a.log.LogAttrs(context.Background(), level, "request", attrs...)
}

func millis(name string, d time.Duration) slog.Attr {
	return slog.Float64(name, float64(d.Microseconds())/1000)
}

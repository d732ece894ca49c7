package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/endpoints"
)

// slogAccess is the line as log/slog writes it.
func slogAccess(x *endpoints.Exchange, r *http.Request, at time.Time) string {
	millis := func(name string, d time.Duration) slog.Attr {
		return slog.Float64(name, float64(d.Microseconds())/1000)
	}
	attrs := []slog.Attr{slog.String("request_id", x.ID()), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("route", x.Endpoint), slog.Int("status", x.Status), slog.Int64("bytes", x.Bytes), slog.String("client", x.Client),
		millis("ms", at.Sub(x.Start))}
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
	level := slog.LevelInfo
	if x.Status >= 500 {
		level = slog.LevelError
	}
	record := slog.NewRecord(at, level, "request", 0)
	record.AddAttrs(attrs...)
	var b bytes.Buffer
	if err := slog.NewJSONHandler(&b, nil).Handle(context.Background(), record); err != nil {
		panic(err)
	}
	return b.String()
}

func TestAccessLinesAreThoseOfSlog(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 4, 5, 678901000, time.UTC)
	rows := []struct {
		name     string
		method   string
		path     string
		exchange endpoints.Exchange
	}{
		{"an answer", "GET", "/users/7", endpoints.Exchange{Start: at.Add(-1234567 * time.Nanosecond), Client: "192.0.2.1", Endpoint: "/users/{id}", Status: 200, Bytes: 240}},
		{"an answer in no time", "GET", "/", endpoints.Exchange{Start: at, Client: "::1", Status: 404, Bytes: 19}},
		{"an answer after hours", "GET", "/", endpoints.Exchange{Start: at.Add(-3 * time.Hour), Status: 200}},
		{"parts and a token", "POST", "/a", endpoints.Exchange{Start: at.Add(-10 * time.Millisecond), Auth: 20 * time.Microsecond, Backend: 9100 * time.Microsecond, Parts: 3, Failed: 1,
			Status: 502, Reason: "timeout", Err: errors.New("backend 127.0.0.1:1: timeout")}},
		{"an error that says its reason only", "GET", "/a", endpoints.Exchange{Start: at, Status: 500, Reason: "panic", Err: errors.New("panic")}},
		{"a refusal", "GET", "/a", endpoints.Exchange{Start: at, Status: 401, Reason: "token_expired",
			Detail: []any{"check", "exp", "expected", `after "now"`, "actual", "1970\n"}}},
		{"a path that would be a line of its own", "GET", "/a\n{\"level\":\"INFO\"}\r\x00\x1b[31m\x7f", endpoints.Exchange{Start: at, Status: 200}},
		{"a path that is no text", "GET", "/\xff\xc3(\xed\xa0\x80\u2028é\U0001F600", endpoints.Exchange{Start: at, Status: 200}},
		{"a method that is no text", "G\"\\ET\xff", "/", endpoints.Exchange{Start: at, Status: 405}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := &http.Request{Method: row.method, URL: &url.URL{Path: row.path}}
			x := row.exchange
			line := string(appendAccess(nil, &x, r, at))
			if got, want := words(t, line), words(t, slogAccess(&x, r, at)); got != want {
				t.Errorf("%s\nsays %s\nwant %s", line, got, want)
			}
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") {
				t.Errorf("%q is not one line", line)
			}
		})
	}
}

// words are the names and values of a line, in their order, numbers as they are written.
func words(t testing.TB, line string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var all []any
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			text, _ := json.Marshal(all)
			return string(text)
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if delim, ok := token.(json.Delim); ok {
			token = delim.String()
		}
		all = append(all, token)
	}
}

func FuzzAccessLine(f *testing.F) {
	f.Add("GET", "/a", "/a", "client", "reason", "error", int64(1234), int64(5))
	f.Add("\x00", "\n\r\t\"\\", "\xff\xfe", "\u2028", "", "\x1b", int64(0), int64(-1))
	at := time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, method, path, route, client, reason, why string, us, n int64) {
		us = max(us%(1<<40), -us%(1<<40), 0)
		x := &endpoints.Exchange{Start: at.Add(-time.Duration(us) * time.Microsecond), Client: client, Endpoint: route, Status: 200, Bytes: n,
			Auth: time.Duration(us), Reason: reason, Err: errors.New(why), Detail: []any{"check", client, "actual", why}}
		r := &http.Request{Method: method, URL: &url.URL{Path: path}}
		line := string(appendAccess(nil, x, r, at))
		if got, want := words(t, line), words(t, slogAccess(x, r, at)); got != want {
			t.Errorf("says %s\nwant %s", got, want)
		}
		if strings.Count(line, "\n") != 1 {
			t.Errorf("%q is not one line", line)
		}
	})
}

func BenchmarkAccessLine(b *testing.B) {
	a := newAccessLog(RouterConfig{}, io.Discard)
	r := &http.Request{Method: "GET", URL: &url.URL{Path: "/users/7"}}
	b.ReportAllocs()
	for b.Loop() {
		x := endpoints.NewExchange()
		x.Endpoint, x.Client, x.Status, x.Bytes, x.Parts, x.Backend = "/users/{id}", "127.0.0.1", 200, 240, 1, 480*time.Microsecond
		a.write(x, r)
		x.Free()
	}
}

package gateway

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/conf"
)

// builtins are the paths that are ours.
type builtins struct {
	exact map[string]http.HandlerFunc
	under map[string]http.HandlerFunc // by prefix, which ends in a slash
}

func newBuiltins(cfg Config, rc RouterConfig, log *slog.Logger) *builtins {
	b := &builtins{exact: map[string]http.HandlerFunc{}, under: map[string]http.HandlerFunc{}}
	if cfg.Debug {
		b.under["/__debug/"] = pong(log)
	}
	if cfg.Echo {
		b.under["/__echo/"] = echo
	}
	if rc.DisableHealth {
		return b
	}
	health := alive
	if cfg.Version == 3 {
		health = health3
	}
	b.exact[conf.Value(rc.HealthPath, "/__health")] = health
	if cfg.Version >= 4 {
		b.exact["/livez"], b.exact["/readyz"] = alive, alive
	}
	return b
}

// find is the handler of a path, nil if it is none of ours.
func (b *builtins) find(path string) http.HandlerFunc {
	if h := b.exact[path]; h != nil || len(b.under) == 0 {
		return h
	}
	for prefix, h := range b.under {
		if strings.HasPrefix(path, prefix) {
			return h
		}
	}
	return nil
}

// alive is exactly what the tutorial shows: 15 bytes.
func alive(w http.ResponseWriter, _ *http.Request) { sayJSON(w, []byte(`{"status":"ok"}`)) }

// health3 is KrakenD 2's: there are no agents here.
func health3(w http.ResponseWriter, _ *http.Request) {
	sayJSON(w, []byte(`{"agents":{},"now":"`+time.Now().String()+`","status":"ok"}`))
}

// pong takes down what was asked, without credentials.
func pong(log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxEcho))
		log.Debug("debug endpoint", "method", r.Method, "path", r.URL.Path, "query", r.URL.RawQuery, "headers", withoutCredentials(r.Header), "body", string(body))
		sayJSON(w, []byte(`{"message":"pong"}`))
	}
}

// maxEcho bounds what debug and echo take of a body.
const maxEcho = 64 << 10

// echo answers with the request (krakend.md 2.9), without credentials.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxEcho))
	answer, err := json.Marshal(map[string]any{
		"req_uri": r.RequestURI,
		"req_uri_details": map[string]string{
			"user": r.URL.User.String(), "host": r.Host, "path": r.URL.Path, "query": r.URL.RawQuery, "fragment": r.URL.Fragment,
		},
		"req_method":      r.Method,
		"req_querystring": r.URL.Query(),
		"req_body":        string(body),
		"req_headers":     withoutCredentials(r.Header),
	})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	sayJSON(w, answer)
}

func withoutCredentials(h http.Header) http.Header {
	shown := h.Clone()
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		if shown.Get(name) != "" {
			shown.Set(name, "(hidden)")
		}
	}
	return shown
}

func sayJSON(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may have left
}

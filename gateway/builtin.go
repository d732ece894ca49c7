package gateway

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// builtins are the paths that are ours.
type builtins struct {
	exact map[string]http.HandlerFunc // for GET and HEAD
	under map[string]http.HandlerFunc // by prefix, which ends in a slash; for every method
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

// builtin is one path of ours.
type builtin struct {
	serve  http.HandlerFunc
	method bool // any method will do
}

// find is what answers a path, false if it is none of ours.
func (b *builtins) find(path string) (builtin, bool) {
	if h := b.exact[path]; h != nil {
		return builtin{serve: h}, true
	}
	for prefix, h := range b.under {
		if strings.HasPrefix(path, prefix) {
			return builtin{h, true}, true
		}
	}
	return builtin{}, false
}

// serveBuiltin answers a path of ours. CONNECT and TRACE are not served here either: nothing is reflected.
func (t *router) serveBuiltin(b builtin, x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) {
	allow := methods()
	if !b.method {
		if allow = []string{http.MethodGet}; t.head {
			allow = append(allow, http.MethodHead)
		}
	}
	if !slices.Contains(allow, r.Method) {
		t.otherMethod(x, w, r, allow)
		return
	}
	x.Endpoint, x.Status = r.URL.Path, http.StatusOK
	b.serve(w, r)
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
		body, ok := someBody(w, r)
		if !ok {
			return
		}
		log.Debug("debug endpoint", "method", r.Method, "path", r.URL.Path, "query", r.URL.RawQuery, "headers", withoutCredentials(r.Header), "body", body)
		sayJSON(w, []byte(`{"message":"pong"}`))
	}
}

// maxEcho bounds what debug and echo take of a body.
const maxEcho = 64 << 10

// someBody reads the beginning of a body; one that is badly framed is a 400.
func someBody(w http.ResponseWriter, r *http.Request) (string, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEcho))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	return string(body), err == nil
}

// echo answers with the request (krakend.md 2.9), without credentials.
func echo(w http.ResponseWriter, r *http.Request) {
	body, ok := someBody(w, r)
	if !ok {
		return
	}
	answer, err := json.Marshal(map[string]any{
		"req_uri": r.RequestURI,
		"req_uri_details": map[string]string{
			"user": r.URL.User.String(), "host": r.Host, "path": r.URL.Path, "query": r.URL.RawQuery, "fragment": r.URL.Fragment,
		},
		"req_method":      r.Method,
		"req_querystring": r.URL.Query(),
		"req_body":        body,
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

package gateway

import (
	"net/http"
	"strconv"
	"time"
)

// builtins are the paths that are ours: health, and what -d adds.
func builtins(cfg Config, rc RouterConfig) map[string]http.HandlerFunc {
	paths := map[string]http.HandlerFunc{}
	if rc.DisableHealth {
		return paths
	}
	health := "/__health"
	if rc.HealthPath != "" {
		health = rc.HealthPath
	}
	switch cfg.Version {
	case 3:
		paths[health] = health3
	default:
		paths[health] = alive
	}
	if cfg.Version >= 4 {
		paths["/livez"], paths["/readyz"] = alive, alive
	}
	return paths
}

// alive is exactly what the tutorial shows: 15 bytes.
func alive(w http.ResponseWriter, _ *http.Request) { sayJSON(w, `{"status":"ok"}`) }

// health3 is KrakenD 2's: there are no agents here.
func health3(w http.ResponseWriter, _ *http.Request) {
	sayJSON(w, `{"agents":{},"now":"`+time.Now().String()+`","status":"ok"}`)
}

func sayJSON(w http.ResponseWriter, body string) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(body))
}

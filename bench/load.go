package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// window is one measurement of one side.
type window struct {
	Round       int     `json:"round"`
	Requests    int64   `json:"requests"`
	CPU         int64   `json:"cpu_us"`     // of the server, user and system
	Elapsed     int64   `json:"elapsed_us"` // as wrk says
	PerRequest  float64 `json:"cpu_us_per_request"`
	P50         int64   `json:"p50_us"`
	P99         int64   `json:"p99_us"`
	Status      int64   `json:"status_errors"`
	Socket      int64   `json:"socket_errors"`
	RSS         int64   `json:"rss_bytes"` // at the end
	Connections int     `json:"connections"`
}

// load asks one side as fast as it answers, over so many connections, and counts what that cost it.
func (w *world) load(ctx context.Context, s side, connections int, d time.Duration) (window, error) {
	t, err := w.target(ctx, s.target)
	if err != nil {
		return window{}, err
	}
	list, err := w.requests(s)
	if err != nil {
		return window{}, err
	}
	seconds := strconv.Itoa(max(1, int(d/time.Second)))
	args := []string{"-t1", "-c" + strconv.Itoa(connections), "-d" + seconds + "s", "--timeout", "10s", "-s", filepath.Join(w.here, "wrk.lua"), t.url + s.paths[0]}
	if list != "" {
		args = append(args, "--", list)
	}
	bounded, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	before, err := cpu(t.pid())
	if err != nil {
		return window{}, err
	}
	out, err := exec.CommandContext(bounded, "wrk", args...).CombinedOutput()
	if err != nil {
		return window{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	after, err := cpu(t.pid())
	if err != nil {
		return window{}, err
	}
	win, err := readWrk(out)
	if err != nil {
		return window{}, fmt.Errorf("%s %s: %w", s.target, s.paths[0], err)
	}
	win.CPU, win.RSS, win.Connections = after-before, rss(t.pid()), connections
	win.PerRequest = float64(win.CPU) / float64(win.Requests)
	return win, nil
}

func readWrk(out []byte) (window, error) {
	_, text, ok := bytes.Cut(out, []byte("\nRESULT "))
	if !ok {
		return window{}, fmt.Errorf("wrk says nothing that we read:\n%s", out)
	}
	var r struct {
		Requests int64 `json:"requests"`
		US       int64 `json:"us"`
		Status   int64 `json:"status_errors"`
		Socket   int64 `json:"socket_errors"`
		P50      int64 `json:"p50"`
		P99      int64 `json:"p99"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&r); err != nil {
		return window{}, err
	}
	switch {
	case r.Requests == 0:
		return window{}, fmt.Errorf("not one request was answered:\n%s", out)
	case r.Status > 0:
		return window{}, fmt.Errorf("%d of %d answers were not 2xx", r.Status, r.Requests)
	case r.Socket*1000 > r.Requests:
		return window{}, fmt.Errorf("%d connections failed in %d requests", r.Socket, r.Requests)
	}
	return window{Requests: r.Requests, Elapsed: r.US, P50: r.P50, P99: r.P99, Status: r.Status, Socket: r.Socket}, nil
}

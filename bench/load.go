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
	Round      int     `json:"round"`
	Requests   int64   `json:"requests"`
	CPU        int64   `json:"cpu_ns"`     // of the server, user and system
	Elapsed    int64   `json:"elapsed_us"` // as wrk says
	PerRequest float64 `json:"cpu_us_per_request"`
	Socket     int64   `json:"failed_connections,omitempty"`
	Others     float64 `json:"others"` // share of the machine that went to other programs or other guests of the host
}

// join adds a window of the same side to this one.
func (w *window) join(o window) {
	w.Requests += o.Requests
	w.CPU += o.CPU
	w.Elapsed += o.Elapsed
	w.Socket += o.Socket
	w.Others = max(w.Others, o.Others)
	w.PerRequest = float64(w.CPU) / 1000 / float64(w.Requests)
}

// load asks one side as fast as it answers, with wrk, and counts what that cost it.
func (w *world) load(ctx context.Context, s side, d time.Duration) (window, error) {
	t, err := w.target(ctx, s.target)
	if err != nil {
		return window{}, err
	}
	list, err := w.requests(s)
	if err != nil {
		return window{}, err
	}
	seconds := strconv.Itoa(int(d / time.Second))
	args := []string{"-t1", "-c" + strconv.Itoa(connections), "-d" + seconds + "s", "--timeout", "10s",
		"-s", filepath.Join(w.here, "wrk.lua"), t.url, "--", list, strconv.Itoa(w.turn[list])}
	bounded, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	noise := w.listen()
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
		return window{}, fmt.Errorf("%s %s: %w", s.target, s.path, err)
	}
	w.turn[list] += int(win.Requests) // the next window begins where this one ended
	win.CPU, win.Others = int64(after-before), noise()
	win.PerRequest = float64(win.CPU) / 1000 / float64(win.Requests)
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
	return window{Requests: r.Requests, Elapsed: r.US, Socket: r.Socket}, nil
}

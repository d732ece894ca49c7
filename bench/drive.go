package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"time"
)

// drive has a side asked by our own loader, over a window that begins when all connections stand and are at work. wrk
// counts connections made and requests cut off at the end into its window, which is nothing with 64 of them and much with
// 4,096, or with answers of 10 MB; and it waits for answers, which hides what clients wait in queues.
func (w *world) drive(ctx context.Context, s side, e errand) (outcome, error) {
	var res outcome
	t, err := w.target(ctx, s.target)
	if err != nil {
		return res, err
	}
	at, err := url.Parse(t.url)
	if err != nil {
		return res, err
	}
	if e.Requests, err = w.requests(s); err != nil {
		return res, err
	}
	if e.Port, err = strconv.Atoi(at.Port()); err != nil {
		return res, err
	}
	e.First, e.PIDs = w.turn[e.Requests], family(t.pid())
	text, err := json.Marshal(e)
	if err != nil {
		return res, err
	}
	bounded, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(bounded, w.self, "loader")
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &said
	if err := cmd.Run(); err != nil {
		return res, fmt.Errorf("%s %s: %w: %s", s.target, s.path, err, bytes.TrimSpace(said.Bytes()))
	}
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		return res, err
	}
	if res.Requests == 0 {
		return res, fmt.Errorf("%s %s: not one request was answered", s.target, s.path)
	}
	w.turn[e.Requests] += int(res.Total)
	return res, nil
}

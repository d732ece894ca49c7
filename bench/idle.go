package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

const (
	idleConnections = 10_000
	idleBack        = 0.1 // of what they cost may still be missing when it counts as given back
)

// idle measures what 10,000 clients cost that were answered once and keep their connection, and how soon a gateway gives
// that back when they leave. The gateway is a new one in each round.
func (b *bench) idle(ctx context.Context) error {
	if !b.wants("idle") {
		return nil
	}
	cost := result{Job: "idle", Title: "10,000 idle connections", Unit: "MB", Limit: 200}
	back := result{Job: "idle-back", Title: "90 % of that given back after", Unit: "s", Limit: 60}
	for late := 0; len(cost.Ours.Values) < b.rounds && late <= b.rounds/2; { // once the median is too late, more would not help
		mb, seconds, err := b.idleOnce(ctx)
		if err != nil {
			return fmt.Errorf("idle connections: %w", err)
		}
		cost.Ours.set(mb)
		back.Ours.set(seconds)
		if seconds > back.Limit {
			late++
		}
	}
	b.fact(cost)
	b.fact(back)
	return nil
}

func (b *bench) idleOnce(ctx context.Context) (mb, seconds float64, err error) {
	const name = "gateway-idle"
	env := []string{"QUIET=true", "TOKEN_CACHE=16777216"}
	if err := b.serve(ctx, name, b.binary, filepath.Join(b.here, "gateway.json"), "/noop", env...); err != nil {
		return 0, 0, err
	}
	defer b.drop(name)
	t := b.targets[name]
	// What a gateway at work weighs is no cost of idle connections.
	busy := side{target: name, path: "/noop"}
	if _, err := b.drive(ctx, busy, errand{Connections: connections, Prior: idleConnections, Window: 100 * time.Millisecond}); err != nil {
		return 0, 0, err
	}
	before := rss(t.pid())
	conns := make([]net.Conn, 0, idleConnections)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range idleConnections {
		c, err := settle(ctx, strings.TrimPrefix(t.url, "http://"))
		if err != nil {
			return 0, 0, fmt.Errorf("connection %d: %w", len(conns), err)
		}
		conns = append(conns, c)
	}
	cost := rss(t.pid()) - before
	for _, c := range conns {
		c.Close()
	}
	conns = nil
	left := time.Now()
	for time.Since(left) < 61*time.Second && ctx.Err() == nil {
		if float64(rss(t.pid())-before) <= idleBack*float64(cost) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	seconds = time.Since(left).Seconds()
	progress("10,000 idle connections: %.1f MB; %.1f s later %.1f MB of it are left", float64(cost)/1e6, seconds, float64(rss(t.pid())-before)/1e6)
	return float64(cost) / 1e6, seconds, nil
}

// settle connects and is answered once.
func settle(ctx context.Context, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.Close()
		return nil, err
	}
	if _, err := io.WriteString(c, "GET /noop HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		c.Close()
		return nil, err
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(c, 1024), nil)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s", res.Status)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, c.SetDeadline(time.Time{})
}

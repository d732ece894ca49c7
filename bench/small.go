package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// small measures what needs no load: the size of the binary, how soon a new process answers, how long a check takes.
func (b *bench) small(ctx context.Context) error {
	if b.wants("size") {
		info, err := os.Stat(b.binary)
		if err != nil {
			return err
		}
		b.fact(result{Job: "size", Title: "the binary, stripped", Unit: "MB", Limit: 35}, float64(info.Size())/1e6)
	}
	if b.wants("start") {
		res := result{Job: "start", Title: "first answered request after exec, gateway.json", Unit: "ms", Limit: 100}
		env := []string{"ISSUER=" + b.origin, "CATALOG_URL=" + b.origin}
		if err := b.starts(ctx, res, filepath.Join(b.code, "gateway.json"), request{path: "/catalog"}, env); err != nil {
			return err
		}
	}
	if !b.wants("start-many") && !b.wants("check-many") {
		return nil
	}
	file, err := b.spreadFile(manySpread)
	if err != nil {
		return err
	}
	if b.wants("start-many") {
		list, err := b.askedOver(spread{endpoints: 1, issuers: 1}) // the first endpoint of the file, with a token
		if err != nil {
			return err
		}
		res := result{Job: "start-many", Title: "the same with 10,000 endpoints and 1,000 issuers, a token checked", Unit: "ms", Limit: 1000}
		if err := b.starts(ctx, res, file, list[0], nil); err != nil {
			return err
		}
	}
	if b.wants("check-many") {
		return b.checks(ctx, file)
	}
	return nil
}

// starts measures how long a gateway takes from its start to its first answer, a few times.
func (b *bench) starts(ctx context.Context, res result, file string, first request, env []string) error {
	var list []float64
	for range b.rounds {
		port, err := freePort()
		if err != nil {
			return err
		}
		began := time.Now()
		p, err := start(b.dir, "started", append(env, "UPSTREAM="+b.origin), b.binary, "run", "-c", file, "-p", port)
		if err != nil {
			return err
		}
		err = p.answers(ctx, "http://127.0.0.1:"+port+first.path, first.token)
		list = append(list, float64(time.Since(began).Microseconds())/1000)
		p.stop()
		if err != nil {
			return err
		}
	}
	b.fact(res, list...)
	return nil
}

// checks has `check` read the large file.
func (b *bench) checks(ctx context.Context, file string) error {
	var list []float64
	for range b.rounds {
		cmd := exec.CommandContext(ctx, b.binary, "check", "-c", file)
		cmd.Env = append(os.Environ(), "UPSTREAM="+b.origin)
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("check: %w\n%.2000s", err, out)
		}
		list = append(list, time.Since(began).Seconds())
	}
	b.fact(result{Job: "check-many", Title: "`check` of those 10,000 endpoints", Unit: "s", Limit: 2}, list...)
	return nil
}

// fact adds a line of the table that has no peer.
func (b *bench) fact(res result, values ...float64) {
	for _, v := range values {
		res.Ours.set(v)
	}
	b.report.Rows = append(b.report.Rows, res)
	progress("%-75s %7s %s", res.Title, short(res.Ours.Median), res.Unit)
}

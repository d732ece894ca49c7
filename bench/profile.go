package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildProfiled builds the gateway with bench/profiled/main.go in place of its main.go.
func (w *world) buildProfiled(ctx context.Context) error {
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(w.code, "main.go"): filepath.Join(w.here, "profiled", "main.go"),
	}})
	if err != nil {
		return err
	}
	file := filepath.Join(w.dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	return w.build(ctx, filepath.Join(w.dir, "profiled"), "-tags", "profiled", "-overlay", file)
}

// build builds the gateway; arguments go to the go command.
func (w *world) build(ctx context.Context, binary string, args ...string) error {
	build := exec.CommandContext(ctx, "go", append(append([]string{"build", "-trimpath", "-o", binary}, args...), ".")...)
	build.Dir = w.code
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return nil
}

// profile runs the rows against one gateway, ours alone, and writes the profile of its processor time to a file: that of
// all rows is what Go's compiler is given as default.pgo.
func (b *bench) profile(ctx context.Context) error {
	if err := b.buildProfiled(ctx); err != nil {
		return err
	}
	var err error
	if b.options.profiled, err = filepath.Abs(b.options.profiled); err != nil {
		return err
	}
	if err := os.Setenv("PROFILE", b.options.profiled); err != nil {
		return err
	}
	b.binary = filepath.Join(b.dir, "profiled")
	name := "gateway"
	for _, r := range rows() {
		if len(b.jobs) == 0 && r.ours.target != name || !b.wants(r.job) {
			continue
		}
		name = r.ours.target
		if err := b.warm(ctx, r.ours); err != nil {
			return err
		}
		win, err := b.load(ctx, r.ours, b.window)
		if err != nil {
			return err
		}
		progress("%-52s %6.1f us", r.title, win.PerRequest)
	}
	b.drop(name) // writes the profile
	info, err := os.Stat(b.options.profiled)
	if err != nil || info.Size() == 0 {
		return fmt.Errorf("no profile was written: %w", err)
	}
	progress("%s: %d bytes; go tool pprof -top %s", strings.TrimPrefix(b.options.profiled, b.code+"/"), info.Size(), b.options.profiled)
	return nil
}

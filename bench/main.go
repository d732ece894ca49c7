// Bench measures the gateway beside its peers on one machine: processor time per request, memory, start, tail latency, and
// how these grow. It starts everything on loopback, stops all of it by pid, and writes the figures, a table and pictures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	source   string        // the folder of the bench
	tree     string        // the folder of the gateway's code
	gateway  string        // a built gateway; "": build one
	against  string        // another one to compare with
	jobs     []string      // empty: all
	rounds   int           // pairs of every row
	window   time.Duration // how long a window of wrk is; a round has two of each side
	profiled string        // write a profile there instead of a report
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := begin(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// begin does what the arguments say: the upstream and the loader are processes of their own, of this program.
func begin(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == "upstream" {
		return serveUpstream(ctx, args[1], args[2])
	}
	if len(args) == 1 && args[0] == "loader" {
		return runLoader(os.Stdin, os.Stdout)
	}
	var opt options
	var jobs string
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&opt.source, "source", ".", "the folder of the bench")
	flags.StringVar(&opt.tree, "tree", "..", "the folder of the gateway's code")
	flags.StringVar(&opt.profiled, "profile", "", "write a profile of the gateway under the rows to this file, and no report")
	flags.StringVar(&opt.gateway, "gateway", "", "measure this binary instead of building one")
	flags.StringVar(&opt.against, "against", "", "compare with this binary of ours instead of with peers")
	flags.StringVar(&jobs, "jobs", "", "what to run, separated by commas ("+strings.Join(jobNames(), ", ")+"); empty: all of it")
	flags.IntVar(&opt.rounds, "rounds", 5, "pairs of each row")
	flags.DurationVar(&opt.window, "window", time.Second, "how long a window is, in whole seconds; a round has two for each side")
	if err := flags.Parse(args); err != nil {
		return err
	}
	opt.jobs = strings.FieldsFunc(jobs, func(r rune) bool { return r == ',' || r == ' ' })
	for _, job := range opt.jobs {
		if !slices.Contains(jobNames(), job) {
			return fmt.Errorf("there is no job %q, want some of %s", job, strings.Join(jobNames(), ", "))
		}
	}
	if opt.rounds < 1 || opt.window < time.Second {
		return fmt.Errorf("%d rounds of %s, want one or more of one second or more", opt.rounds, opt.window)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Hour) // whatever happens
	defer cancel()
	return run(ctx, opt)
}

func run(ctx context.Context, opt options) error {
	var err error
	if opt.source, err = filepath.Abs(opt.source); err != nil {
		return err
	}
	if opt.tree, err = filepath.Abs(opt.tree); err != nil {
		return err
	}
	moreFiles()
	w, err := newWorld(ctx, opt)
	if w != nil {
		defer w.close()
	}
	if err != nil {
		return err
	}
	b := &bench{world: w, options: opt, report: newReport(ctx, opt)}
	if opt.profiled != "" {
		return b.profile(ctx)
	}
	began := time.Now()
	steps := []func(context.Context) error{b.pairs, b.memory, b.small, b.tail, b.idle, b.scale}
	if opt.against != "" {
		steps = steps[:1] // the rows alone have a second side for another binary
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	b.report.Took = time.Since(began).Round(time.Second).String()
	return b.report.write(opt)
}

// bench is one run.
type bench struct {
	*world
	options
	report *report
	again  int // how many pairs may still be repeated in this round because others were at work
}

func (b *bench) wants(job string) bool {
	group, _, _ := strings.Cut(job, "-")
	return len(b.jobs) == 0 || slices.Contains(b.jobs, job) || group == "scale" && slices.Contains(b.jobs, group)
}

// jobNames are the words of JOBS.
func jobNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.job)
	}
	return append(names, "memory", "size", "start", "start-many", "check-many", "tail", "idle",
		"scale", "scale-connections", "scale-wait", "scale-body", "scale-backends", "scale-endpoints", "scale-issuers", "scale-tokens")
}

// connections is how many clients ask at once.
const connections = 64

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05  ")+format+"\n", args...)
}

// moreFiles lifts the limit of open files to what is allowed, for us and all that we start: 10,000 connections need it.
func moreFiles() {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err == nil {
		limit.Cur = limit.Max
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil {
		progress("the limit of open files stays as it is: %v", err)
	}
}

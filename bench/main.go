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
	rounds   int           // pairs of windows per row
	window   time.Duration // how long each is
	profiled string        // write a profile there instead of a report
	upstream string        // serve as the upstream on this port instead
	keys     string
}

func main() {
	var opt options
	var jobs string
	flag.StringVar(&opt.source, "source", ".", "the folder of the bench")
	flag.StringVar(&opt.tree, "tree", "..", "the folder of the gateway's code")
	flag.StringVar(&opt.profiled, "profile", "", "write a profile of the gateway under the rows to this file, and no report")
	flag.StringVar(&opt.gateway, "gateway", "", "measure this binary instead of building one")
	flag.StringVar(&opt.against, "against", "", "compare with this binary of ours instead of with peers")
	flag.StringVar(&jobs, "jobs", os.Getenv("JOBS"), "rows to run, separated by commas; empty: all of them")
	flag.IntVar(&opt.rounds, "rounds", 5, "pairs of windows of each row")
	flag.DurationVar(&opt.window, "window", 3*time.Second, "how long a window is")
	flag.StringVar(&opt.upstream, "upstream", "", "be the upstream, on this port")
	flag.StringVar(&opt.keys, "keys", "", "where the upstream finds key sets")
	flag.Parse()
	opt.jobs = strings.FieldsFunc(jobs, func(r rune) bool { return r == ',' || r == ' ' })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opt); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opt options) error {
	if opt.upstream != "" {
		return serveUpstream(ctx, opt.upstream, opt.keys)
	}
	var err error
	if opt.source, err = filepath.Abs(opt.source); err != nil {
		return err
	}
	if opt.tree, err = filepath.Abs(opt.tree); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Hour) // whatever happens
	defer cancel()
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
	if err := b.pairs(ctx); err != nil {
		return err
	}
	return b.report.write(opt)
}

// bench is one run.
type bench struct {
	*world
	options
	report *report
}

func (b *bench) wants(job string) bool {
	return len(b.jobs) == 0 || slices.Contains(b.jobs, job)
}

// pairs measures every row, round by round: within a round the two sides of a row follow each other, and who goes first
// changes from round to round, so that what else the machine does meets both.
func (b *bench) pairs(ctx context.Context) error {
	var list []row
	for _, r := range rows() {
		if b.wants(r.job) {
			if b.against != "" {
				r = r.overOld()
			}
			list = append(list, r)
		}
	}
	for i, r := range list {
		for _, s := range []side{r.ours, r.peer} {
			if _, err := b.load(ctx, s, connections, time.Second); err != nil {
				return fmt.Errorf("warming up %s: %w", r.job, err)
			}
		}
		b.report.Rows = append(b.report.Rows, newResult(r))
		progress("warm %d of %d: %s", i+1, len(list), r.title)
	}
	for round := 1; round <= b.rounds; round++ {
		for i, r := range list {
			ours, peer := &b.report.Rows[i].Ours, &b.report.Rows[i].Peer
			sides, into := []side{r.ours, r.peer}, []*figures{ours, peer}
			if round%2 == 0 {
				slices.Reverse(sides)
				slices.Reverse(into)
			}
			for k, s := range sides {
				win, err := b.load(ctx, s, connections, b.window)
				if err != nil {
					return fmt.Errorf("%s: %w", r.job, err)
				}
				win.Round = round
				into[k].add(win)
			}
			progress("round %d of %d  %-52s %6.1f us   %-20s %6.1f us   x %.2f", round, b.rounds, r.title, ours.last(), r.than, peer.last(), ours.last()/peer.last())
		}
	}
	return nil
}

// connections is how many clients ask at once.
const connections = 64

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05  ")+format+"\n", args...)
}

package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what a run found out, and on what machine.
type report struct {
	Machine machine  `json:"machine"`
	Commit  string   `json:"commit"`
	Took    string   `json:"took"`
	Rounds  int      `json:"rounds"`
	Window  string   `json:"window"`
	Rows    []result `json:"rows"`
	Weights []weight `json:"weights,omitempty"`
	Curves  []curve  `json:"curves,omitempty"`
}

type machine struct {
	Time   time.Time         `json:"time"`
	System string            `json:"system"`
	CPU    string            `json:"cpu"`
	Cores  int               `json:"cores"`
	Memory string            `json:"memory"`
	Load   string            `json:"load_average"` // before we began: who else was at work
	Tools  map[string]string `json:"tools"`
}

// result is one row. Times, Plus or Limit is its bar: what our figure may be as a multiple of the peer's, above the peer's,
// or at most.
type result struct {
	Job      string  `json:"job"`
	Title    string  `json:"title"`
	Than     string  `json:"than,omitempty"`
	Unit     string  `json:"unit"`
	Ours     figures `json:"ours"`
	Peer     figures `json:"peer,omitzero"`
	Ratio    figures `json:"ratio,omitzero"` // of ours to the peer's, round by round; with Plus, their difference
	Times    float64 `json:"bar_times,omitempty"`
	Plus     float64 `json:"bar_plus,omitempty"`
	Limit    float64 `json:"bar_limit,omitempty"`
	Rate     int     `json:"requests_per_second,omitempty"` // of an open loop
	Repeated int     `json:"repeated,omitempty"`            // pairs that were measured again because others were at work
}

// figures are the values of one side, round by round, and their median and spread.
type figures struct {
	Values  []float64 `json:"values"`
	Median  float64   `json:"median"`
	Least   float64   `json:"least"`
	Most    float64   `json:"most"`
	Windows []window  `json:"windows,omitempty"`
	Open    []outcome `json:"open,omitempty"`
}

// weight is the resident memory of a server after a round.
type weight struct {
	Round  int    `json:"round"`
	Target string `json:"target"`
	RSS    int64  `json:"rss_bytes"`
}

// curve is how processor time per request grows with something.
type curve struct {
	Job    string  `json:"job"`
	Title  string  `json:"title"`
	X      string  `json:"x"`
	Points []point `json:"points"`
	Peer   []point `json:"peer,omitempty"`
	Than   string  `json:"than,omitempty"`
}

type point struct {
	X   float64   `json:"x"`
	Y   float64   `json:"us_per_request"`
	Raw []float64 `json:"raw"`
}

func newReport(ctx context.Context, opt options) *report {
	tools := map[string]string{"go": runtime.Version()}
	for name, argv := range map[string][]string{"haproxy": {"haproxy", "-v"}, "nginx": {"nginx", "-v"}, "wrk": {"wrk", "-v"}} {
		out, _ := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput() // wrk -v ends with 1
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		line, _, _ = strings.Cut(line, " - http")
		line, _, _ = strings.Cut(line, " Copyright")
		tools[name] = line
	}
	return &report{Rounds: opt.rounds, Window: opt.window.String(), Commit: commit(ctx, opt.tree), Machine: machine{
		Time: time.Now().UTC().Truncate(time.Second), System: "Linux " + kernel(), CPU: firstLine("/proc/cpuinfo", "model name"),
		Cores: runtime.NumCPU(), Memory: firstLine("/proc/meminfo", "MemTotal"), Load: firstLine("/proc/loadavg", ""), Tools: tools,
	}}
}

// commit is what of the gateway was measured; "+" marks what was never committed. The results themselves do not count.
func commit(ctx context.Context, tree string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", tree, "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	id := strings.TrimSpace(string(out))
	changed, err := exec.CommandContext(ctx, "git", "-C", tree, "status", "--porcelain", "--", ".", ":!bench/results").Output()
	if err != nil || len(changed) > 0 {
		id += "+"
	}
	return id
}

// firstLine is the first line of a file, or what stands behind a name and a colon.
func firstLine(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if name == "" {
			return strings.TrimSpace(line)
		}
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// kernel is the kernel's version in numbers: what its builder calls it is nobody's business.
func kernel() string {
	number, _, _ := strings.Cut(firstLine("/proc/sys/kernel/osrelease", ""), "-")
	return number
}

func newResult(r row) result {
	return result{Job: r.job, Title: r.title, Than: r.than, Unit: "us", Times: r.times, Plus: r.plus}
}

func (f *figures) add(w window) {
	f.Windows = append(f.Windows, w)
	f.set(w.PerRequest)
}

func (f *figures) set(v float64) {
	f.Values = append(f.Values, v)
	f.Median, f.Least, f.Most = median(f.Values), slices.Min(f.Values), slices.Max(f.Values)
}

func (f *figures) last() float64 { return f.Values[len(f.Values)-1] }

// compare sets the two sides of the last round against each other.
func (r *result) compare() {
	if r.Plus > 0 {
		r.Ratio.set(r.Ours.last() - r.Peer.last())
		return
	}
	r.Ratio.set(r.Ours.last() / r.Peer.last())
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// met says whether a row meets its bar.
func (r *result) met() bool {
	switch {
	case r.Limit > 0:
		return r.Ours.Median <= r.Limit
	case r.Plus > 0:
		return r.Ratio.Median <= r.Plus
	}
	return r.Ratio.Median <= r.Times
}

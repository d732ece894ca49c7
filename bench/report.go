package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what a run found out, and on what machine.
type report struct {
	Machine machine  `json:"machine"`
	Rounds  int      `json:"rounds"`
	Window  string   `json:"window"`
	Rows    []result `json:"rows"`
	Facts   []fact   `json:"facts,omitempty"`
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

// result is one row with its windows.
type result struct {
	Job   string  `json:"job"`
	Title string  `json:"title"`
	Than  string  `json:"than"`
	Ours  figures `json:"ours"`
	Peer  figures `json:"peer"`
	Times float64 `json:"bar_times,omitempty"`
	Plus  float64 `json:"bar_plus_us,omitempty"`
}

// figures are the windows of one side, and their median and spread in microseconds per request.
type figures struct {
	Windows []window `json:"windows"`
	Median  float64  `json:"median"`
	Least   float64  `json:"least"`
	Most    float64  `json:"most"`
}

// fact is a figure that is not a pair of windows.
type fact struct {
	Job   string    `json:"job"`
	Title string    `json:"title"`
	Unit  string    `json:"unit"`
	Raw   []float64 `json:"raw"`
	Value float64   `json:"median"`
	Bar   float64   `json:"bar"`
	Note  string    `json:"note,omitempty"`
}

// curve is how our processor time per request grows with something.
type curve struct {
	Job    string   `json:"job"`
	Title  string   `json:"title"`
	X      string   `json:"x"`
	Points []point  `json:"points"`
	Peer   []point  `json:"peer,omitempty"`
	Than   string   `json:"than,omitempty"`
	Note   []string `json:"note,omitempty"`
}

type point struct {
	X float64 `json:"x"`
	Y float64 `json:"us_per_request"`
}

func newReport(ctx context.Context, opt options) *report {
	tools := map[string]string{"go": runtime.Version()}
	for name, argv := range map[string][]string{"haproxy": {"haproxy", "-v"}, "nginx": {"nginx", "-v"}, "wrk": {"wrk", "-v"}} {
		out, _ := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput() // wrk -v ends with 1
		tools[name], _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	}
	return &report{Rounds: opt.rounds, Window: opt.window.String(), Machine: machine{
		Time: time.Now().UTC().Truncate(time.Second), System: "Linux " + kernel(), CPU: firstLine("/proc/cpuinfo", "model name"),
		Cores: runtime.NumCPU(), Memory: firstLine("/proc/meminfo", "MemTotal"), Load: firstLine("/proc/loadavg", ""), Tools: tools,
	}}
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

func newResult(r row) result {
	return result{Job: r.job, Title: r.title, Than: r.than, Times: r.times, Plus: r.plus}
}

func (f *figures) add(w window) {
	f.Windows = append(f.Windows, w)
	var list []float64
	for _, w := range f.Windows {
		list = append(list, w.PerRequest)
	}
	f.Median, f.Least, f.Most = median(list), slices.Min(list), slices.Max(list)
}

func (f *figures) last() float64 { return f.Windows[len(f.Windows)-1].PerRequest }

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

// met says how a row stands to its bar.
func (r *result) met() (measured, bar string, ok bool) {
	if r.Plus > 0 {
		more := r.Ours.Median - r.Peer.Median
		return fmt.Sprintf("%+.1f us", more), fmt.Sprintf("+%.0f us", r.Plus), more <= r.Plus
	}
	ratio := r.Ours.Median / r.Peer.Median
	return fmt.Sprintf("x %.2f", ratio), fmt.Sprintf("x %.2f", r.Times), ratio <= r.Times
}

func (f *fact) met() bool { return f.Bar == 0 || f.Value <= f.Bar }

// table is the report for people.
func (r *report) table() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "Processor time of the server per request, in microseconds: the median of %d windows of %s each, and in parentheses the least and the most. %d connections.\n\n", r.Rounds, r.Window, connections)
	b.WriteString("| job | Gatehouse | beside | its figure | ratio | bar | met |\n|---|---:|---|---:|---:|---:|---|\n")
	for i := range r.Rows {
		row := &r.Rows[i]
		measured, bar, ok := row.met()
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.Title, row.Ours.cell(), row.Than, row.Peer.cell(), measured, bar, yes(ok))
	}
	if len(r.Facts) > 0 {
		b.WriteString("\n| what | measured | bar | met |\n|---|---:|---:|---|\n")
	}
	for i := range r.Facts {
		f := &r.Facts[i]
		bar := "-"
		if f.Bar > 0 {
			bar = fmt.Sprintf("%s %s", short(f.Bar), f.Unit)
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s |\n", f.Title, short(f.Value), f.Unit, bar, yes(f.met()))
	}
	fmt.Fprintf(&b, "\n%s, %d cores, %s, %s. %s; %s; %s; %s. Load average before the run: %s. %s.\n", m.CPU, m.Cores, m.Memory, m.System,
		m.Tools["go"], m.Tools["haproxy"], m.Tools["nginx"], m.Tools["wrk"], m.Load, m.Time.Format("2 January 2006, 15:04 UTC"))
	return b.String()
}

func (f *figures) cell() string { return fmt.Sprintf("%.1f (%.1f-%.1f)", f.Median, f.Least, f.Most) }

func short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

// write puts a full run into results/; a part of one, and a comparison of binaries, goes to results/tmp/.
func (r *report) write(opt options) error {
	dir := filepath.Join(opt.source, "results")
	if len(opt.jobs) > 0 || opt.against != "" {
		dir = filepath.Join(dir, "tmp")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	table := r.table()
	fmt.Print(table)
	if err := os.WriteFile(filepath.Join(dir, "raw.json"), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "table.md"), []byte(table), 0o644); err != nil {
		return err
	}
	for i := range r.Curves {
		if err := r.Curves[i].draw(dir); err != nil {
			return err
		}
	}
	if len(r.Rows) == 0 {
		return nil
	}
	return r.picture(filepath.Join(dir, "picture.svg"))
}

// kernel is the kernel's version in numbers: what its builder calls it is nobody's business.
func kernel() string {
	release := firstLine("/proc/sys/kernel/osrelease", "")
	number, _, _ := strings.Cut(release, "-")
	return number
}

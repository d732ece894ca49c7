package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// table is the report for people.
func (r *report) table() string {
	var b strings.Builder
	m := r.Machine
	b.WriteString("| job | Gatehouse | beside | its figure | measured | bar | met |\n|---|---:|---|---:|---:|---:|---|\n")
	for i := range r.Rows {
		row := &r.Rows[i]
		measured, bar := row.words()
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.Title, row.Ours.cell(row.Unit), row.Than, row.Peer.cell(row.Unit), measured, bar, yes(row.met()))
	}
	fmt.Fprintf(&b, "\n%d of %d bars are met. µs is processor time of the server per request, with %d connections (p99: latency): the median of "+
		"%d rounds, and in parentheses the least and the most. What is measured against a peer is the median of the ratios (or differences) "+
		"within each round.%s\n", r.countMet(), len(r.Rows), connections, r.Rounds, r.again())
	fmt.Fprintf(&b, "\nCommit %s, %s. %s, %d cores, %s, %s; %s; %s; %s; %s. Load average before the run: %s. The run took %s.\n", r.Commit, m.Time.Format("2 January 2006, 15:04 UTC"),
		m.CPU, m.Cores, m.Memory, m.System, m.Tools["go"], m.Tools["haproxy"], m.Tools["nginx"], m.Tools["wrk"], m.Load, r.Took)
	return b.String()
}

func (r *report) countMet() (n int) {
	for i := range r.Rows {
		if r.Rows[i].met() {
			n++
		}
	}
	return n
}

// again tells how much of the run others disturbed.
func (r *report) again() string {
	repeated, kept := 0, 0
	for _, row := range r.Rows {
		repeated += row.Repeated
		for i, w := range row.Ours.Windows {
			if max(w.Others, row.Peer.Windows[i].Others) > disturbed {
				kept++
			}
		}
	}
	if repeated+kept == 0 {
		return ""
	}
	return fmt.Sprintf(" Others took more than %.0f %% of the machine from %d pairs, which were measured again, and from %d that were kept.", 100*disturbed, repeated, kept)
}

// words say what was measured and what the bar is.
func (r *result) words() (measured, bar string) {
	switch {
	case r.Limit > 0:
		return short(r.Ours.Median) + " " + unit(r.Unit), "at most " + short(r.Limit) + " " + unit(r.Unit)
	case r.Plus > 0:
		return fmt.Sprintf("%+.1f (%+.1f to %+.1f) µs", r.Ratio.Median, r.Ratio.Least, r.Ratio.Most), fmt.Sprintf("at most +%s µs", short(r.Plus))
	}
	return fmt.Sprintf("x %.2f (%.2f-%.2f)", r.Ratio.Median, r.Ratio.Least, r.Ratio.Most), fmt.Sprintf("at most x %.2f", r.Times)
}

func (f *figures) cell(u string) string {
	switch len(f.Values) {
	case 0:
		return ""
	case 1:
		return short(f.Median) + " " + unit(u)
	}
	return fmt.Sprintf("%s (%s-%s) %s", short(f.Median), short(f.Least), short(f.Most), unit(u))
}

func unit(u string) string { return strings.Replace(u, "us", "µs", 1) }

func short(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v < 10:
		return strings.TrimSuffix(fmt.Sprintf("%.2f", v), ".00")
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
	dir, full := filepath.Join(opt.source, "results"), len(opt.jobs) == 0 && opt.against == ""
	if !full {
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
	if full {
		if err := r.remember(filepath.Join(dir, "runs.md")); err != nil {
			return err
		}
	}
	for i := range r.Curves {
		if err := r.Curves[i].draw(dir); err != nil {
			return err
		}
	}
	return r.picture(filepath.Join(dir, "picture.svg"))
}

// remember adds a line for this run to the list of full runs.
func (r *report) remember(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("# Full runs\n\nOne line for each; what did not meet its bar is bold.\n\n| when | commit | rounds | met | measured |\n|---|---|---:|---:|---|\n"), nil
	}
	if err != nil {
		return err
	}
	var list []string
	for i := range r.Rows {
		row := &r.Rows[i]
		value := short(row.Ours.Median) + " " + unit(row.Unit)
		if row.Limit == 0 {
			value = fmt.Sprintf("%.2f", row.Ratio.Median)
		}
		item := row.Job + " " + value
		if !row.met() {
			item = "**" + item + "**"
		}
		list = append(list, item)
	}
	line := fmt.Sprintf("| %s | %s | %d | %d of %d | %s |\n", r.Machine.Time.Format("2006-01-02 15:04"), r.Commit, r.Rounds, r.countMet(), len(r.Rows), strings.Join(list, ", "))
	return os.WriteFile(file, append(text, line...), 0o644)
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestABarIsMetByTheMedianOfTheRounds(t *testing.T) {
	for _, test := range []struct {
		what       string
		row        result
		ours, peer []float64
		want       bool
	}{
		{"a ratio at the bar", result{Times: 2}, []float64{20, 40, 90}, []float64{10, 20, 30}, true},
		{"a ratio above it in two of three rounds", result{Times: 2}, []float64{20, 41, 62}, []float64{10, 20, 30}, false},
		{"a difference within it", result{Plus: 3}, []float64{12, 13, 30}, []float64{10, 10, 10}, true},
		{"a difference above it", result{Plus: 3}, []float64{12, 14, 30}, []float64{10, 10, 10}, false},
		{"a figure at the limit", result{Limit: 45}, []float64{44, 45, 99}, nil, true},
		{"a figure above it", result{Limit: 45}, []float64{44, 46, 99}, nil, false},
	} {
		for i, v := range test.ours {
			test.row.Ours.set(v)
			if test.peer != nil {
				test.row.Peer.set(test.peer[i])
				test.row.compare()
			}
		}
		if got := test.row.met(); got != test.want {
			t.Errorf("%s: met is %t", test.what, got)
		}
	}
}

func TestMadeAnswersAreToldFromRightOnes(t *testing.T) {
	whole := `{"one":` + string(list(1<<10)) + `,"two":` + string(list(1<<10)) + `,"three":` + string(list(1<<10)) + `}`
	for _, test := range []struct {
		what string
		hold hold
		body string
		want bool
	}{
		{"the upstream's own bytes", same(flat(240)), string(flat(240)), true},
		{"the same members in another order", same([]byte(`{"a":1,"b":2}`)), `{"b":2,"a":1}`, true},
		{"a member too few", same([]byte(`{"a":1,"b":2}`)), `{"a":1}`, false},
		{"three groups", threeGrouped, whole, true},
		{"two groups", threeGrouped, strings.Replace(whole, `"two"`, `"four"`, 1), false},
		{"nothing denied", oneDenied, string(list(10 << 10)), false},
		{"nothing shaped", threeShaped, whole, false},
	} {
		if err := test.hold([]byte(test.body)); (err == nil) != test.want {
			t.Errorf("%s: %v", test.what, err)
		}
	}
}

func TestARunIsWrittenAndRemembered(t *testing.T) {
	row := result{Job: "noop", Title: "passthrough", Than: "HAProxy", Unit: "us", Times: 2}
	row.Ours.add(window{PerRequest: 50, Others: 0.5})
	row.Peer.add(window{PerRequest: 20})
	row.compare()
	size := result{Job: "size", Title: "the binary", Unit: "MB", Limit: 35}
	size.Ours.set(33)
	r := &report{Rounds: 1, Rows: []result{row, size}, Curves: []curve{{Job: "scale-body", Points: []point{{X: 100, Y: 20}, {X: 1000, Y: 200}}}}}
	opt := options{source: t.TempDir()}
	for range 2 {
		if err := r.write(opt); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(opt.source, "results")
	for file, want := range map[string]string{
		"table.md":       "| passthrough | 50 µs | HAProxy | 20 µs | x 2.50 (2.50-2.50) | at most x 2.00 | **no** |",
		"runs.md":        "| 1 of 2 | **noop 2.50**, size 33 MB |",
		"picture.svg":    "passthrough",
		"scale-body.svg": "1 KB",
		"raw.json":       `"others": 0.5`,
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s: %s\nwant %q in it", file, text, want)
		}
	}
	runs, _ := os.ReadFile(filepath.Join(dir, "runs.md"))
	if n := strings.Count(string(runs), "noop 2.50"); n != 2 {
		t.Errorf("%d runs are remembered, want 2:\n%s", n, runs)
	}
	var back report
	raw, _ := os.ReadFile(filepath.Join(dir, "raw.json"))
	if err := json.Unmarshal(raw, &back); err != nil || back.Rows[0].Ratio.Median != 2.5 {
		t.Errorf("raw.json: %v: %s", err, raw)
	}
}

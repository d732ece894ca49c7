package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pairs measures every row, round by round: within a round the two sides of a row follow each other in the order ABBA, and
// who is A changes from round to round, so that what else the machine does meets both.
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
			if err := b.verify(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", r.job, err)
			}
			if err := b.warm(ctx, s); err != nil {
				return fmt.Errorf("warming up %s: %w", r.job, err)
			}
		}
		b.report.Rows = append(b.report.Rows, newResult(r))
		progress("ready %d of %d: %s", i+1, len(list), r.title)
	}
	for round := 1; round <= b.rounds && len(list) > 0; round++ {
		b.again = patience
		for i, r := range list {
			if err := b.round(ctx, r, round, &b.report.Rows[i]); err != nil {
				return fmt.Errorf("%s: %w", r.job, err)
			}
		}
		b.weigh(round)
	}
	return nil
}

// warm asks a side until it was asked everything once.
func (b *bench) warm(ctx context.Context, s side) error {
	for range 20 {
		if _, err := b.load(ctx, s, time.Second); err != nil {
			return err
		}
		list, err := b.requests(s)
		if err != nil {
			return err
		}
		if b.turn[list] >= max(s.tokens, s.spread.tokens) {
			return nil
		}
	}
	return fmt.Errorf("%s is too slow: 20 s are not enough for %d requests", s.target, max(s.tokens, s.spread.tokens))
}

// round measures one row once. If others were at work meanwhile, it is measured again, whatever it said.
func (b *bench) round(ctx context.Context, r row, round int, into *result) error {
	ours, peer, err := b.pair(ctx, r, round)
	for try := 0; err == nil && try < 2 && b.again > 0 && max(ours.Others, peer.Others) > disturbed; try++ {
		progress("round %d of %d  %-58s others took %.0f %% of the machine: again", round, b.rounds, r.title, 100*max(ours.Others, peer.Others))
		b.again--
		into.Repeated++
		var o, p window
		if o, p, err = b.pair(ctx, r, round); err == nil && max(o.Others, p.Others) < max(ours.Others, peer.Others) {
			ours, peer = o, p
		}
	}
	if err != nil {
		return err
	}
	into.Ours.add(ours)
	into.Peer.add(peer)
	into.compare()
	progress("round %d of %d  %-58s %7.1f us   %-27s %6.1f us   x %.2f", round, b.rounds, r.title, ours.PerRequest, r.than, peer.PerRequest, ours.PerRequest/peer.PerRequest)
	return nil
}

// disturbed is the share of the machine that others may take from a window: from there on it is measured again.
const disturbed = 0.08

// patience is how many pairs are measured again in one round: on a machine that others never leave, the run still ends.
const patience = 4

// pair is two windows of each side, in the order ABBA.
func (b *bench) pair(ctx context.Context, r row, round int) (ours, peer window, err error) {
	sides, into := []side{r.ours, r.peer}, []*window{&ours, &peer}
	if round%2 == 0 {
		slices.Reverse(sides)
		slices.Reverse(into)
	}
	for _, k := range []int{0, 1, 1, 0} {
		win, err := b.load(ctx, sides[k], b.window)
		if err != nil {
			return ours, peer, err
		}
		into[k].join(win)
	}
	ours.Round, peer.Round = round, round
	return ours, peer, nil
}

// weigh notes what the gateway and its peers weigh after a round.
func (b *bench) weigh(round int) {
	for _, name := range []string{"gateway", "haproxy", "nginx"} {
		if t := b.targets[name]; t != nil {
			b.report.Weights = append(b.report.Weights, weight{Round: round, Target: name, RSS: rss(t.pid())})
		}
	}
}

// memory is what the gateway keeps after the rows: the last of what weigh noted.
func (b *bench) memory(ctx context.Context) error {
	if !b.wants("memory") {
		return nil
	}
	if !slices.ContainsFunc(b.report.Weights, func(w weight) bool { return w.Target == "gateway" }) { // its rows were not asked for
		for _, r := range rows() {
			if r.ours.target != "gateway" {
				continue
			}
			if _, err := b.load(ctx, r.ours, b.window); err != nil {
				return err
			}
		}
		b.weigh(0)
	}
	res := result{Job: "memory", Title: "resident memory after these rows", Unit: "MB", Limit: 45}
	for _, w := range b.report.Weights {
		const mb = 1e6
		switch w.Target {
		case "gateway":
			res.Ours.set(float64(w.RSS) / mb)
		case "haproxy":
			res.Than = "HAProxy"
			res.Peer.set(float64(w.RSS) / mb)
		}
	}
	b.report.Rows = append(b.report.Rows, res)
	progress("%-75s %7.1f MB", res.Title, res.Ours.Median)
	return nil
}

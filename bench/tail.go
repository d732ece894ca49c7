package main

import (
	"context"
	"time"
)

// tail measures the time that one request in a hundred takes longer than, at half of what the gateway can serve. Requests
// come at planned times with gaps as of independent clients (Poisson), whether or not earlier ones were answered, and
// latency counts from the planned time. HAProxy gets the same rate and, within a round, the same times: for HAProxy that
// is less than half of its capacity.
func (b *bench) tail(ctx context.Context) error {
	if !b.wants("tail") {
		return nil
	}
	small := same(flat(240))
	ours, peer := at("gateway", "/noop", small), at("haproxy", "/flat/240", small)
	var list []float64
	for range 3 {
		res, err := b.drive(ctx, ours, errand{Connections: connections, Warm: 300 * time.Millisecond, Window: time.Second})
		if err != nil {
			return err
		}
		list = append(list, float64(res.Requests)/res.Elapsed.Seconds())
	}
	rate := median(list) / 2
	res := result{Job: "tail", Title: "p99 of passthrough at half of capacity, open loop", Than: "HAProxy, the same rate", Unit: "us", Times: 2, Rate: int(rate)}
	b.again = patience
	for round := 1; round <= b.rounds; round++ {
		outs, err := b.tailRound(ctx, ours, peer, rate, round)
		for try := 0; err == nil && try < 2 && b.again > 0 && max(outs[0].Others, outs[1].Others) > disturbed; try++ {
			progress("round %d of %d  %-58s others took %.0f %% of the machine: again", round, b.rounds, res.Title, 100*max(outs[0].Others, outs[1].Others))
			b.again--
			res.Repeated++
			outs, err = b.tailRound(ctx, ours, peer, rate, round)
		}
		if err != nil {
			return err
		}
		for k, into := range []*figures{&res.Ours, &res.Peer} {
			into.set(us(outs[k].P99))
			into.Open = append(into.Open, outs[k])
		}
		res.compare()
		progress("round %d of %d  %-58s %7.1f us   %-27s %6.1f us   x %.2f", round, b.rounds, res.Title, res.Ours.last(), res.Than, res.Peer.last(), res.Ours.last()/res.Peer.last())
	}
	b.report.Rows = append(b.report.Rows, res)
	return nil
}

// tailRound asks both, in turns who is first, at the same times.
func (b *bench) tailRound(ctx context.Context, ours, peer side, rate float64, round int) (outs [2]outcome, err error) {
	sides, first := []side{ours, peer}, (round+1)%2
	for _, k := range []int{first, 1 - first} {
		noise := b.listen()
		outs[k], err = b.drive(ctx, sides[k], errand{Connections: connections, Rate: rate, Warm: 500 * time.Millisecond, Window: 3 * time.Second, Seed: uint64(round)})
		if err != nil {
			return outs, err
		}
		outs[k].Others = noise()
	}
	return outs, nil
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

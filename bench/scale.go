package main

import (
	"context"
	"fmt"
	"time"
)

// measure is one point of a curve.
type measure struct {
	x     float64
	ours  side
	peer  *side
	conns int
}

// plan is a curve before it is measured.
type plan struct {
	job, title, x, than string
	points              []measure
	spreads             map[string]spread // gateways that this curve alone needs
}

// scale measures how processor time per request grows, curve by curve; the points of a curve follow each other in each of
// three rounds.
func (b *bench) scale(ctx context.Context) error {
	for _, p := range []plan{byConnections(), byWait(), byBody(), byBackends(), byEndpoints(), byIssuers(), byTokens()} {
		if !b.wants(p.job) {
			continue
		}
		if err := b.curve(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.job, err)
		}
	}
	return nil
}

func (b *bench) curve(ctx context.Context, p plan) error {
	for name, s := range p.spreads {
		if err := b.serveSpread(ctx, name, b.binary, s); err != nil {
			return err
		}
		defer b.drop(name)
	}
	c := curve{Job: p.job, Title: p.title, X: p.x, Than: p.than}
	for _, m := range p.points {
		c.Points = append(c.Points, point{X: m.x})
		if m.peer != nil {
			c.Peer = append(c.Peer, point{X: m.x})
		}
	}
	for round := range min(b.rounds, 3) {
		for i, m := range p.points {
			if err := b.point(ctx, m, m.ours, round, &c.Points[i]); err != nil {
				return err
			}
			if m.peer == nil {
				continue
			}
			if err := b.point(ctx, m, *m.peer, round, &c.Peer[i]); err != nil {
				return err
			}
		}
	}
	for _, pt := range c.Points {
		progress("%-34s %9.0f  %10.1f us", p.title, pt.X, pt.Y)
	}
	b.report.Curves = append(b.report.Curves, c)
	return nil
}

// point measures one point once more.
func (b *bench) point(ctx context.Context, m measure, s side, round int, into *point) error {
	if round == 0 {
		if err := b.verify(ctx, s); err != nil {
			return err
		}
	}
	prior := 3 * m.conns // connections are new: their first requests pay for buffers and stacks
	if seen := max(s.tokens, s.spread.tokens); round == 0 || seen <= 10_000 {
		prior = max(prior, seen) // each token and endpoint was seen before; 100,000 are too many to be remembered anyway
	}
	res, err := b.drive(ctx, s, errand{Connections: m.conns, Prior: prior, Warm: 200 * time.Millisecond, Window: 800 * time.Millisecond})
	if err != nil {
		return err
	}
	into.Raw = append(into.Raw, us(res.CPU)/float64(res.Requests))
	into.Y = median(into.Raw)
	return nil
}

func byConnections() plan {
	p := plan{job: "scale-connections", title: "Connections", x: "all at work, passthrough of 240 B", than: "HAProxy"}
	peer := at("haproxy", "/flat/240", nil)
	for _, n := range []int{16, 64, 256, 1024, 4096} {
		p.points = append(p.points, measure{float64(n), at("gateway", "/noop", nil), &peer, n})
	}
	return p
}

func byWait() plan {
	p := plan{job: "scale-wait", title: "Time that the backend takes", x: "ms; 256 connections", than: "HAProxy"}
	for _, n := range []int{1, 5, 10, 20, 50, 100, 200} {
		path := fmt.Sprintf("/wait/%d", n)
		peer := at("haproxy", path, nil)
		p.points = append(p.points, measure{float64(n), at("gateway", path, nil), &peer, 256})
	}
	return p
}

func byBody() plan {
	p := plan{job: "scale-body", title: "Size of the body", x: "passthrough, both axes logarithmic", than: "nginx"}
	for _, n := range []int{100, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20} {
		peer := at("nginx", fmt.Sprintf("/flat/%d", n), nil)
		p.points = append(p.points, measure{float64(n), at("gateway", fmt.Sprintf("/noop/%d", n), nil), &peer, 16})
	}
	return p
}

func byBackends() plan {
	p := plan{job: "scale-backends", title: "Backends of one endpoint", x: "240 B of JSON each, grouped", spreads: map[string]spread{}}
	for _, n := range []int{1, 2, 3, 4, 6, 8, 10} {
		p.spread(n, spread{endpoints: 1, backends: n})
	}
	return p
}

func byEndpoints() plan {
	p := plan{job: "scale-endpoints", title: "Endpoints", x: "asked in turn, JSON of 240 B", spreads: map[string]spread{}}
	for _, n := range []int{1, 10, 100, 1_000, 10_000} {
		p.spread(n, spread{endpoints: n, backends: 1, tokens: 10_000})
	}
	return p
}

func byIssuers() plan {
	p := plan{job: "scale-issuers", title: "Issuers", x: "of 1,000 endpoints asked in turn, ES256", spreads: map[string]spread{}}
	for _, n := range []int{1, 10, 100, 1_000} {
		p.spread(n, spread{endpoints: 1_000, issuers: n, backends: 1, tokens: 1_000})
	}
	return p
}

// spread adds a point with a gateway of its own.
func (p *plan) spread(n int, s spread) {
	name := fmt.Sprintf("gateway-%s-%d", p.job, n)
	p.spreads[name] = s
	p.points = append(p.points, measure{x: float64(n), ours: side{target: name, spread: s}, conns: connections})
}

func byTokens() plan {
	// A gateway of its own: what rows have it remember is given up for new tokens only after a pass or two.
	p := plan{job: "scale-tokens", title: "Distinct tokens", x: "shown in turn, ES256, all checks"}
	for _, n := range []int{1, 10, 100, 1_000, 10_000, 100_000} {
		p.points = append(p.points, measure{float64(n), with("gateway-tokens", "/es256", "es256", n), nil, connections})
	}
	return p
}

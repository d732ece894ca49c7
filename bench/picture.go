package main

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	oursColor = color.RGBA{0x1f, 0x6f, 0xb4, 0xff}
	peerColor = color.RGBA{0xb8, 0xbe, 0xc6, 0xff}
	barColor  = color.RGBA{0xc8, 0x3e, 0x2b, 0xff}
)

// picture draws the rows: our figure and the peer's as bars, and where our bar may end.
func (r *report) picture(file string) error {
	p := newPlot("Processor time per request", "microseconds (shorter is better)", "")
	rows := slices.Clone(r.Rows)
	slices.Reverse(rows) // the first one on top
	var ours, peers plotter.Values
	var limits plotter.XYs
	var names []string
	for i, row := range rows {
		ours, peers = append(ours, row.Ours.Median), append(peers, row.Peer.Median)
		limits = append(limits, plotter.XY{X: row.limit(), Y: float64(i) + 0.18})
		names = append(names, row.Title+"\nbeside: "+row.Than)
	}
	const width = 9
	mine, err := bars(ours, width, oursColor, width/2+1)
	if err != nil {
		return err
	}
	theirs, err := bars(peers, width, peerColor, -width/2-1)
	if err != nil {
		return err
	}
	bar, err := plotter.NewScatter(limits)
	if err != nil {
		return err
	}
	bar.GlyphStyle = draw.GlyphStyle{Color: barColor, Radius: 6, Shape: tick{}}
	p.Add(mine, theirs, bar)
	p.Legend.Add("Gatehouse", mine)
	p.Legend.Add("peer", theirs)
	p.Legend.Add("the bar", bar)
	p.Legend.Top, p.Legend.XOffs = false, -vg.Points(4)
	p.NominalY(names...)
	p.X.Min = 0
	return p.Save(24*vg.Centimeter, vg.Length(len(rows))*1.1*vg.Centimeter+3*vg.Centimeter, file)
}

// limit is the figure that a row may have at most, in this run.
func (r *result) limit() float64 {
	if r.Plus > 0 {
		return r.Peer.Median + r.Plus
	}
	return r.Times * r.Peer.Median
}

func bars(values plotter.Values, width vg.Length, c color.Color, offset vg.Length) (*plotter.BarChart, error) {
	b, err := plotter.NewBarChart(values, width)
	if err != nil {
		return nil, err
	}
	b.Horizontal, b.Color, b.Offset, b.LineStyle.Width = true, c, offset, 0
	return b, nil
}

// tick is a short upright line.
type tick struct{}

// DrawGlyph implements [draw.GlyphDrawer].
func (tick) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	c.StrokeLine2(draw.LineStyle{Color: s.Color, Width: 2}, at.X, at.Y-s.Radius, at.X, at.Y+s.Radius)
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.BackgroundColor = color.White // also where the page is dark
	p.Title.Padding = vg.Points(6)
	return p
}

// draw shows how something grows.
func (c *curve) draw(dir string) error {
	p := newPlot(c.Title, c.X, "microseconds per request")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Min = 0
	for _, series := range []struct {
		name   string
		points []point
		color  color.Color
	}{{"Gatehouse", c.Points, oursColor}, {c.Than, c.Peer, peerColor}} {
		if len(series.points) == 0 {
			continue
		}
		var xys plotter.XYs
		for _, pt := range series.points {
			xys = append(xys, plotter.XY{X: pt.X, Y: pt.Y})
		}
		line, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return err
		}
		line.Color, dots.Color, dots.Shape, line.Width = series.color, series.color, draw.CircleGlyph{}, 2
		p.Add(line, dots)
		p.Legend.Add(series.name, line, dots)
	}
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.Left = true, true
	return p.Save(14*vg.Centimeter, 9*vg.Centimeter, filepath.Join(dir, fmt.Sprintf("scale-%s.svg", c.Job)))
}

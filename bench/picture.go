package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	oursColor = color.RGBA{0x1f, 0x6f, 0xb4, 0xff}
	peerColor = color.RGBA{0xb8, 0xbe, 0xc6, 0xff}
	barColor  = color.RGBA{0xc8, 0x3e, 0x2b, 0xff}
)

// picture draws the rows that cost processor time: our figure and the peer's as bars, and where our bar may end. What a row
// is stands above its bars: no viewer's font is then too wide for a margin.
func (r *report) picture(file string) error {
	var rows []result
	for _, row := range r.Rows {
		if row.Limit == 0 && row.Rate == 0 {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	slices.Reverse(rows) // the first one on top
	p := newPlot("Processor time per request", "microseconds (shorter is better)", "")
	var ours, peers plotter.Values
	var limits plotter.XYs
	var titles, values plotter.XYLabels
	most := 0.0
	for i, row := range rows {
		y := float64(i)
		ours, peers = append(ours, row.Ours.Median), append(peers, row.Peer.Median)
		limits = append(limits, plotter.XY{X: row.limit(), Y: y})
		titles.XYs, titles.Labels = append(titles.XYs, plotter.XY{Y: y}), append(titles.Labels, row.Title+"  (beside: "+row.Than+")")
		beside := row.Ours.Median // not on top of the mark
		if limit := row.limit(); limit > 0.9*beside && limit < 1.15*beside {
			beside = max(beside, limit)
		}
		values.XYs = append(values.XYs, plotter.XY{X: beside, Y: y}, plotter.XY{X: row.Peer.Median, Y: y - 0.3})
		most = max(most, beside, row.limit(), row.Peer.Median)
		values.Labels = append(values.Labels, fmt.Sprintf("%.1f", row.Ours.Median), fmt.Sprintf("%.1f", row.Peer.Median))
	}
	const pitch = 36 // points from row to row
	mine, err := bars(ours, 9, oursColor, 0)
	if err != nil {
		return err
	}
	theirs, err := bars(peers, 9, peerColor, -0.3*pitch)
	if err != nil {
		return err
	}
	bar, err := plotter.NewScatter(limits)
	if err != nil {
		return err
	}
	bar.GlyphStyle = draw.GlyphStyle{Color: barColor, Radius: 6, Shape: tick{}}
	p.Add(mine, theirs, bar)
	if err := write(p, titles, vg.Point{X: 2, Y: 6}, 9); err != nil {
		return err
	}
	if err := write(p, values, vg.Point{X: 4, Y: -3}, 8); err != nil {
		return err
	}
	p.Legend.Add("Gatehouse", mine)
	p.Legend.Add("peer", theirs)
	p.Legend.Add("the bar", bar)
	p.Legend.Top, p.Legend.XOffs = true, -vg.Points(8)
	p.HideY()
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.02*most, 1.08*most, -0.6, float64(len(rows))
	p.X.Tick.Marker = steps{}
	return save(p, 20*vg.Centimeter, vg.Length(len(rows))*pitch+70, file)
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

// write puts words beside points.
func write(p *plot.Plot, words plotter.XYLabels, offset vg.Point, size vg.Length) error {
	labels, err := plotter.NewLabels(words)
	if err != nil {
		return err
	}
	labels.Offset = offset
	for i := range labels.TextStyle {
		labels.TextStyle[i].Font = sans(size)
	}
	p.Add(labels)
	return nil
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
	for style, size := range map[*text.Style]vg.Length{
		&p.Title.TextStyle: 12, &p.X.Label.TextStyle: 10, &p.Y.Label.TextStyle: 10,
		&p.X.Tick.Label: 9, &p.Y.Tick.Label: 9, &p.Legend.TextStyle: 9,
	} {
		style.Font = sans(size)
	}
	return p
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

// save writes a plot. Where Liberation Sans is missing, its metric twins take its place.
func save(p *plot.Plot, width, height vg.Length, file string) error {
	drawn, err := p.WriterTo(width, height, "svg")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := drawn.WriteTo(&b); err != nil {
		return err
	}
	out := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return os.WriteFile(file, out, 0o644)
}

// steps are the marks of a linear axis that begins at 0: five to ten of them, at 1, 2 or 5 times a power of ten.
type steps struct{}

// Ticks implements [plot.Ticker].
func (steps) Ticks(_, most float64) (list []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10(most/2)))
	for _, times := range []float64{1, 2, 5} {
		if most/(times*step) <= 10 {
			step *= times
			break
		}
	}
	for x := 0.0; x <= most; x += step {
		list = append(list, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', -1, 64)})
	}
	return list
}

// decades are the marks of a logarithmic axis, with all digits, or as sizes.
type decades struct{ bytes bool }

// Ticks implements [plot.Ticker].
func (d decades) Ticks(least, most float64) (list []plot.Tick) {
	for _, t := range (plot.LogTicks{Prec: -1}).Ticks(least, most) {
		if t.Value < least*0.999 || t.Value > most*1.001 {
			continue
		}
		if t.Label != "" {
			t.Label = commas(int64(t.Value + 0.5))
		}
		if d.bytes && t.Label != "" {
			t.Label = strings.NewReplacer(",000,000", " MB", ",000", " KB").Replace(t.Label)
		}
		list = append(list, t)
	}
	return list
}

func commas(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", commas(n/1000), n%1000)
}

// draw shows how something grows.
func (c *curve) draw(dir string) error {
	// No label below: of a logarithmic axis the library takes room for it on the wrong side.
	p := newPlot(c.Title+" ("+c.X+")", "", "microseconds per request")
	p.Title.TextStyle.Font, p.X.Tick.Label.Font = sans(10), sans(8)
	if c.Job != "scale-backends" {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{bytes: c.Job == "scale-body"}
	}
	p.Add(plotter.NewGrid())
	most := 0.0
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
			most = max(most, pt.Y)
		}
		line, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return err
		}
		line.Color, dots.Color, dots.Shape, line.Width = series.color, series.color, draw.CircleGlyph{}, 2
		p.Add(line, dots)
		p.Legend.Add(series.name, line, dots)
	}
	if c.Job == "scale-body" {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	} else {
		p.Y.Min, p.Y.Max = 0, 1.35*most // room for the legend
	}
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs, p.Legend.YOffs = true, true, 8, -4
	return save(p, 12*vg.Centimeter, 7.5*vg.Centimeter, filepath.Join(dir, c.Job+".svg"))
}

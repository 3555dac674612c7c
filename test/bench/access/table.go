package main

import (
	"fmt"
	"math"
	"strings"
)

// outcome is what a server did with a row.
type outcome struct {
	samples []sample
	err     error // why there are none, or no more
}

// header prints the heads of the table that line adds to.
func (b *bench) header() {
	heads := []string{"row", "unit"}
	for _, s := range b.servers {
		heads = append(heads, s.name, "min–max")
	}
	heads = append(heads, "times", "aim", "times by CPU")
	for _, s := range b.servers {
		heads = append(heads, "CPU µs "+s.name)
	}
	for _, s := range b.servers {
		heads = append(heads, "client µs "+s.name)
	}
	for _, s := range b.servers {
		heads = append(heads, "PSS MB "+s.name)
	}
	fmt.Printf("\n| %s |\n| --- | --- |%s\n", strings.Join(heads, " | "), strings.Repeat(" ---: |", len(heads)-2))
}

// line prints a row with the outcome of each server.
func (b *bench) line(r *row, outcomes []outcome) {
	cells := []string{r.name, r.unit}
	var medians []float64
	for _, o := range outcomes {
		values := column(o.samples, func(s sample) float64 { return s.figure })
		medians = append(medians, median(values))
		cells = append(cells, number(median(values)), extent(values))
	}
	cells = append(cells, b.times(r, medians), aim(r.aim), thrift(outcomes))
	for _, figure := range []func(sample) float64{
		func(s sample) float64 { return s.serverCPU * 1e6 },
		func(s sample) float64 { return s.clientCPU * 1e6 },
		func(s sample) float64 { return float64(s.pss) / 1e6 },
	} {
		for _, o := range outcomes {
			cells = append(cells, number(median(column(o.samples, figure))))
		}
	}
	fmt.Printf("| %s |\n", strings.Join(cells, " | "))
	b.judge(r, outcomes)
}

// judge notes what a reader must know of a row: what failed, and answers that differ.
func (b *bench) judge(r *row, outcomes []outcome) {
	found := make([]int, len(outcomes))
	for i, o := range outcomes {
		if o.err != nil {
			b.note("%s, %s: %v", r.name, b.servers[i].name, o.err)
		}
		if found[i] = -1; len(o.samples) > 0 {
			last := o.samples[len(o.samples)-1]
			if found[i] = last.found; last.refused > 0 {
				b.note("%s, %s: %d commands were refused in the last run, the first with %q", r.name, b.servers[i].name, last.refused, last.refusal)
			}
		}
	}
	if len(found) == 2 && found[0] != found[1] && found[0] >= 0 && found[1] >= 0 {
		b.note("%s: the answers differ: %d and %d", r.name, found[0], found[1])
	}
}

// times is how much faster the first server is than the second; bold where it
// misses the aim.
func (b *bench) times(r *row, medians []float64) string {
	if len(medians) < 2 {
		return "–"
	}
	x := medians[0] / medians[1]
	if r.unit == "ms" {
		x = 1 / x
	}
	switch {
	case math.IsNaN(x):
		return "–"
	case x < max(r.aim, 1):
		return "**" + number(x) + "**"
	}
	return number(x)
}

// thrift is how many times the processor time of the first server the second
// took: what is left of the comparison when the machine is busy with other things.
func thrift(outcomes []outcome) string {
	if len(outcomes) < 2 {
		return "–"
	}
	var used [2]float64
	for i := range used {
		used[i] = median(column(outcomes[i].samples, func(s sample) float64 { return s.serverCPU }))
	}
	return number(used[1] / used[0])
}

func aim(x float64) string {
	if x == 0 {
		return "1"
	}
	return number(x)
}

func extent(sorted []float64) string {
	if len(sorted) == 0 {
		return "–"
	}
	return number(sorted[0]) + "–" + number(sorted[len(sorted)-1])
}

// number writes about three digits.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v), math.IsInf(v, 0):
		return "–"
	case a >= 100:
		return grouped(int64(math.Round(v)))
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1 || a < 1e-9: // less is the rounding of sums
		return fmt.Sprintf("%.2f", a)
	}
	return fmt.Sprintf("%.2g", v)
}

// grouped writes a number, not negative, with a comma between thousands.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// sample is what one run of a row measured, in the order of the table's columns.
type sample []float64

// none stands in a sample for what there is not.
var none = math.NaN()

// table gathers rows and prints them as Markdown.
type table struct {
	title string
	notes []string // lines above the table
	heads []string // of the columns; the first is the row's name
	names []string // of the rows, in the order of their first sample
	runs  map[string][]sample
}

func newTable(title string, heads ...string) *table {
	return &table{title: title, heads: heads, runs: make(map[string][]sample)}
}

// add keeps one run of a row.
func (t *table) add(name string, figures ...float64) {
	if t.runs[name] == nil {
		t.names = append(t.names, name)
	}
	t.runs[name] = append(t.runs[name], figures)
}

// print writes the median of each figure of each row.
func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n## %s\n\n", t.title)
	for _, n := range t.notes {
		fmt.Fprintln(w, n)
	}
	if len(t.notes) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(t.heads, " | "), " --- |"+strings.Repeat(" ---: |", len(t.heads)-1))
	for _, name := range t.names {
		fmt.Fprintf(w, "| %s |", name)
		for _, v := range medians(t.runs[name]) {
			fmt.Fprintf(w, " %s |", number(v))
		}
		fmt.Fprintln(w)
	}
}

// medians takes the middle of each figure on its own.
func medians(runs []sample) sample {
	m := make(sample, len(runs[0]))
	for i := range m {
		column := make([]float64, len(runs))
		for n, r := range runs {
			column[n] = r[i]
		}
		m[i] = median(column)
	}
	return m
}

// median is the middle of values, the lower of two.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return s[(len(s)-1)/2]
}

// percentile is the value below which p of 100 sorted times are; 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
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
	case a >= 0.1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.2g", v)
	}
}

// grouped writes a number with a comma between thousands.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

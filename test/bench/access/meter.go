package main

import (
	"math"
	"slices"
	"syscall"
	"time"

	"tem/test/bench/machine"
)

// sample is what one run of a row measured.
type sample struct {
	figure    float64 // in the row's unit
	serverCPU float64 // seconds for each thing done
	clientCPU float64 // the same, of this program
	pss       int64   // octets, of the server's process tree at the end
	refused   int64   // commands that were answered with NO or BAD, where they may be
	refusal   string  // the first of those answers
	found     int     // what the server answered with, where both must agree; -1 if that is not so
}

// meter measures one run on one server.
type meter struct {
	s              *server
	unit           string
	span           time.Duration // how long repeat goes on
	since          time.Time
	server, client float64
	sample         sample
}

func newMeter(s *server, unit string) *meter {
	return &meter{s: s, unit: unit, span: span, sample: sample{found: -1}}
}

// begin is called when all is ready.
func (m *meter) begin() {
	m.server, m.client = machine.CPUSeconds(m.s.pids), ownCPU()
	m.since = time.Now()
}

// end is called after n things were done: messages, logins, or MB for a rate
// of octets.
func (m *meter) end(n float64) {
	elapsed := time.Since(m.since).Seconds()
	m.sample.serverCPU = (machine.CPUSeconds(m.s.pids) - m.server) / n
	m.sample.clientCPU = (ownCPU() - m.client) / n
	m.sample.figure = n / elapsed
	if m.unit == "ms" {
		m.sample.figure = elapsed / n * 1000
	}
	m.sample.pss = machine.Memory(m.s.pids).PSS
}

// span is how long a short operation is repeated for: /proc counts processor
// time in steps of 10 ms.
const span = 400 * time.Millisecond

// repeat measures fn, which does n things, again and again for m.span.
func (m *meter) repeat(n float64, fn func() error) error {
	m.begin()
	count := 0.0
	for count == 0 || time.Since(m.since) < m.span {
		if err := fn(); err != nil {
			return err
		}
		count++
	}
	m.end(n * count)
	return nil
}

// ownCPU is the processor time of this program in seconds.
func ownCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// column takes one figure of the samples, sorted.
func column(samples []sample, figure func(sample) float64) []float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, figure(s))
	}
	slices.Sort(values)
	return values
}

// median is the middle of sorted values, the lower of two.
func median(sorted []float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[(len(sorted)-1)/2]
}

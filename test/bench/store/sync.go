package main

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// syncTimes appends size octets and syncs, count times; sorted.
func (b *bench) syncTimes(size, count int) ([]time.Duration, error) {
	f, err := os.Create(filepath.Join(b.dir, "floor"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	return syncs(f, size, count)
}

// rewriteTimes is syncTimes over blocks that were written before.
func (b *bench) rewriteTimes(size, count int) ([]time.Duration, error) {
	f, err := os.Create(filepath.Join(b.dir, "floor"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, size*count)); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	return syncs(f, size, count)
}

func syncs(f *os.File, size, count int) ([]time.Duration, error) {
	body := make([]byte, size)
	times := make([]time.Duration, count)
	for i := range times {
		start := time.Now()
		if _, err := f.Write(body); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times, nil
}

// syncOnce is the median time of an append of size octets with its sync: the
// floor of a commit.
func (b *bench) syncOnce(size int64) (time.Duration, error) {
	times, err := b.syncTimes(int(size), 5)
	return percentile(times, 50), err
}

// point is how long an append of so many octets takes with its sync.
type point struct {
	octets  float64
	seconds float64
}

// line is points by octets.
type line []point

// at interpolates; outside of the points it goes on as between the nearest two.
func (l line) at(octets float64) float64 {
	i := 1
	for i < len(l)-1 && l[i].octets < octets {
		i++
	}
	p, q := l[i-1], l[i]
	return max(p.seconds+(octets-p.octets)*(q.seconds-p.seconds)/(q.octets-p.octets), 0)
}

// model is what group commit can reach with so many writers of so many octets
// each: a writer waits for the sync in flight and for its own (STORAGE §1).
func (l line) model(writers int, octets float64) float64 {
	if writers == 1 {
		return 1 / l.at(octets)
	}
	return float64(writers) / (2 * l.at(octets*float64(writers)))
}

// measureLine takes the points for model.
func (b *bench) measureLine() (line, error) {
	var l line
	for _, size := range []int{4 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20, 8 << 20, 32 << 20} {
		times, err := b.syncTimes(size, max(9, min(500, 64<<20/size)))
		if err != nil {
			return nil, err
		}
		l = append(l, point{float64(size), percentile(times, 50).Seconds()})
	}
	return l, nil
}

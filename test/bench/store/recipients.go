package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tem/internal/kv"
	"tem/internal/mail"
)

// manyRecipients is how many people get one letter.
const manyRecipients = 1000

// recipients is the table of one letter for many beside many letters.
func (b *bench) recipients(name string) error {
	t := newTable(fmt.Sprintf("One letter to %d recipients here", manyRecipients), "load", "bodies stored", "ms", "written KiB", "rows octets / recipient",
		"floor ms", "times floor", "1,000 letters: bodies", "ms", "written KiB", "floor ms", "times floor", "time, many / one", "written, many / one")
	t.notes = []string{
		"One delivery with 1,000 targets in 1,000 accounts, beside 1,000 deliveries one after another. *floor*: the same octets appended with one sync, or",
		"in 1,000 equal parts with one each. Everything is done twice: the time is of the second, octets are half of both, with what closing and opening writes.",
	}
	for _, size := range []int{4 << 10, 100 << 10} {
		row := fmt.Sprintf("%s, %s", name, sizeName(size))
		if !b.wants(row) {
			continue
		}
		for range b.runs {
			s, err := b.recipientsRun(size)
			if err != nil {
				return fmt.Errorf("%s: %w", row, err)
			}
			t.add(row, s...)
		}
	}
	t.print(os.Stdout)
	return nil
}

func (b *bench) recipientsRun(size int) (sample, error) {
	root := filepath.Join(b.dir, "store")
	defer os.RemoveAll(root)
	d, err := b.openPebble(root)
	if err != nil {
		return nil, err
	}
	first, err := d.introduce(manyRecipients)
	if err := errors.Join(err, d.Close(), b.settle(root)); err != nil {
		return nil, err
	}
	to := make([]mail.Target, manyRecipients)
	for i := range to {
		to[i].Account = first + kv.Part(i)
	}
	p := piecewise()
	one, err := b.twice(root, func(d *bed) error { return d.deliver(p, size, to...) }, 1)
	if err != nil {
		return nil, err
	}
	many, err := b.twice(root, func(d *bed) error {
		for i := range to {
			if err := d.deliver(p, size, to[i]); err != nil {
				return err
			}
		}
		return nil
	}, manyRecipients)
	rows := (one.octets - float64(size)) / manyRecipients
	return sample{one.bodies, ms(one.took), one.written / 1024, rows, ms(one.floor), float64(one.took) / float64(one.floor),
		many.bodies, ms(many.took), many.written / 1024, ms(many.floor), float64(many.took) / float64(many.floor),
		float64(many.took) / float64(one.took), many.written / one.written}, err
}

// doubled is what a load done twice comes to, each time.
type doubled struct {
	took, floor             time.Duration // of the second
	bodies, octets, written float64       // half of both
}

// twice opens the store, runs fn two times, and settles; the floor is as many
// appends of the octets that reached the engine.
func (b *bench) twice(root string, fn func(*bed) error, appends int) (r doubled, err error) {
	before, err := writtenBy(b.dir)
	if err != nil {
		return r, err
	}
	d, err := b.openPebble(root)
	if err != nil {
		return r, err
	}
	if err := errors.Join(r.measure(d, fn), d.Close(), b.settle(root)); err != nil {
		return r, err
	}
	after, err := writtenBy(b.dir)
	if err != nil {
		return r, err
	}
	r.written = after.since(before).process / 2
	times, err := b.syncTimes(int(r.octets)/appends, max(appends, 5))
	r.floor = percentile(times, 50) * time.Duration(appends)
	return r, err
}

// measure runs fn two times.
func (r *doubled) measure(d *bed, fn func(*bed) error) error {
	bodies, err := d.bodies()
	if err != nil {
		return err
	}
	for range 2 {
		start := time.Now()
		if err := fn(d); err != nil {
			return err
		}
		r.took = time.Since(start)
	}
	r.octets = float64(d.engine.octets.Load()) / 2
	after, err := d.bodies()
	r.bodies = float64(after-bodies) / 2
	return err
}

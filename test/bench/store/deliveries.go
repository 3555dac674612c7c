package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tem/internal/kv"
	"tem/internal/mail"
)

// benchAccounts is how many accounts deliveries are spread over.
const benchAccounts = 100

// inlineMost is the largest body that lies in kv, mail's own default.
const inlineMost = 256 << 10

// deliveries prints the tables of durable deliveries beside group commit: how
// fast, and what each costs.
func (b *bench) deliveries(name string) error {
	speed, cost := deliveryTables()
	for _, size := range []int{4 << 10, 100 << 10, 5 << 20} {
		for _, writers := range []int{1, 10, 50, 200} {
			row := fmt.Sprintf("%s, %s, %d", name, sizeName(size), writers)
			if !b.wants(row) {
				continue
			}
			for range b.runs {
				if err := b.deliveryRun(speed, cost, row, size, writers); err != nil {
					return fmt.Errorf("%s: %w", row, err)
				}
			}
		}
	}
	speed.print(os.Stdout)
	cost.print(os.Stdout)
	return nil
}

func deliveryTables() (speed, cost *table) {
	speed = newTable("Deliveries, durable", "load, writers", "messages/s", "p50 ms", "p99 ms", "floor/s", "floor p50 ms", "of floor", "p50 / floor",
		"model/s", "of model", "p50 / sync growing", "p50 / sync rewritten")
	speed.notes = []string{
		"One letter to one of 100 accounts each time, durable when Deliver returns. *floor*: as many writers of as many octets, one file, one sync for whoever",
		"waits. *model*: c / 2T, where T is how long an append of the letters and rows of c writers takes with its sync (1 / T for one writer). *sync*: one",
		"append of a letter with its sync, nobody else. A letter over 16 KiB has an attachment; one over 256 KiB has a file of its own.",
	}
	cost = newTable("What a delivery costs", "load, writers", "CPU µs", "of it reading", "storage CPU µs", "floor CPU µs", "rows octets", "heap KiB",
		"written / logical", "device / logical")
	cost.notes = []string{
		"*CPU* is of the process, without making the letters; *reading* is the share that the spool alone takes (hash and index, one goroutine), *storage* the rest.",
		"*rows* are keys and values beside the body, *logical* is both. *written* counts the pages that the process made dirty (large ones whole), *device* what",
		"the disk wrote for everybody; both with what closing and opening the store writes.",
	}
	return speed, cost
}

// deliveryRun measures the floor and then the store, and adds a row to both tables.
func (b *bench) deliveryRun(speed, cost *table, row string, size, writers int) error {
	f, err := b.groupCommit(writers, size)
	if err != nil {
		return err
	}
	reading, err := b.reading(size)
	if err != nil {
		return err
	}
	growing, rewritten, err := b.singleSyncs(size, writers)
	if err != nil {
		return err
	}
	e, err := b.engineRun(size, writers)
	if err != nil {
		return err
	}
	model := b.disk.model(writers, float64(size)+e.rows)
	speed.add(row, e.rate, ms(e.p50), ms(e.p99), f.rate, ms(f.p50), e.rate/f.rate, float64(e.p50)/float64(f.p50),
		model, e.rate/model, ms(e.p50)/growing, ms(e.p50)/rewritten)
	cost.add(row, us(e.cpu), float64(reading)/float64(e.cpu), us(e.cpu-reading), us(f.cpu), e.rows, e.heap/1024, e.process, e.device)
	return nil
}

// singleSyncs are milliseconds of one sync of size octets, for a single writer.
func (b *bench) singleSyncs(size, writers int) (growing, rewritten float64, err error) {
	if writers > 1 {
		return none, none, nil
	}
	count := max(20, min(500, 64<<20/size))
	g, err := b.syncTimes(size, count)
	if err != nil {
		return 0, 0, err
	}
	r, err := b.rewriteTimes(size, count)
	return ms(percentile(g, 50)), ms(percentile(r, 50)), err
}

// delivered is what the store, or its floor, did in one run.
type delivered struct {
	rate     float64 // messages a second
	p50, p99 time.Duration
	cpu      time.Duration // of one message, as rows and heap
	rows     float64       // octets beside the body
	heap     float64       // octets
	traffic                // for each octet of bodies and rows
}

// engineRun measures a new store.
func (b *bench) engineRun(size, writers int) (r delivered, err error) {
	making := b.making(size)
	root := filepath.Join(b.dir, "store")
	defer os.RemoveAll(root)
	d, err := b.openPebble(root)
	if err != nil {
		return r, err
	}
	first, err := d.introduce(benchAccounts)
	if err == nil {
		err = d.turnOver()
	}
	if err != nil {
		return r, errors.Join(err, d.Close())
	}
	before, err := used(b.dir)
	if err != nil {
		return r, err
	}
	octets := d.engine.octets.Load()
	times, took, err := d.spread(first, size, writers)
	if err := errors.Join(err, d.Close()); err != nil {
		return r, err
	}
	u, err := used(b.dir)
	if err != nil {
		return r, err
	}
	n := float64(len(times))
	r = delivered{rate: n / took.Seconds(), p50: percentile(times, 50), p99: percentile(times, 99),
		cpu: time.Duration(float64(u.cpu-before.cpu)/n) - making, heap: (u.allocated - before.allocated) / n}
	return r, b.octetsOf(&r, root, before.traffic, n*float64(size), float64(d.engine.octets.Load()-octets), n)
}

// octetsOf fills in what n messages were and what was written for them, once the
// store has settled. Of bodies, so many octets in all, stored are those of kv.
func (b *bench) octetsOf(r *delivered, root string, before traffic, bodies, stored, n float64) error {
	logical := stored
	if bodies/n > inlineMost {
		logical += bodies
	}
	if err := b.settle(root); err != nil {
		return err
	}
	after, err := writtenBy(b.dir)
	r.rows = (logical - bodies) / n
	r.traffic = after.since(before)
	r.process /= logical
	r.device /= logical
	return err
}

// spread delivers letters from writers goroutines to the accounts in turn.
func (d *bed) spread(first kv.Part, size, writers int) ([]time.Duration, time.Duration, error) {
	stop, err := d.bench.startProfile(size, writers)
	if err != nil {
		return nil, 0, err
	}
	defer stop()
	pieces := piecewiseEach(writers)
	turns := make([]int, writers)
	return crowd(d.bench.ctx, writers, d.bench.span, func(w int) error {
		to := first + kv.Part((w+turns[w]*writers)%benchAccounts)
		turns[w]++
		return d.deliver(pieces[w], size, mail.Target{Account: to})
	})
}

// piecewiseEach is a writer for each goroutine.
func piecewiseEach(n int) []*bufio.Writer {
	list := make([]*bufio.Writer, n)
	for i := range list {
		list[i] = piecewise()
	}
	return list
}

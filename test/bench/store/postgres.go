package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/pgtest"
)

// beside is the table of PostgreSQL beside pebble.
func (b *bench) beside(name string) (err error) {
	if b.postgres == "" {
		return nil
	}
	url := b.postgres
	if url == "auto" {
		server, startErr := pgtest.Start("")
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		if url, err = server.Create(b.ctx, "bench"); err != nil {
			return err
		}
	}
	p := &pair{b: b}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(url); err != nil {
		return err
	}
	return p.measure(name)
}

// pair is the same store on both engines.
type pair struct {
	b      *bench
	beds   []*bed // pebble, PostgreSQL
	owners []kv.Part
}

func (p *pair) open(url string) error {
	d, err := p.b.openPebble(filepath.Join(p.b.dir, "pebble"))
	if err != nil {
		return err
	}
	p.beds = append(p.beds, d)
	if d, err = p.b.openPostgres(url, filepath.Join(p.b.dir, "postgres")); err != nil {
		return err
	}
	p.beds = append(p.beds, d)
	return nil
}

func (p *pair) close() error {
	var errs []error
	for _, d := range p.beds {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}

// measure prints the table.
func (p *pair) measure(name string) error {
	t := newTable("PostgreSQL beside pebble", "what", "pebble", "PostgreSQL", "PostgreSQL / pebble")
	t.notes = []string{
		"The same store over both engines in turn on the same processors; the server has them too. Deliveries of 4 KiB in messages/s: more is better; a mailbox of",
		fmt.Sprintf("%s letters in ms: less is better. What lies in PostgreSQL may be read by others, so the store trusts no cache for it.", grouped(int64(p.b.messages))),
	}
	if err := p.fill(); err != nil {
		return err
	}
	for range p.b.runs {
		for _, writers := range []int{1, 10, 50} {
			row := fmt.Sprintf("%s, deliveries, writers: %d", name, writers)
			if err := p.row(t, row, func(i int) (float64, error) { return p.rate(i, writers) }); err != nil {
				return err
			}
		}
		for _, r := range mailboxRows {
			if err := p.row(t, name+", "+r.what, func(i int) (float64, error) { return p.onMailbox(i, r.do) }); err != nil {
				return err
			}
		}
	}
	t.print(os.Stdout)
	return nil
}

// row measures both and adds their ratio.
func (p *pair) row(t *table, name string, figure func(i int) (float64, error)) error {
	if !p.b.wants(name) {
		return nil
	}
	both := make(sample, len(p.beds))
	for i := range p.beds {
		f, err := figure(i)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		both[i] = f
	}
	t.add(name, both[0], both[1], both[1]/both[0])
	return nil
}

// fill makes a mailbox in each store.
func (p *pair) fill() error {
	for _, d := range p.beds {
		a := p.b.accounts(1)
		p.owners = append(p.owners, a)
		if err := d.pour(a, p.b.messages, 4<<10, mail.Target{}); err != nil {
			return err
		}
	}
	return nil
}

// rate is messages a second into accounts of this run's own.
func (p *pair) rate(i, writers int) (float64, error) {
	first, err := p.beds[i].introduce(benchAccounts)
	if err != nil {
		return 0, err
	}
	times, took, err := p.beds[i].spread(first, 4<<10, writers)
	return float64(len(times)) / took.Seconds(), err
}

// mailboxRows are what is done with the mailbox.
var mailboxRows = [...]struct {
	what string
	do   func(m *measured) error
}{
	{"list flags", func(m *measured) error { _, err := m.list(); return err }},
	{"envelopes", func(m *measured) error {
		return m.a.Fetch(m.bench.ctx, m.id, m.uids, func(*mail.Meta) error { return nil })
	}},
	{"flag at most 10,000", func(m *measured) error { return m.flag(m.some(edited), mail.AddFlags) }},
	{"unflag them", func(m *measured) error { return m.flag(m.some(edited), mail.RemoveFlags) }},
}

// onMailbox is how many milliseconds do takes.
func (p *pair) onMailbox(i int, do func(*measured) error) (float64, error) {
	m := &measured{bed: p.beds[i], account: p.owners[i]}
	if _, err := m.look(); err != nil {
		return 0, err
	}
	start := time.Now()
	err := do(m)
	return ms(time.Since(start)), err
}

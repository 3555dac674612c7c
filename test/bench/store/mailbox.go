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

// owner has the mailbox that is measured: an account that accounts does not
// hand out, for a filled store is used again.
const owner = kv.FirstAccount + 1<<32

// measured is a filled mailbox and the table that it is measured for.
type measured struct {
	*bed
	root    string
	account kv.Part
	size    int // of its letters
	t       *table
	a       *mail.Account
	id      mail.MailboxID
	uids    []mail.UID
}

// mailbox is the table of what is done with one mailbox of n letters.
func (b *bench) mailbox(name string, n, size int) error {
	fmt.Fprintln(os.Stderr, "measuring", name)
	t := newTable(fmt.Sprintf("A mailbox of %s letters of %d octets", grouped(int64(n)), size), "what", "ms", "µs each", "MB/s", "floor ms", "times floor", "heap octets each")
	t.notes = []string{
		"*cold*: the store was closed and its files dropped from the page cache; *warm*: once more. *floor* of reading: the same octets read from one file",
		"(as cold, as many reads); of writing: the octets of the commit appended with one sync. *MB/s*: envelopes, bodies.",
	}
	m := &measured{root: b.place(n, size), account: owner, size: size, t: t}
	if b.options.dir == "" {
		defer os.RemoveAll(m.root)
	}
	if err := m.fill(b, n); err != nil {
		return err
	}
	for range b.runs {
		if err := m.run(); err != nil {
			return errors.Join(err, m.Close())
		}
	}
	t.print(os.Stdout)
	return m.Close()
}

// place is the directory of a filled store.
func (b *bench) place(n, size int) string {
	parent := b.options.dir
	if parent == "" {
		parent = b.dir
	}
	return filepath.Join(parent, fmt.Sprintf("cache-%d-%d", n, size))
}

// fill opens the store and delivers what is missing in it.
func (m *measured) fill(b *bench, n int) (err error) {
	if m.bed, err = b.openPebble(m.root); err != nil {
		return err
	}
	have, err := m.look()
	if err != nil {
		return err
	}
	if have >= n {
		return nil
	}
	fmt.Fprintf(os.Stderr, "filling it with %d letters\n", n-have)
	if err := m.pour(m.account, n-have, m.size, mail.Target{}); err != nil {
		return err
	}
	if _, err := m.look(); err != nil {
		return err
	}
	return quiet(b.ctx)
}

// pour delivers n letters to an account from many goroutines.
func (d *bed) pour(account kv.Part, n, size int, to mail.Target) error {
	to.Account = account
	pieces := piecewiseEach(64)
	return each(d.bench.ctx, len(pieces), n, func(w, _ int) error { return d.deliver(pieces[w], size, to) })
}

// look reads the mailbox's number and messages.
func (m *measured) look() (int, error) {
	m.a = m.Account(m.account)
	boxes, err := m.a.Mailboxes(m.bench.ctx)
	if err != nil {
		return 0, err
	}
	m.id = numbered(boxes, "INBOX")
	_, items, err := m.a.List(m.bench.ctx, m.id)
	m.uids = make([]mail.UID, len(items))
	for n, i := range items {
		m.uids[n] = i.UID
	}
	return len(items), err
}

func numbered(boxes []mail.Mailbox, name string) mail.MailboxID {
	for i := range boxes {
		if boxes[i].Name == name {
			return boxes[i].ID
		}
	}
	return 0
}

// run measures everything once.
func (m *measured) run() error {
	for _, step := range []func() error{m.start, m.listMemory, m.fetches, m.bodiesInOrder, m.bodiesAnywhere, m.changes, m.flags, m.transfers, m.expunge} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// took adds a row: fn handles n things; the floor is what it has to beat.
func (m *measured) took(what string, n int, fn func() (octets int64, err error), floor func(octets int64) (time.Duration, error)) error {
	start := time.Now()
	octets, err := fn()
	took := time.Since(start)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	rate := none
	if octets > 0 {
		rate = float64(octets) / took.Seconds() / 1e6
	}
	limit, times := none, none
	if floor != nil {
		f, err := floor(octets)
		if err != nil {
			return err
		}
		limit, times = ms(f), float64(took)/float64(f)
	}
	m.t.add(what, ms(took), us(took)/float64(n), rate, limit, times, none)
	return nil
}

// reopen closes the store, drops its files from the page cache and opens it.
func (m *measured) reopen() error {
	if err := m.Close(); err != nil {
		return err
	}
	if err := forget(m.root); err != nil {
		return err
	}
	return m.openAgain()
}

func (m *measured) openAgain() (err error) {
	b := m.bench
	if m.bed, err = b.openPebble(m.root); err != nil {
		return err
	}
	m.a = m.Account(m.account)
	return nil
}

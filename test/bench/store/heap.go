package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/mail"
)

// listMemory is what the result of List keeps in memory: of a few results, as
// the engine's own memory comes and goes.
func (m *measured) listMemory() error {
	lists := make([][]mail.Item, 8)
	before := heap()
	for i := range lists {
		var err error
		if _, lists[i], err = m.a.List(m.bench.ctx, m.id); err != nil {
			return err
		}
	}
	octets := float64(heap() - before)
	m.t.add("the list in memory", none, none, none, none, none, octets/float64(len(lists)*len(m.uids)))
	runtime.KeepAlive(lists)
	return nil
}

// idle is how many accounts are looked at for their memory: about as many as
// the store keeps.
const idle = 4000

// idleAccounts is the table of what an account that nobody uses keeps in memory.
func (b *bench) idleAccounts(name string) error {
	if !b.wants(name) {
		return nil
	}
	t := newTable("Accounts that nobody uses", "", "heap octets each")
	t.notes = []string{fmt.Sprintf("%s accounts with the mailboxes that all have, each changed once and then left.", grouped(idle))}
	for range b.runs {
		octets, err := b.idleRun()
		if err != nil {
			return err
		}
		t.add("an idle account", octets)
	}
	t.print(os.Stdout)
	return nil
}

// idleRun touches accounts twice, the second time in a store that knows none of
// them, so that only it and no cache of the engine grows.
func (b *bench) idleRun() (float64, error) {
	root := filepath.Join(b.dir, "store")
	defer os.RemoveAll(root)
	d, err := b.openPebble(root)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	first, err := d.introduce(idle)
	if err != nil {
		return 0, err
	}
	if err := d.touch(first); err != nil {
		return 0, err
	}
	d.Store, err = mail.Open(b.ctx, mail.Options{KV: d.engine, Blobs: d.Blobs, Bus: local.New()})
	if err != nil {
		return 0, err
	}
	before := heap()
	err = d.touch(first)
	octets := heap() - before
	runtime.KeepAlive(d)
	return float64(octets) / idle, err
}

// touch makes a small change in each account, which loads it.
func (d *bed) touch(first kv.Part) error {
	return each(d.bench.ctx, 50, idle, func(_, i int) error {
		return d.SetQuota(d.bench.ctx, first+kv.Part(i), 1<<40, 0)
	})
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"tem/internal/blob/dir"
	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/kv/pebble"
	"tem/internal/kv/postgres"
	"tem/internal/mail"
)

// bed is a store under load with what it stands on.
type bed struct {
	*mail.Store
	engine *counted
	bench  *bench
}

// counted is an engine that counts the octets of the keys and values it is given.
type counted struct {
	kv.Engine
	octets atomic.Int64
}

// Submit counts and hands on.
func (c *counted) Submit(b *kv.Batch) kv.Pending {
	n := 0
	for i := range b.Ops {
		n += len(b.Ops[i].Key) + len(b.Ops[i].Val)
	}
	c.octets.Add(int64(n))
	return c.Engine.Submit(b)
}

// openPebble opens the embedded store in a directory.
func (b *bench) openPebble(root string) (*bed, error) {
	e, err := pebble.Open(pebble.Options{Dir: filepath.Join(root, "kv")})
	if err != nil {
		return nil, err
	}
	return b.open(e, root, false)
}

// openPostgres opens the shared store in a database, with bodies in a directory.
func (b *bench) openPostgres(url, root string) (*bed, error) {
	e, err := postgres.Open(b.ctx, postgres.Options{URL: url})
	if err != nil {
		return nil, err
	}
	return b.open(e, root, true)
}

func (b *bench) open(e kv.Engine, root string, shared bool) (*bed, error) {
	blobs, err := dir.Open(filepath.Join(root, "blob"))
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	d := &bed{engine: &counted{Engine: e}, bench: b}
	d.Store, err = mail.Open(b.ctx, mail.Options{KV: d.engine, Blobs: blobs, Bus: local.New(), Shared: shared})
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return d, nil
}

// Close closes the engine.
func (d *bed) Close() error { return d.engine.Close() }

// settle has a closed store write what it still owes: opening it replays the
// log and writes the tables that were only in memory.
func (b *bench) settle(root string) error {
	d, err := b.openPebble(root)
	if err != nil {
		return err
	}
	return d.Close()
}

// deliver makes a letter of size octets and delivers it; p is the caller's own.
func (d *bed) deliver(p *bufio.Writer, size int, to ...mail.Target) error {
	ctx, l := d.bench.ctx, d.bench.letters
	sp := d.Account(to[0].Account).NewSpool(ctx)
	if err := l.write(sp, p, int(d.bench.serial.Add(1)), size); err != nil {
		sp.Abort()
		return err
	}
	body, err := sp.Finish()
	if err != nil {
		return err
	}
	_, err = d.Deliver(ctx, body, to, nil)
	return err
}

// introduce makes n accounts, the first of which it returns.
func (d *bed) introduce(n int) (kv.Part, error) {
	first := d.bench.accounts(n)
	return first, each(d.bench.ctx, min(n, 50), n, func(_, i int) error {
		_, err := d.Account(first + kv.Part(i)).Mailboxes(d.bench.ctx)
		return err
	})
}

// turnOver fills the engine's log a few times and waits until the disk is
// quiet, so that what follows is written as in a store that has run for long:
// over the blocks of old logs, with no debt from before.
func (d *bed) turnOver() error {
	key := []byte("bench")
	for range 3 {
		b := new(kv.Batch)
		b.Set(kv.System, key, make([]byte, 40<<20)) // more than half a memtable has a log of its own
		if err := kv.Commit(d.bench.ctx, d.engine, b); err != nil {
			return err
		}
	}
	b := new(kv.Batch)
	b.Delete(kv.System, key)
	if err := kv.Commit(d.bench.ctx, d.engine, b); err != nil {
		return err
	}
	return quiet(d.bench.ctx)
}

// quiet waits until this process has written nothing for a while.
func quiet(ctx context.Context) error {
	const pause, patience = 200 * time.Millisecond, 600
	last := int64(-1)
	for range patience {
		n, err := writtenOctets()
		if err != nil || n == last {
			return err
		}
		last = n
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("the store goes on writing for more than %v", patience*pause)
}

// bodies counts the bodies that lie beside their rows.
func (d *bed) bodies() (n int, err error) {
	err = d.engine.View(d.bench.ctx, func(r kv.Reader) error {
		for p := range kv.Part(kv.BodyParts) {
			err := r.Scan(kv.FirstBodies+p, []byte("B"), []byte("C"), kv.ScanOptions{}, func(key, _ []byte) error {
				if bytes.HasPrefix(key, []byte("B")) {
					n++
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

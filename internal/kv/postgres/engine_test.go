package postgres

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"tem/internal/kv"
)

// TestOpenTogether opens an empty database from several nodes at once.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			e, err := Open(t.Context(), Options{URL: target})
			if err != nil {
				t.Error(err)
				return
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestReopen finds what was written before, and no committer's row.
func TestReopen(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	e := open(t, Options{URL: target})
	chain(t, e, 3)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var left int
	if query(t, target, `SELECT count(*) FROM tem_kv WHERE part = -1`, &left); left != 1 {
		t.Errorf("%d rows of the engine's own are left, want the layout's only", left)
	}
	if n, _ := count(t, open(t, Options{URL: target}), part, "n"); n != 3 {
		t.Errorf("the counter is %d after reopening, want 3", n)
	}
}

// TestNewerLayout refuses a table that a newer program has made, at the start
// and when it happens under a running engine.
func TestNewerLayout(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	told := make(chan error, 1)
	e := open(t, Options{URL: target, OnFatal: func(err error) { told <- err }})
	chain(t, e, 1)
	var n int
	query(t, target, `WITH u AS (UPDATE tem_kv SET val = '2' WHERE key = 'layout' RETURNING 1) SELECT count(*) FROM u`, &n)
	if _, err := Open(t.Context(), Options{URL: target}); err == nil || !strings.Contains(err.Error(), "use a newer program") {
		t.Errorf("open: %v", err)
	}
	query(t, target, cutAll, &n)
	b := new(kv.Batch)
	b.Set(part, []byte("late"), nil)
	if err := kv.Commit(t.Context(), e, b); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("commit: %v, want the fatal error", err)
	}
	if err := <-told; !errors.Is(err, kv.ErrFailed) {
		t.Errorf("OnFatal was told %v", err)
	}
	if err := e.View(t.Context(), func(r kv.Reader) error { _, _, err := r.Get(part, nil); return err }); err == nil {
		t.Error("a View reads on")
	}
	if err := e.Close(); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("close: %v", err)
	}
}

// TestDurableCommits sets a database to be careless; the engine's sessions are not.
func TestDurableCommits(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	e := open(t, Options{URL: target})
	conn, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
	if err != nil {
		t.Fatal(err)
	}
	var careless string
	if query(t, target, `SHOW synchronous_commit`, &careless); careless != "off" {
		t.Fatalf("the database's setting is %s", careless)
	}
	again, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close(context.Background())
	var set string
	if err := again.QueryRow(t.Context(), `SHOW synchronous_commit`).Scan(&set); err != nil || set != "on" {
		t.Errorf("synchronous_commit is %s, %v", set, err)
	}
}

// TestRefused puts batches that the server can't take, an overlong key and a
// partition above its integers, among good ones.
func TestRefused(t *testing.T) {
	t.Parallel()
	e := open(t, Options{Committers: 1})
	random := rand.NewChaCha8([32]byte{})
	overlong := make([]byte, 9000)
	random.Read(overlong)
	var good, bad []kv.Pending
	for i := range uint64(20) {
		b := new(kv.Batch)
		if i > 0 {
			raise(b, part, "n", i, encode(i))
		} else {
			raise(b, part, "n", i, nil)
		}
		good = append(good, e.Submit(b))
		b = new(kv.Batch)
		b.Set(part, []byte("neighbour"), nil)
		b.Set(part, overlong, nil)
		bad = append(bad, e.Submit(b))
		b = new(kv.Batch)
		b.Set(1<<63, []byte("k"), nil)
		bad = append(bad, e.Submit(b))
	}
	for i, p := range good {
		if err := p.Wait(t.Context()); err != nil {
			t.Errorf("good batch %d: %v", i, err)
		}
	}
	for i, p := range bad {
		if err := p.Wait(t.Context()); err == nil || errors.Is(err, kv.ErrConflict) {
			t.Errorf("bad batch %d: %v", i, err)
		}
	}
	if n, _ := count(t, e, part, "n"); n != 20 {
		t.Errorf("the counter is %d after 20 steps", n)
	}
	huge := bytes.Repeat([]byte{1}, maxBatch/8)
	b := new(kv.Batch)
	for i := range byte(8) {
		b.Set(part, []byte{i}, huge)
	}
	if err := kv.Commit(t.Context(), e, b); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a batch of more than %d octets: %v", maxBatch, err)
	}
}

// TestNestedViews opens Views within Views and commits there, with as many
// readers as that takes and no more.
func TestNestedViews(t *testing.T) {
	t.Parallel()
	e := open(t, Options{Readers: 2})
	err := e.View(t.Context(), func(r kv.Reader) error {
		if _, _, err := r.Get(part, []byte("n")); err != nil {
			return err
		}
		chain(t, e, 2)
		_, ok, err := r.Get(part, []byte("n"))
		if ok {
			t.Error("a snapshot shows what was committed after it")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCancelledRead ends the context within a View; the engine goes on.
func TestCancelledRead(t *testing.T) {
	t.Parallel()
	e := open(t, Options{Readers: 1})
	chain(t, e, 1)
	ctx, cancel := context.WithCancel(t.Context())
	err := e.View(ctx, func(r kv.Reader) error {
		if _, _, err := r.Get(part, []byte("n")); err != nil {
			t.Error(err)
		}
		cancel()
		_, _, err := r.Get(part, []byte("n"))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("read after the end of the context: %v", err)
	}
	chain(t, e, 1)
}

package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"tem/internal/kv"
)

// TestTwoEngines lets two nodes raise counters of several partitions at once,
// named in every order: no step is lost and nothing deadlocks.
func TestTwoEngines(t *testing.T) {
	t.Parallel()
	const writers, each, parts = 8, 25, 4
	target := cluster.Database(t)
	engines := []*Engine{open(t, Options{URL: target}), open(t, Options{URL: target})}
	var steps [parts]atomic.Uint64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				var order []kv.Part
				for k := range 3 {
					order = append(order, kv.Part((w+i+k*(1+2*(w%2)))%parts))
				}
				raiseAll(t, engines[w%2], order)
				for _, p := range order {
					steps[p].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for p := range steps {
		if n, _ := count(t, engines[0], part+kv.Part(p), "n"); n != steps[p].Load() {
			t.Errorf("counter %d is %d after %d steps", p, n, steps[p].Load())
		}
	}
	for _, e := range engines {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	var deadlocks int
	query(t, target, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`, &deadlocks)
	if deadlocks != 0 {
		t.Errorf("%d deadlocks", deadlocks)
	}
}

// raiseAll raises the counters of some partitions in one batch, which also writes
// rows that it shares with everybody, without looking at them.
func raiseAll(t *testing.T, e *Engine, parts []kv.Part) {
	for !t.Failed() {
		b := new(kv.Batch)
		for _, p := range parts {
			n, raw := count(t, e, part+p, "n")
			raise(b, part+p, "n", n, raw)
			b.Set(kv.FirstBodies+p, []byte("shared"), encode(n))
		}
		err := kv.Commit(t.Context(), e, b)
		if err == nil {
			return
		}
		if !errors.Is(err, kv.ErrConflict) {
			t.Errorf("commit: %v", err)
		}
	}
}

// TestLockThenRead lets another node, played by hand, hold a partition's lock and
// change an asserted row while a commit waits for it: the commit must see that.
func TestLockThenRead(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	e := open(t, Options{URL: target})
	chain(t, e, 1)
	other, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, `SELECT pg_advisory_xact_lock($1)`, int64(part))
	b := new(kv.Batch)
	b.Assert(part, []byte("n"), encode(1))
	b.Set(part+1, []byte("late"), nil)
	p := e.Submit(b)
	for waiting := 0; waiting == 0; {
		query(t, target, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, &waiting)
	}
	execute(t, tx, `UPDATE tem_kv SET val = $1 WHERE part = $2 AND key = 'n'`, encode(2), int64(part))
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(t.Context()); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func execute(t *testing.T, tx pgx.Tx, sql string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

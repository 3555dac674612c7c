package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tem/internal/kv"
	"tem/internal/pgtest"
)

const part = kv.FirstAccount

// openThrough returns an engine that reaches a database of its own through a proxy.
func openThrough(t *testing.T, o Options) (*Engine, *proxy) {
	t.Helper()
	u, err := url.Parse(cluster.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, cluster.Server(t).Socket())
	o.URL = p.url(u.Path[1:])
	return open(t, o), p
}

// count returns the number in a key and the octets that it is written in.
func count(t *testing.T, e *Engine, p kv.Part, key string) (n uint64, raw []byte) {
	t.Helper()
	err := e.View(t.Context(), func(r kv.Reader) error {
		val, ok, err := r.Get(p, []byte(key))
		if ok {
			n, raw = binary.BigEndian.Uint64(val), val
		}
		return err
	})
	if err != nil {
		t.Errorf("read a counter: %v", err)
	}
	return n, raw
}

func encode(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// raise adds to b a step of a counter from n, of which raw is the encoding.
func raise(b *kv.Batch, p kv.Part, key string, n uint64, raw []byte) {
	b.Assert(p, []byte(key), raw)
	b.Set(p, []byte(key), encode(n+1))
}

// chain submits n steps of a counter, each built on the one before, and after
// each a batch that must fail; it returns when all have been decided as they must.
func chain(t *testing.T, e *Engine, n int) {
	t.Helper()
	start, raw := count(t, e, part, "n")
	var steps, losers []kv.Pending
	for i := range uint64(n) {
		b, loser := new(kv.Batch), new(kv.Batch)
		raise(b, part, "n", start+i, raw)
		raise(loser, part, "n", start+i, raw)
		steps, losers = append(steps, e.Submit(b)), append(losers, e.Submit(loser))
		raw = encode(start + i + 1)
	}
	for i := range n {
		if err := steps[i].Wait(t.Context()); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
		if err := losers[i].Wait(t.Context()); !errors.Is(err, kv.ErrConflict) {
			t.Errorf("after step %d: %v, want a conflict", i, err)
		}
	}
	if end, _ := count(t, e, part, "n"); end != start+uint64(n) {
		t.Errorf("the counter went from %d to %d in %d steps", start, end, n)
	}
}

// TestCutAtCommit cuts the connection at a COMMIT in each way: nobody hears of
// it, and everything is done once.
func TestCutAtCommit(t *testing.T) {
	t.Parallel()
	for f, name := range map[fault]string{lose: "lost", unheard: "unheard", late: "late", fatal: "fatal", hang: "hanging"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, p := openThrough(t, Options{attempt: time.Second})
			chain(t, e, 5)
			for range 3 {
				p.next <- f
				chain(t, e, 20)
			}
			if len(p.next) != 0 {
				t.Errorf("%d faults did not strike", len(p.next))
			}
		})
	}
}

// TestCutAgain cuts the first tries after a cut too.
func TestCutAgain(t *testing.T) {
	t.Parallel()
	e, p := openThrough(t, Options{})
	for _, f := range []fault{late, lose, late, unheard, lose, none, unheard, late, none, unheard} {
		p.next <- f
	}
	for len(p.next) > 0 && !t.Failed() {
		chain(t, e, 10)
	}
}

// TestOutcomeUnknown loses the server for good: at a COMMIT the outcome is said
// to be unknown, before it that nothing was written.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	e, p := openThrough(t, Options{Patience: 1500 * time.Millisecond, Committers: 1})
	chain(t, e, 1)
	p.next <- hangDown
	b := new(kv.Batch)
	raise(b, part, "n", 1, encode(1))
	first := kv.Commit(t.Context(), e, b)
	second := kv.Commit(t.Context(), e, b)
	if first == nil || !strings.Contains(first.Error(), "outcome is unknown") {
		t.Errorf("cut at the commit: %v", first)
	}
	if second == nil || !strings.Contains(second.Error(), "nothing was written") {
		t.Errorf("no server: %v", second)
	}
}

// TestCrash crashes the server under a load of counters and deliveries from two
// engines: what was acknowledged is there, everything once.
func TestCrash(t *testing.T) {
	t.Parallel()
	const writers, each, crashes = 6, 150, 3
	server := pgtest.New(t)
	target, err := server.Create(t.Context(), "mail")
	if err != nil {
		t.Fatal(err)
	}
	engines := []*Engine{open(t, Options{URL: target}), open(t, Options{URL: target})}
	acked := make(chan struct{}, writers*each)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				step(t, engines[w%2], part+kv.Part(w/3), fmt.Sprintf("%d/%d", w, i))
				acked <- struct{}{}
			}
		})
	}
	for range crashes {
		for range writers * each / (crashes + 1) {
			<-acked
		}
		if err := server.Restart(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	for p := range kv.Part(2) {
		if n, _ := count(t, engines[0], part+p, "n"); n != writers*each/2 {
			t.Errorf("counter %d is %d after %d acknowledged steps", p, n, writers*each/2)
		}
	}
	for w := range writers {
		for i := range each {
			if n, _ := count(t, engines[1], part+kv.Part(w/3), fmt.Sprintf("%d/%d", w, i)); n != 1 {
				t.Fatalf("delivery %d of writer %d was acknowledged and is lost", i, w)
			}
		}
	}
}

// step raises the counter n of a partition and sets name to 1, with as many tries
// as it takes. name must not have been there: that would be a step done twice.
func step(t *testing.T, e *Engine, p kv.Part, name string) {
	for !t.Failed() {
		n, raw := count(t, e, p, "n")
		if seen, _ := count(t, e, p, name); seen != 0 {
			t.Errorf("%s is there although its commit was answered with a conflict", name)
		}
		b := new(kv.Batch)
		raise(b, p, "n", n, raw)
		b.Set(p, []byte(name), encode(1))
		err := kv.Commit(t.Context(), e, b)
		if err == nil {
			return
		}
		if !errors.Is(err, kv.ErrConflict) {
			t.Errorf("commit: %v", err)
		}
	}
}

// query runs sql on a connection of its own and reads one column.
func query(t *testing.T, target, sql string, dest any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), sql).Scan(dest); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// cutAll ends every session of a database but its own.
const cutAll = `
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()`

// TestCutWhileIdle ends the sessions that wait for work: nobody notices.
func TestCutWhileIdle(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	e := open(t, Options{URL: target})
	for range 3 {
		chain(t, e, 3)
		var n int
		if query(t, target, cutAll, &n); n < 2 {
			t.Errorf("%d sessions were cut, want a reader and a committer at least", n)
		}
	}
	chain(t, e, 3)
}

// TestCutView ends the session of a View that has read: the next read fails, and
// the next View does not.
func TestCutView(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	e := open(t, Options{URL: target})
	chain(t, e, 1)
	err := e.View(t.Context(), func(r kv.Reader) error {
		if _, _, err := r.Get(part, []byte("n")); err != nil {
			return err
		}
		var n int
		query(t, target, cutAll, &n)
		_, ok, err := r.Get(part, []byte("n"))
		if ok || err == nil {
			t.Errorf("read after the cut: %v, %v", ok, err)
		}
		return err
	})
	if err == nil {
		t.Error("the View whose session was cut reported success")
	}
	chain(t, e, 1)
}

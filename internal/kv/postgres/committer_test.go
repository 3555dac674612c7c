package postgres

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tem/internal/kv"
)

// told passes on that something was logged.
type told chan struct{}

func (c told) Write(line []byte) (int, error) {
	select {
	case c <- struct{}{}:
	default:
	}
	return len(line), nil
}

// TestRefusedWhileInDoubt lets the server refuse to say what became of a commit,
// since its table is away for a while: that is no answer, and the group must not
// be written again.
func TestRefusedWhileInDoubt(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	logged := make(told, 1)
	e := open(t, Options{URL: target, Log: slog.New(slog.NewTextHandler(logged, nil))})
	c := newCommitter(e, []byte("a committer's no"))
	group := steps(3)
	c.commit(group, time.Now().Add(time.Minute))
	c.hangUp()
	c.lost = &outcome{c.seq, []error{nil, kv.ErrConflict, nil}}
	conn, err := pgx.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `ALTER TABLE tem_kv RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	again := steps(3)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.commit(again, time.Now().Add(time.Minute))
	}()
	select {
	case <-logged:
	case <-done:
	}
	if _, err := conn.Exec(t.Context(), `ALTER TABLE away RENAME TO tem_kv`); err != nil {
		t.Error(err)
	}
	<-done
	c.hangUp()
	for i, want := range []error{nil, kv.ErrConflict, nil} {
		if !errors.Is(again[i].Wait(t.Context()), want) {
			t.Errorf("batch %d: %v, want %v", i, again[i].Wait(t.Context()), want)
		}
	}
	if n, _ := count(t, e, part, "n"); n != 3 {
		t.Errorf("the counter is %d after 3 steps", n)
	}
}

// steps are batches that raise a counter from 0.
func steps(n uint64) (group []*pending) {
	var raw []byte
	for i := range n {
		b := new(kv.Batch)
		raise(b, part, "n", i, raw)
		raw = encode(i + 1)
		group = append(group, &pending{Decision: kv.NewDecision(nil), batch: b, lanes: lanes(b)})
	}
	return group
}

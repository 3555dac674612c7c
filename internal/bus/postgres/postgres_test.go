package postgres

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tem/internal/bus"
	"tem/internal/bus/bustest"
	"tem/internal/kv"
	kvpostgres "tem/internal/kv/postgres"
	"tem/internal/pgtest"
)

var cluster pgtest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// patience is how long a notice may take on a busy machine.
const patience = time.Minute

// open returns a bus that does not look at rows during a test, unless it says so.
func open(t *testing.T, o Options) *Bus {
	t.Helper()
	if o.URL == "" {
		o.URL = cluster.Database(t)
	}
	if o.Poll == 0 {
		o.Poll = time.Hour
	}
	o.StateKey = []byte("s")
	b, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) bus.Bus { return open(t, Options{}) })
}

func hear(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Fatalf("no notice: %s", what)
	}
}

func silent(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
		t.Errorf("a notice: %s", what)
	default:
	}
}

func watching(t *testing.T, b *Bus, p kv.Part) <-chan struct{} {
	ch, end := bus.Watch(b, p)
	t.Cleanup(end)
	return ch
}

// TestTwoNodes lets two nodes hear each other, and not themselves twice: what a
// node says comes back to it before what the other says later.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	a, b := open(t, Options{URL: target, Node: "a"}), open(t, Options{URL: target})
	at7, at8, b7, b8 := watching(t, a, 7), watching(t, a, 8), watching(t, b, 7), watching(t, b, 8)
	for range 10 {
		a.Publish(7)
		hear(t, "7 at its own node", at7)
		hear(t, "7 at the other", b7)
		b.Publish(8)
		hear(t, "8 at its own node", b8)
		hear(t, "8 at the other", at8)
		silent(t, "7 came back to its own node", at7)
	}
	silent(t, "7 twice", b7)
}

// cut ends the sessions of a database whose last statement was like pattern.
func cut(t *testing.T, target, pattern string) {
	t.Helper()
	conn := connect(t, target)
	var n int
	err := conn.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE $1`, pattern).Scan(&n)
	if err != nil || n == 0 {
		t.Fatalf("%d sessions were cut, %v", n, err)
	}
}

func connect(t *testing.T, target string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// TestLostListener says something while a node does not listen.
func TestLostListener(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	a, b := open(t, Options{URL: target}), open(t, Options{URL: target})
	ch, quiet := watching(t, b, 7), watching(t, b, 8)
	for range 5 {
		cut(t, target, "%LISTEN%")
		a.Publish(7)
		hear(t, "7 after the connection was lost", ch)
		hear(t, "8, which may have been published meanwhile", quiet)
	}
	silence(t, a, b)
	a.Publish(7)
	hear(t, "7 when all is well again", ch)
	silent(t, "8 when all is well again", quiet)
}

// silence returns when b has heard all that a had to say.
func silence(t *testing.T, a, b *Bus) {
	t.Helper()
	ch, end := bus.Watch(b, 999)
	defer end()
	for range 2 { // the first may be the notice to everybody
		a.Publish(999)
		hear(t, "999", ch)
	}
}

// TestLostSender cuts the connection that speaks.
func TestLostSender(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	a, b := open(t, Options{URL: target}), open(t, Options{URL: target})
	ch := watching(t, b, 7)
	a.Publish(7)
	hear(t, "the first", ch)
	cut(t, target, "%pg_notify%")
	a.Publish(7)
	hear(t, "after the cut", ch)
}

// TestCrash crashes the server: nobody is blocked, what is pending is a set, and
// it is sent afterwards.
func TestCrash(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	target, err := server.Create(t.Context(), "mail")
	if err != nil {
		t.Fatal(err)
	}
	a, b := open(t, Options{URL: target}), open(t, Options{URL: target})
	ch := watching(t, b, 7)
	a.Publish(7)
	hear(t, "before the crash", ch)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	for i := range kv.Part(10000) {
		a.Publish(i % 50)
	}
	if n := len(a.pendingNow()); n > 50 {
		t.Errorf("%d partitions are pending of 50", n)
	}
	hear(t, "after the crash", ch)
	silence(t, a, b)
}

// pendingNow is a copy of the set.
func (b *Bus) pendingNow() []kv.Part {
	list := b.takePending()
	for _, p := range list {
		b.Publish(p)
	}
	return list
}

// TestPoll has nothing but the rows to go by: nobody publishes.
func TestPoll(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	e, err := kvpostgres.Open(t.Context(), kvpostgres.Options{URL: target})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	b := open(t, Options{URL: target, Poll: 10 * time.Millisecond})
	moving, still, absent := watching(t, b, 70), watching(t, b, 71), watching(t, b, 72)
	write(t, e, 71, "s", "0")
	hear(t, "first look", moving)
	hear(t, "first look", still)
	hear(t, "first look", absent)
	for _, state := range []string{"1", "2", "", "3"} {
		write(t, e, 70, "s", state)
		hear(t, "state "+state, moving)
		write(t, e, 71, "other row", state)
	}
	// Whatever the looks at 71 found before is told by now; from here on nothing moves.
	select {
	case <-still:
	default:
	}
	for _, state := range []string{"4", "5", "6"} {
		write(t, e, 70, "s", state)
		hear(t, "state "+state, moving)
	}
	silent(t, "a state row that stays", still)
	silent(t, "no state row", absent)
}

func write(t *testing.T, e kv.Engine, p kv.Part, key, val string) {
	t.Helper()
	b := new(kv.Batch)
	b.Set(p, []byte(key), []byte(val))
	if err := kv.Commit(t.Context(), e, b); err != nil {
		t.Fatal(err)
	}
}

// TestPollPlan looks at how the server finds the rows: by the primary key.
func TestPollPlan(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	e, err := kvpostgres.Open(t.Context(), kvpostgres.Options{URL: target})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	conn, err := open(t, Options{URL: target}).listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Prepare(t.Context(), "poll", pollSQL); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE poll('{1,2}', 's')`, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(plan) != 2 || !strings.Contains(plan[1], "part = ANY") || !strings.Contains(plan[1], "Index Cond") {
		t.Errorf("%v:\n%s", err, strings.Join(plan, "\n"))
	}
}

// TestPollWithoutTable looks before any engine has made the table.
func TestPollWithoutTable(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	a, b := open(t, Options{URL: target}), open(t, Options{URL: target, Poll: time.Millisecond})
	ch, quiet := watching(t, b, 7), watching(t, b, 8)
	for range 50 {
		a.Publish(7)
		hear(t, "7", ch)
	}
	silent(t, "8, as after a lost connection", quiet)
	e, err := kvpostgres.Open(t.Context(), kvpostgres.Options{URL: target})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	write(t, e, 7, "s", "1")
	hear(t, "the row", ch)
}

// TestCoalescing publishes much in a short time and counts what the server is
// made to carry.
func TestCoalescing(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "LISTEN "+channel); err != nil {
		t.Fatal(err)
	}
	b := open(t, Options{URL: target})
	start := time.Now()
	const distinct, last = 5000, kv.Part(1 << 40)
	for i := range kv.Part(2 * distinct) {
		b.Publish(kv.FirstAccount + i%distinct)
	}
	b.Publish(last)
	seen := make(map[kv.Part]bool)
	notices := 0
	for ; !seen[last] || len(seen) <= distinct; notices++ {
		n, err := conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, parts, err := parsePayload(n.Payload)
		if err != nil || len(n.Payload) >= 8000 {
			t.Fatalf("a payload of %d octets: %v", len(n.Payload), err)
		}
		for _, p := range parts {
			seen[p] = true
		}
	}
	// Each round sends at most what a round of all partitions needs.
	rounds := int(time.Since(start)/gather) + 1
	most := rounds + 2*distinct*6/maxPayload
	if notices > most || notices > 2*distinct/10 {
		t.Errorf("%d notices for %d publications, want %d at most", notices, 2*distinct, most)
	}
	t.Logf("%d notices for %d publications", notices, 2*distinct)
}

// TestGather publishes again as soon as the last notice has arrived: they come no
// faster than the sender's pause allows.
func TestGather(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	conn := connect(t, target)
	if _, err := conn.Exec(t.Context(), "LISTEN "+channel); err != nil {
		t.Fatal(err)
	}
	b := open(t, Options{URL: target})
	const n = 20
	start := time.Now()
	for range n {
		b.Publish(7)
		if _, err := conn.WaitForNotification(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < (n-1)*gather {
		t.Errorf("%d notices one after the other took %v, want %v at least", n, took, (n-1)*gather)
	}
}

// TestClose sends what is pending and ends.
func TestClose(t *testing.T) {
	t.Parallel()
	target := cluster.Database(t)
	a, b := open(t, Options{URL: target}), open(t, Options{URL: target})
	ch := watching(t, b, 7)
	a.Publish(7)
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	a.Publish(8)
	hear(t, "published before Close", ch)
}

func TestNodeName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space", "\x00", string(make([]byte, 200))} {
		if _, err := Open(t.Context(), Options{URL: "postgres:///none", Node: name}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

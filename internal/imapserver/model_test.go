package imapserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/address"
	blobmemory "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/directory"
	"tem/internal/kv/memory"
	"tem/internal/mail"
)

// The model test: several sessions send random commands, one at a time or a few
// in one write. What is truly in the mailboxes is kept in plain lists
// (model_truth_test.go), what each client may believe after all that it was told
// beside it (model_client_test.go), and every response must agree with both. A
// world is made of its seed alone; TEM_MODEL_SEED runs one of them again.

const (
	modelWorlds   = 10
	modelCommands = 2000 // in each world
	modelNights   = 50   // how many times more by night
)

func TestModel(t *testing.T) {
	t.Parallel()
	first, worlds := uint64(1), modelWorlds
	if os.Getenv("TEM_NIGHTLY") != "" {
		first, worlds = uint64(time.Now().UnixNano()), modelWorlds*modelNights
	}
	if text := os.Getenv("TEM_MODEL_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("TEM_MODEL_SEED: %v", err)
		}
		first, worlds = seed, 1
	}
	for i := range uint64(worlds) {
		t.Run(fmt.Sprint("seed=", first+i), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newWorld(t, first+i).run() })
		})
	}
}

// world is a mail system with everybody who uses it.
type world struct {
	t        *testing.T
	seed     uint64
	dice     *dice
	servers  []*Server // of one store each; the stores share an engine
	accounts []*truth
	clients  []*client
	words    int      // makes each message another
	script   []string // the last lines of all sessions
}

// pruneAfter is how far back the change logs of a world reach.
const pruneAfter = 3 * time.Hour

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, dice: &dice{seed}}
	engine, bodies, bus := memory.New(), blobmemory.New(), local.New()
	start := time.Now()
	dir, err := directory.Open(t.Context(), directory.Options{KV: engine, Now: func() time.Time { return start }}) // logins stay verified
	if err != nil {
		t.Fatal(err)
	}
	w.addAccounts(dir)
	stores := 1 + w.dice.n(3)/2
	for range stores {
		store, err := mail.Open(t.Context(), mail.Options{KV: engine, Blobs: bodies, Bus: bus, Shared: stores > 1, KeepLog: pruneAfter})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		done := make(chan struct{})
		go func() { defer close(done); store.Run(ctx) }()
		t.Cleanup(func() { stop(); <-done })
		w.servers = append(w.servers, New(Options{Hostname: "mx.x.example", Auth: dir, Directory: dir, Mail: store,
			InsecureAuth: func(net.Addr) bool { return true }, IdleTimeout: 1000 * time.Hour}))
	}
	for n := range 2 + w.dice.n(4) {
		w.clients = append(w.clients, w.newClient(n))
	}
	return w
}

func (w *world) addAccounts(dir *directory.Directory) {
	if err := dir.AddDomain(w.t.Context(), "x.example"); err != nil {
		w.t.Fatal(err)
	}
	for n := range 1 + w.dice.n(2) {
		name := string(rune('a' + n))
		if _, err := dir.AddAccount(w.t.Context(), address.Address{Local: name, Domain: "x.example"}, "", "pass word", 0); err != nil {
			w.t.Fatal(err)
		}
		w.accounts = append(w.accounts, newTruth(name+"@x.example"))
	}
}

// run lets the clients act in turn, then compares what each believes.
func (w *world) run() {
	for n := 0; n < modelCommands; {
		if w.dice.oneIn(100) {
			w.wait()
		}
		c := pickOne(w.dice, w.clients)
		n += c.act()
		w.news()
	}
	for _, c := range w.clients {
		c.finish()
		w.news()
	}
}

// wait lets time pass: sessions rest, and sometimes the change log is pruned.
func (w *world) wait() {
	d := restAfter + time.Second
	if w.dice.oneIn(3) {
		d = pruneAfter + 2*time.Hour
	}
	w.note("-- %v pass", d)
	time.Sleep(d)
}

// news lets those in IDLE hear what happened.
func (w *world) news() {
	for _, c := range w.clients {
		if c.idle != nil {
			c.hearNews()
		}
	}
}

// keepLines is how much of the script a failure shows.
const keepLines = 150

func (w *world) note(format string, args ...any) {
	w.script = append(w.script, fmt.Sprintf(format, args...))
	if len(w.script) > 2*keepLines {
		w.script = append(w.script[:0], w.script[keepLines:]...)
	}
}

// fail ends the test with the contradiction and what led to it.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n\nrun it again with TEM_MODEL_SEED=%d\n%s\n%s", fmt.Sprintf(format, args...), w.seed,
		strings.Join(w.script[max(0, len(w.script)-keepLines):], "\n"), fmt.Sprintf(format, args...))
}

// dice is a splitmix64 generator.
type dice struct{ state uint64 }

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n is one of 0 to n-1.
func (d *dice) n(n int) int { return int(d.next() % uint64(n)) }

func (d *dice) oneIn(n int) bool { return d.n(n) == 0 }

func pickOne[T any](d *dice, list []T) T { return list[d.n(len(list))] }

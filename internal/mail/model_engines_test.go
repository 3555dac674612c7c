package mail

import (
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/blob/s3"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/kv/postgres"
	"tem/internal/pgtest"
	"tem/internal/s3test"
)

// modelEngines are what the model is held against: for each run a machine.
var modelEngines = map[string]func(t *testing.T) func(*rapid.T) *machine{
	"memory": func(*testing.T) func(*rapid.T) *machine {
		return func(t *rapid.T) *machine {
			o := Options{KV: memory.New(), Blobs: blobmemory.New()}
			return newMachine(t, alice, newClock(), o, o)
		}
	},
	"pebble": func(*testing.T) func(*rapid.T) *machine { return pebbleMachine },
	"postgres and s3": func(t *testing.T) func(*rapid.T) *machine {
		url, bucket := clusterPlaces(t)
		one, two := clusterNode(t, url, bucket), clusterNode(t, url, bucket)
		c, base := newClock(), kv.Part(alice)
		return func(t *rapid.T) *machine { // other accounts each time
			base += 2
			return newMachine(t, base, c, one, two)
		}
	},
}

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// clusterPlaces starts a database and a bucket of the test's own.
func clusterPlaces(t *testing.T) (url, bucket string) {
	url, err := pgtest.New(t).Create(t.Context(), "model")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := s3test.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Stop(); err != nil {
			t.Error(err)
		}
	})
	if bucket, err = objects.Create(t.Context(), "model"); err != nil {
		t.Fatal(err)
	}
	return url, bucket
}

// clusterNode is one of several processes on a database and a bucket.
func clusterNode(t *testing.T, url, bucket string) Options {
	e, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	at, err := s3.ParseURL(bucket, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := s3.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bodies.Close() })
	return Options{KV: e, Blobs: bodies}
}

// pebbleMachine can lose whatever was not synced.
func pebbleMachine(t *rapid.T) *machine {
	fs := vfs.NewCrashableMem()
	e := newPebble(t, fs)
	bodies := blobmemory.New()
	m := newMachine(t, alice, newClock(), Options{KV: e, Blobs: bodies}, Options{KV: e, Blobs: bodies})
	m.crash = func(t *rapid.T, m *machine) {
		old := m.stores[0].KV
		fs = fs.CrashClone(vfs.CrashCloneCfg{})
		e := newPebble(t, fs)
		for n, s := range m.stores {
			o := s.Options
			o.KV = e
			m.stores[n] = m.open(t, o)
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// slowRuns is how many runs engines get whose commits take a disk's time.
const slowRuns = 8

func TestModel(t *testing.T) {
	t.Parallel()
	for name, prepare := range modelEngines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start, runs, slow := prepare(t), 0, name == "postgres and s3"
			rapid.Check(t, func(rt *rapid.T) {
				if runs++; slow && runs > slowRuns {
					return
				}
				m := start(rt)
				rt.Repeat(map[string]func(*rapid.T){
					"deliver": m.deliver, "deliver again": m.deliver, "flag": m.flag, "remove": m.remove, "transfer": m.transfer, "carry": m.carry,
					"create": m.create, "delete": m.delete, "rename": m.rename, "restore": m.restore, "subscribe": m.subscribe,
					"replace": m.replace, "label": m.label, "annotate": m.annotate, "share": m.share, "limit": m.limit, "age": m.age, "restart": m.restart, "gather": m.gather, "crash": m.lose, "sync": m.sync, "": m.check,
				})
				m.sound(rt)
				if !slow { // or else its engines are those of the other runs too
					m.stores[0].KV.Close()
				}
			})
		})
	}
}

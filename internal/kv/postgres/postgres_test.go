package postgres

import (
	"os"
	"testing"

	"tem/internal/kv"
	"tem/internal/kv/kvtest"
	"tem/internal/pgtest"
)

var cluster pgtest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// open returns an engine on a database of the test's own.
func open(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.URL == "" {
		o.URL = cluster.Database(t)
	}
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestContract(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kv.Engine { return open(t, Options{}) })
}

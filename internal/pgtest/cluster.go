package pgtest

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// Cluster is the one server that the tests of a package share, each with a
// database of its own. It starts when the first of them asks.
//
//	var cluster pgtest.Cluster
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }
type Cluster struct {
	once   sync.Once
	server *Server
	err    error
	count  atomic.Int64 // of databases made so far
}

// Main runs the tests, stops the server and returns the exit code.
func (c *Cluster) Main(m *testing.M) int {
	code := m.Run()
	if c.server == nil {
		return code
	}
	if err := c.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Server returns the shared server. Without PostgreSQL the test fails.
func (c *Cluster) Server(t testing.TB) *Server {
	t.Helper()
	c.once.Do(func() { c.server, c.err = Start("") })
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.server
}

// Database makes an empty database for the test and returns its URL.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	s := c.Server(t)
	name := fmt.Sprint("test", c.count.Add(1))
	url, err := s.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// New starts a server of the test's own, to be crashed and stopped at will.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

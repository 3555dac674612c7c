package s3test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// Shared is the one server that the tests of a package share, each with a
// bucket of its own. It starts when the first of them asks.
//
//	var server s3test.Shared
//
//	func TestMain(m *testing.M) { os.Exit(server.Main(m)) }
type Shared struct {
	once   sync.Once
	server *Server
	err    error
	count  atomic.Int64 // of buckets made so far
}

// Main runs the tests, stops the server and returns the exit code.
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	if s.server == nil {
		return code
	}
	if err := s.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Bucket makes an empty bucket and returns the address that a store in it
// has. Without versitygw the test fails and tells how to get it.
func (s *Shared) Bucket(t testing.TB) string {
	t.Helper()
	s.once.Do(func() { s.server, s.err = Start("") })
	if s.err != nil {
		t.Fatal(s.err)
	}
	address, err := s.server.Create(t.Context(), fmt.Sprint("test", s.count.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return address
}

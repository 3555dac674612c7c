package outside

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The bases that are given out: below the ports that the system gives to
// outgoing connections, and so far apart that no two of them share a port.
const (
	firstBase = 10_000
	bases     = 360
	baseStep  = 57 // no multiple of it is the difference of two offsets
)

// offsets are the ports of a lab, or of one server, above their base.
func offsets() (list []int) {
	for _, p := range []int{25, 110, 143, 443, 465, 587, 993, 995} {
		list = append(list, p, p+1000)
	}
	return list
}

// FreeBase finds a --port-base whose ports are free, and keeps it until the
// test ends: from this process and from others by a lock, which the system
// takes away with the process.
func FreeBase(t testing.TB) int {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("tem-test-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range bases {
		base := firstBase + baseStep*((os.Getpid()*37+i)%bases)
		lock, err := claim(filepath.Join(dir, fmt.Sprint(base)))
		if err != nil {
			t.Fatal(err)
		}
		if lock == nil {
			continue
		}
		if allFree(base) {
			t.Cleanup(func() { lock.Close() })
			return base
		}
		lock.Close()
	}
	t.Fatalf("no ports are free: %d bases were tried", bases)
	return 0
}

// claim locks a file; nil: somebody else has.
func claim(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil, nil
	}
	return f, nil
}

// allFree looks at the ports once, before anybody is told of them.
func allFree(base int) bool {
	for _, p := range offsets() {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+p))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

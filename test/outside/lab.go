// Package outside runs the built program for tests that look at it from outside:
// it builds it once, starts it at ports that are free, waits until it is ready
// and ends it. Only tests import it.
//
// Invariant: nothing that goes wrong is hidden. A program that does not start,
// does not stop, or ends with a code other than 0 unless the test killed it
// fails the test, and the log is shown of every test that failed. Processes
// are ended by their id; none outlives its test.
//
// Each Process owns one goroutine, which ends with it.
package outside

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// How long the program may take, on a machine that is slow and busy.
const (
	startTime = 60 * time.Second
	stopTime  = 60 * time.Second
)

// Main is TestMain for a package whose tests run the program: it builds it,
// and has program name it while they do. It returns the exit code.
func Main(m *testing.M, program *string) int {
	dir, err := os.MkdirTemp("", "tem-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	*program = filepath.Join(dir, "tem")
	if out, err := exec.Command("go", "build", "-o", *program, "tem/cmd/tem").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// Town is one server of a lab, as `tem localserve --json` describes it.
type Town struct {
	Hostname string         `json:"hostname"`
	Domain   string         `json:"domain"`
	Address  string         `json:"address"`
	Data     string         `json:"data"`
	Ports    map[string]int `json:"ports"`
	Accounts []Person       `json:"accounts"`
}

// Person is an account and its password.
type Person struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

// At is where a town has a service: "127.0.0.1:2025".
func (s Town) At(service string) string { return fmt.Sprintf("%s:%d", s.Address, s.Ports[service]) }

// Lab is one `tem localserve`: two towns with two people each.
type Lab struct {
	*Process `json:"-"` // the running one
	CA       string     `json:"ca"` // file with the certificate that signed theirs
	Servers  []Town     `json:"servers"`

	Dir  string `json:"-"` // where everything of it lies
	Line string `json:"-"` // the JSON that it printed when it was ready

	program string
	base    int
	log     *Log
}

// New starts a localserve of the test's own, in a new directory, and ends it
// with the test.
func New(t testing.TB, program string) *Lab {
	t.Helper()
	l := &Lab{Dir: t.TempDir(), program: program, base: FreeBase(t), log: NewLog(t, "the lab")}
	t.Cleanup(func() { l.End(t) })
	l.Start(t)
	return l
}

// Start runs localserve on the lab's directory, for the first time or after
// its end, and returns when it is ready.
func (l *Lab) Start(t testing.TB) {
	t.Helper()
	ready := newFirstLine()
	l.Process = Start(t, l.log, ready, l.program, "localserve", "--dir", l.Dir, "--json", "--port-base", fmt.Sprint(l.base))
	select {
	case l.Line = <-ready.line:
	case <-l.Exited():
		t.Fatalf("localserve ended with %d before it was ready", l.Wait(t))
	case <-time.After(startTime):
		t.Fatalf("localserve was not ready in %v", startTime)
	}
	if err := json.Unmarshal([]byte(l.Line), l); err != nil {
		t.Fatalf("localserve said %q: %v", l.Line, err)
	}
}

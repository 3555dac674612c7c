package outside

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Log keeps what a process writes, which a test may read meanwhile.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// shown is how much of a log a test that failed shows, its end: enough for
// what led to a wait of minutes that was in vain.
const shown = 32_000

// NewLog is a log that is shown if the test fails.
func NewLog(t testing.TB, name string) *Log {
	l := new(Log)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, Tail(l.String(), shown))
		}
	})
	return l
}

// Write is safe beside String.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Tail is the end of a text, at most n octets.
func Tail(s string, n int) string { return s[max(0, len(s)-n):] }

// Process is the program while it runs, and after.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
	killed bool          // by the test, so that its code says nothing
}

// Start runs the program, which writes its log into log and what it prints
// into out (nil: nowhere). Who starts it also ends it: see End.
func Start(t testing.TB, log *Log, out io.Writer, program string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	return p
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal asks the process to do something; one that has ended does not hear it.
func (p *Process) Signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

// Kill ends the process as a power cut would.
func (p *Process) Kill() {
	p.killed = true
	p.cmd.Process.Kill()
	<-p.exited
}

// Wait waits for the end of the process and returns its exit code.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(stopTime):
		t.Errorf("process %d did not end in %v", p.PID(), stopTime)
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// End stops a process that still runs, as an administrator does, and waits for
// its end, which must be an orderly one. Of none, and of one that was killed, it does nothing.
func (p *Process) End(t testing.TB) {
	t.Helper()
	if p == nil || p.killed {
		return
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(t); code != 0 && !p.killed {
		t.Errorf("process %d ended with %d", p.PID(), code)
	}
}

// RSS is the resident memory of the process in octets.
func (p *Process) RSS(t testing.TB) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kib int64
	if _, err = fmt.Sscan(after, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// firstLine gives the first line that is written to it, and drops the rest.
type firstLine struct {
	line chan string // holds it
	got  []byte
	done bool
}

func newFirstLine() *firstLine { return &firstLine{line: make(chan string, 1)} }

func (f *firstLine) Write(p []byte) (int, error) {
	if f.done {
		return len(p), nil
	}
	f.got = append(f.got, p...)
	if line, _, ok := bytes.Cut(f.got, []byte("\n")); ok {
		f.line <- string(line)
		f.done, f.got = true, nil
	}
	return len(p), nil
}

// Package e2e drives the built program from outside, with programs that this
// project did not write. Each NN-name/ holds Python scripts that speak to a
// fresh `tem localserve`; a script that ends with 0 has passed.
//
// Scripts find the running system in the environment: TEM is the program, LAB
// the line of JSON that localserve printed. python/lab.py reads both.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tem-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tem")
	if out, err := exec.Command("go", "build", "-o", binary, "tem/cmd/tem").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// town is one server of a lab, as `tem localserve --json` describes it.
type town struct {
	Hostname string         `json:"hostname"`
	Domain   string         `json:"domain"`
	Address  string         `json:"address"`
	Ports    map[string]int `json:"ports"`
	Accounts []person       `json:"accounts"`
}

type person struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

func (s town) at(service string) string { return fmt.Sprintf("%s:%d", s.Address, s.Ports[service]) }

// lab is one running localserve.
type lab struct {
	PID     int    `json:"pid"`
	CA      string `json:"ca"`
	Servers []town `json:"servers"`

	dir    string
	base   int
	line   string // the JSON
	cmd    *exec.Cmd
	log    *lockedBuffer
	exited chan struct{} // closed when the process has ended
}

// lockedBuffer takes a process's standard error while a test may read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newLab starts a localserve of the test's own and stops it at the end.
func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{dir: t.TempDir(), base: freeBase(t), log: new(lockedBuffer)}
	l.start(t)
	t.Cleanup(func() {
		l.signal(syscall.SIGTERM)
		l.wait(t)
		if t.Failed() {
			t.Logf("server's log:\n%s", tail(l.log.String(), 6000))
		}
	})
	return l
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// start runs localserve on the lab's directory and waits until it is ready.
func (l *lab) start(t testing.TB) {
	t.Helper()
	l.cmd = exec.Command(binary, "localserve", "--dir", l.dir, "--json", "--port-base", fmt.Sprint(l.base))
	l.cmd.Stderr = l.log
	out, err := l.cmd.StdoutPipe()
	must(t, err)
	must(t, l.cmd.Start())
	l.exited = make(chan struct{})
	ready := make(chan string, 1)
	go func(cmd *exec.Cmd, exited chan struct{}) {
		in := bufio.NewReader(out)
		first, _ := in.ReadString('\n')
		ready <- first
		in.WriteTo(new(bytes.Buffer))
		cmd.Wait()
		close(exited)
	}(l.cmd, l.exited)
	select {
	case l.line = <-ready:
	case <-time.After(30 * time.Second):
		l.cmd.Process.Kill()
		t.Fatalf("localserve said nothing in 30 s\n%s", l.log)
	}
	if err := json.Unmarshal([]byte(l.line), l); err != nil {
		t.Fatalf("localserve said %q: %v\n%s", l.line, err, l.log)
	}
}

func (l *lab) signal(s syscall.Signal) { l.cmd.Process.Signal(s) }

// wait waits for the end of the process and returns its exit code.
func (l *lab) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-l.exited:
	case <-time.After(40 * time.Second):
		l.cmd.Process.Kill()
		t.Errorf("the server did not stop in 40 s")
		<-l.exited
	}
	return l.cmd.ProcessState.ExitCode()
}

// rss is the resident memory of the server in octets.
func (l *lab) rss(t testing.TB) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	must(t, err)
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kib int64
	_, err = fmt.Sscan(after, &kib)
	must(t, err)
	return kib << 10
}

// python runs one script against the lab.
func (l *lab) python(t *testing.T, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", script)
	here, err := filepath.Abs("python")
	must(t, err)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+here, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1", "TEM="+binary, "TEM_DIR="+l.dir, "LAB="+l.line)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, tail(string(out), 4000))
	}
}

// TestScripts runs every script; those of one directory share a lab.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("[0-9]*/*.py")
	must(t, err)
	if len(scripts) < 5 {
		t.Fatalf("only %d scripts found", len(scripts))
	}
	byDir := make(map[string][]string)
	for _, s := range scripts {
		byDir[filepath.Dir(s)] = append(byDir[filepath.Dir(s)], s)
	}
	for dir, list := range byDir {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for _, s := range list {
				t.Run(strings.TrimSuffix(filepath.Base(s), ".py"), func(t *testing.T) { l.python(t, s) })
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// taken are the ports that this process has given out.
var taken = struct {
	sync.Mutex
	ports map[int]bool
}{ports: make(map[int]bool)}

// freeBase finds a --port-base whose ports are all free, below the range that
// the system gives to outgoing connections.
func freeBase(t testing.TB) int {
	t.Helper()
	taken.Lock()
	defer taken.Unlock()
	for i := range 400 {
		base := 10000 + (os.Getpid()*37+i*31)%20000
		if ports := portsOf(base); allFree(ports) {
			for _, p := range ports {
				taken.ports[p] = true
			}
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func portsOf(base int) (ports []int) {
	for _, p := range []int{25, 110, 143, 443, 465, 587, 993, 995} {
		ports = append(ports, base+p, base+1000+p)
	}
	return ports
}

func allFree(ports []int) bool {
	for _, p := range ports {
		if taken.ports[p] {
			return false
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

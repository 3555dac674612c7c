// Package interop lets mail programs that this project did not write work with
// the built program: each NN-peer/ holds the peer's configuration and the
// scripts that drive it. A script that ends with 0 has passed.
//
// The scripts of a directory share one `tem localserve` (four accounts on two
// servers); no two directories share anything, so they run in parallel. What a
// peer left on the server is read by another program, Python's imaplib.
//
// Peers that are mail servers (30 and above) have a world of their own instead,
// python/world.py: `tem serve`, its DNS, and them, each at an address of its own.
// They start as root only.
//
// Scripts find the running system in the environment, as those of test/e2e do,
// and share python/peer.py. What is missing on this machine is a failure and
// not a skipped test: test/packages installs it.
package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	dir, err := os.MkdirTemp("", "tem-interop-")
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
	Address  string         `json:"address"`
	Domain   string         `json:"domain"`
	Data     string         `json:"data"`
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

	dir  string
	line string // the JSON
}

// newLab starts a localserve of the test's own and stops it at the end.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{dir: t.TempDir()}
	log := new(bytes.Buffer)
	cmd := exec.Command(binary, "localserve", "--dir", l.dir, "--json", "--port-base", fmt.Sprint(freeBase(t)))
	cmd.Stderr = log // read after the process has ended
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	in := bufio.NewReader(out)
	l.line, _ = in.ReadString('\n')
	late.Stop()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(40*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		io.Copy(io.Discard, in)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if t.Failed() {
			t.Logf("server's log:\n%s", tail(log.String(), 6000))
		}
	})
	if err := json.Unmarshal([]byte(l.line), l); err != nil {
		t.Fatalf("localserve said %q: %v", l.line, err)
	}
	return l
}

// fresh adds an account to the first server.
func (l *lab) fresh(t *testing.T, name string) person {
	t.Helper()
	s := l.Servers[0]
	p := person{Address: name + "@" + s.Domain, Password: "a fresh password"}
	cmd := exec.Command(binary, "account", "add", "--data", s.Data, "--password-file", "-", p.Address)
	cmd.Stdin = strings.NewReader(p.Password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("account add: %v\n%s", err, out)
	}
	return p
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// interpreters say what runs a script, by the end of its name.
// Python is Debian's own, to which the modules belong that packages bring.
var interpreters = map[string]string{".py": "/usr/bin/python3", ".pl": "perl", ".mjs": "node"}

// script runs one script against the lab, in a directory and home of its own.
func (l *lab) script(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	file, err := filepath.Abs(name)
	must(t, err)
	cmd := exec.CommandContext(ctx, interpreters[filepath.Ext(name)], file)
	cmd.Dir = t.TempDir()
	cache, err := os.UserCacheDir()
	must(t, err)
	paths := filepath.Join(filepath.Dir(file), "../python") + ":" + filepath.Join(filepath.Dir(file), "../../e2e/python")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+paths, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1", "LC_ALL=C.UTF-8", "HOME="+cmd.Dir,
		"PEER="+filepath.Dir(file), "TEM="+binary, "TEM_DIR="+l.dir, "LAB="+l.line, "TEM_CACHE="+cache)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	t.Logf("%s", tail(string(out), 8000))
}

// TestPeers runs every script.
func TestPeers(t *testing.T) {
	t.Parallel()
	byDir := make(map[string][]string)
	for end := range interpreters {
		scripts, err := filepath.Glob("[0-9]*/*" + end)
		must(t, err)
		for _, s := range scripts {
			byDir[filepath.Dir(s)] = append(byDir[filepath.Dir(s)], s)
		}
	}
	if len(byDir) < 20 {
		t.Fatalf("only %d peers found", len(byDir))
	}
	for dir, scripts := range byDir {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			l := new(lab)
			if dir < "30" || dir >= "90" {
				l = newLab(t)
			}
			for _, s := range scripts {
				t.Run(filepath.Base(s), func(t *testing.T) { l.script(t, s) })
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

// taken are the bases that this process has given out.
var taken = struct {
	sync.Mutex
	bases map[int]bool
}{bases: make(map[int]bool)}

// freeBase finds a --port-base whose ports are all free, below the range that
// the system gives to outgoing connections and beside the one of test/e2e.
func freeBase(t testing.TB) int {
	t.Helper()
	taken.Lock()
	defer taken.Unlock()
	for i := range 80 {
		base := 2000 + (os.Getpid()*2000+i*2000)%28000 + (os.Getpid()+i/14*100)%900
		if !taken.bases[base] && allFree(base) {
			taken.bases[base] = true
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func allFree(base int) bool {
	for _, p := range []int{25, 110, 143, 443, 465, 587, 993, 995, 1025, 1110, 1143, 1443, 1465, 1587, 1993, 1995} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+p))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

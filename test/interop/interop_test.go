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
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tem/test/outside"
)

// binary is the program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(outside.Main(m, &binary)) }

type person = outside.Person

// lab is one running localserve.
type lab struct{ *outside.Lab }

// newLab starts a localserve of the test's own and stops it at the end.
func newLab(t testing.TB) *lab {
	t.Helper()
	return &lab{outside.New(t, binary)}
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
		"PEER="+filepath.Dir(file), "TEM="+binary, "TEM_DIR="+l.Dir, "LAB="+l.Line, "TEM_CACHE="+cache)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	t.Logf("%s", outside.Tail(string(out), 32_000))
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
			l := &lab{new(outside.Lab)} // none
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

// Package e2e drives the built program from outside, with programs that this
// project did not write. Each NN-name/ holds Python scripts that speak to a
// fresh `tem localserve`; a script that ends with 0 has passed.
//
// Scripts find the running system in the environment: TEM is the program, LAB
// the line of JSON that localserve printed. python/lab.py reads both.
package e2e

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

// What outside has, under the names that it has here.
type (
	town   = outside.Town
	person = outside.Person
)

// lab is one running localserve.
type lab struct{ *outside.Lab }

// newLab starts a localserve of the test's own and stops it at the end.
func newLab(t testing.TB) *lab {
	t.Helper()
	return &lab{outside.New(t, binary)}
}

func tail(s string, n int) string { return outside.Tail(s, n) }

// python runs one script against the lab.
func (l *lab) python(t *testing.T, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", script)
	here, err := filepath.Abs("python")
	must(t, err)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+here, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1", "TEM="+binary, "TEM_DIR="+l.Dir, "LAB="+l.Line)
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

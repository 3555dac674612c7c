package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// profile has perf(1) record where Tem spends a row, in a file that is named
// for the row: perf report --no-children -i FILE.
func (o *options) profile(name string, pids []int) (stop func()) {
	if o.profiles == "" || !strings.HasPrefix(name, "Tem") {
		return func() {}
	}
	file := filepath.Join(o.profiles, strings.NewReplacer(" ", "-", ",", "").Replace(name)+".perf")
	cmd := exec.Command("perf", "record", "-q", "-g", "-F", "999", "-p", fmt.Sprint(pids[0]), "-o", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "no profile:", err)
		return func() {}
	}
	return func() { _ = cmd.Process.Signal(syscall.SIGINT); _ = cmd.Wait() }
}

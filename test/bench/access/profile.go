package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// profile has perf(1) record where Tem spends a row, in a file that is named
// for the row: perf report --no-children -i FILE. What is done to make ready
// is in it too. The figures of such a run are not to be published.
func (b *bench) profile(r *row, m *meter) (stop func()) {
	if b.profiles == "" || m.s != b.servers[0] || r.once {
		return func() {}
	}
	m.span = 4 * time.Second // for enough samples
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune(" ,/().:", c) {
			return '-'
		}
		return c
	}, r.name)
	cmd := exec.Command("perf", "record", "-q", "-g", "-F", "999", "-p", fmt.Sprint(m.s.pids[0]), "-o", filepath.Join(b.profiles, name+".perf"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.note("%s: %v", r.name, err)
		return func() {}
	}
	return func() { _ = cmd.Process.Signal(syscall.SIGINT); _ = cmd.Wait() }
}

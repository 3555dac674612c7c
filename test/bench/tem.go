package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tem/test/bench/machine"
)

const password = "bench-password"

// startTem starts `tem serve` on free ports with its people imported.
func startTem(program, dir string) (*target, error) {
	dir = filepath.Join(dir, "tem")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	smtp, imap := machine.FreePort(), machine.FreePort()
	file := filepath.Join(dir, "tem.toml")
	text := fmt.Sprintf("hostname = \"mail.tem.example\"\ndata = \"data\"\ninsecure_auth = \"loopback\"\n"+
		"[listen]\nsmtp = [%q]\nimap = [%q]\nsubmission = []\nsubmissions = []\npop3 = []\npop3s = []\nimaps = []\n"+
		"[limits]\nconnections_per_address = 0\n", smtp, imap)
	var people strings.Builder
	for i := range users {
		fmt.Fprintf(&people, "u%d@tem.example,%s\n", i, password)
	}
	csv := filepath.Join(dir, "people.csv")
	for name, content := range map[string]string{file: text, csv: people.String()} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	for _, args := range [][]string{{"domain", "add", "tem.example"}, {"account", "import", csv}} {
		cmd := exec.Command(program, append(args, "--config", file)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("tem %s: %w: %s", args, err, out)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	server := exec.Command(program, "serve", "--config", file)
	server.Stderr = log
	if err := server.Start(); err != nil {
		return nil, err
	}
	stop := func() { _ = server.Process.Signal(syscall.SIGTERM); _ = server.Wait() }
	t := &target{name: "Tem", smtp: smtp, imap: imap, password: password, pids: []int{server.Process.Pid}, stop: stop,
		address: func(i int) string { return fmt.Sprintf("u%d@tem.example", i) }}
	if err := t.ready(); err != nil {
		stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return t, nil
}

// ready waits until both ports answer.
func (t *target) ready() error {
	for _, address := range []string{t.smtp, t.imap} {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s does not answer at %s", t.name, address)
			}
		}
	}
	return nil
}

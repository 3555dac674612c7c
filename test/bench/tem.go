package main

import (
	"errors"
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

// tem is a running `tem serve`.
type tem struct {
	program, file string // its configuration
	pid           int
	log           string
	stop          func()
}

// startTem starts a Tem that takes mail from elsewhere; with a signer it judges it.
func startTem(o *options, name string, signer *signers) (*target, error) {
	t := &target{name: name, smtp: machine.FreePort(), imap: machine.FreePort(), password: password, signer: signer,
		address: func(i int) string { return fmt.Sprintf("u%d@tem.example", i) }}
	server, err := o.serveTem(filepath.Join(o.dir, strings.NewReplacer(" ", "-", ",", "").Replace(name)), temConfig(
		[]string{fmt.Sprintf("smtp = [%q]", t.smtp), fmt.Sprintf("imap = [%q]", t.imap)},
		"[trust]", fmt.Sprintf("enabled = %t", signer != nil),
		"[outbound]", fmt.Sprintf("dns = [%q]", o.names)), users)
	if err != nil {
		return nil, err
	}
	t.pids, t.stop = []int{server.pid}, server.stop
	if err := answers(t.smtp, t.imap); err != nil {
		return nil, server.failed(err)
	}
	return t, nil
}

// temConfig is a configuration that listens where it is told, and nowhere
// else, and has the sections.
func temConfig(listen []string, sections ...string) string {
	text := "hostname = \"mail.tem.example\"\ndata = \"data\"\ninsecure_auth = \"loopback\"\n" +
		"[limits]\nconnections_per_address = 0\n[listen]\n" + strings.Join(listen, "\n") + "\n"
	for _, name := range []string{"smtp", "imap", "submission", "submissions", "pop3", "pop3s", "imaps"} {
		if !strings.Contains(text, "\n"+name+" = ") {
			text += name + " = []\n"
		}
	}
	return text + strings.Join(sections, "\n") + "\n"
}

// serveTem starts Tem in a new directory, with people u0 … of tem.example.
func (o *options) serveTem(dir, config string, people int) (*tem, error) {
	t := &tem{program: o.tem, file: filepath.Join(dir, "tem.toml"), log: filepath.Join(dir, "log")}
	var list strings.Builder
	for i := range people {
		fmt.Fprintf(&list, "u%d@tem.example,%s\n", i, password)
	}
	csv := filepath.Join(dir, "people.csv")
	err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(t.file, []byte(config), 0o600), os.WriteFile(csv, []byte(list.String()), 0o600))
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"domain", "add", "tem.example"}, {"account", "import", csv}} {
		if _, err := t.command(args...); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(t.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	server := exec.Command(t.program, "serve", "--config", t.file)
	server.Stderr = log
	if err := server.Start(); err != nil {
		return nil, err
	}
	t.pid = server.Process.Pid
	t.stop = func() { _ = server.Process.Signal(syscall.SIGTERM); _ = server.Wait() }
	return t, nil
}

// command runs an administrator's command and returns what it prints.
func (t *tem) command(args ...string) (string, error) {
	out, err := exec.Command(t.program, append(args, "--config", t.file)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tem %s: %w: %s", args, err, out)
	}
	return string(out), nil
}

// failed stops the server and adds its log to an error.
func (t *tem) failed(err error) error {
	t.stop()
	text, _ := os.ReadFile(t.log)
	return fmt.Errorf("%w: %s", err, text[max(0, len(text)-4000):])
}

// answers waits until all of these addresses are listened at.
func answers(addresses ...string) error {
	for _, address := range addresses {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("nobody answers at %s", address)
			}
		}
	}
	return nil
}

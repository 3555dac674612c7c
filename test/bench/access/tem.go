package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"tem/internal/blob/dir"
	"tem/internal/bus/local"
	"tem/internal/kv/pebble"
	"tem/internal/mail"
	"tem/test/bench/machine"
)

// newTem configures `tem serve` with its people imported; it does not start it.
func newTem(program, root string, o *options) (*server, error) {
	root = filepath.Join(root, "tem")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	version, _ := exec.Command(program, "version").Output()
	s := &server{name: "Tem", version: string(bytes.TrimSpace(version)), dir: root, imap: machine.FreePort(), pop3: machine.FreePort(), secure: o.tls,
		unindex: func() error { return dropIndexes(filepath.Join(root, "data")) }}
	file := filepath.Join(root, "tem.toml")
	s.launch = func() (int, func(), error) { return launchTem(program, file) }
	people := filepath.Join(root, "people.csv")
	err := errors.Join(os.WriteFile(file, []byte(temConfig(s, o)), 0o600), os.WriteFile(people, []byte(temPeople(o)), 0o600))
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"domain", "add", "bench.example"}, {"account", "import", people}} {
		cmd := exec.Command(program, append(args, "--config", file)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("tem %s: %w: %s", args, err, out)
		}
	}
	return s, nil
}

// temConfig raises the limits on connections; all else is as it comes.
func temConfig(s *server, o *options) string {
	plain := func(address string) string { return fmt.Sprintf("[%q]", address) }
	secure := func(string) string { return "[]" }
	if o.tls {
		plain, secure = secure, plain
	}
	text := fmt.Sprintf("hostname = \"mail.bench.example\"\ndata = \"data\"\ninsecure_auth = \"loopback\"\n"+
		"[listen]\nsmtp = [%q]\nsubmission = []\nsubmissions = []\npop3 = %s\npop3s = %s\nimap = %s\nimaps = %s\n"+
		"[limits]\nconnections = 1000000\nconnections_per_address = 0\n",
		machine.FreePort(), plain(s.pop3), secure(s.pop3), plain(s.imap), secure(s.imap))
	if o.tls {
		text += fmt.Sprintf("[tls]\ncert = %q\nkey = %q\n", o.certificate+".pem", o.certificate+".key")
	}
	return text
}

func temPeople(o *options) string {
	var b strings.Builder
	for _, address := range o.people() {
		fmt.Fprintf(&b, "%s,%s\n", address, password)
	}
	return b.String()
}

func launchTem(program, file string) (int, func(), error) {
	log, err := os.OpenFile(filepath.Join(filepath.Dir(file), "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, nil, err
	}
	defer log.Close()
	cmd := exec.Command(program, "serve", "--config", file)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	return cmd.Process.Pid, func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }, nil
}

// dropIndexes takes the text index of every account away. No command does, so
// the store is opened here while the server does not run.
func dropIndexes(data string) error {
	ctx := context.Background()
	engine, err := pebble.Open(pebble.Options{Dir: filepath.Join(data, "rows")})
	if err != nil {
		return err
	}
	bodies, err := dir.Open(filepath.Join(data, "bodies"))
	if err != nil {
		return errors.Join(err, engine.Close())
	}
	store, err := mail.Open(ctx, mail.Options{KV: engine, Blobs: bodies, Bus: local.New()})
	if err != nil {
		return errors.Join(err, engine.Close())
	}
	accounts, err := store.Registered(ctx)
	for _, a := range accounts {
		err = errors.Join(err, store.DropIndex(ctx, a.ID))
	}
	return errors.Join(err, engine.Close())
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"tem/test/bench/dovecot"
	"tem/test/bench/machine"
)

// startPostfix starts Debian's Postfix with Dovecot behind it over LMTP, from
// configurations of their own in dir, as mdbox with Dovecot's default fsync
// (what an acknowledged letter needs), no filters, no TLS.
func startPostfix(dir string) (*target, error) {
	dir = filepath.Join(dir, "peer")
	t := &target{name: "Postfix+Dovecot", smtp: machine.FreePort(), imap: machine.FreePort(), password: password,
		address: func(i int) string { return fmt.Sprintf("u%d@peer.example", i) }}
	box := dovecot.Config{Dir: dir, IMAP: t.imap, LMTP: true, Sessions: users}
	if err := box.Write(); err != nil {
		return nil, err
	}
	var passwords, recipients strings.Builder
	for i := range users {
		fmt.Fprintf(&passwords, "%s:{PLAIN}%s\n", t.address(i), password)
		fmt.Fprintf(&recipients, "%s ok\n", t.address(i))
	}
	if err := os.WriteFile(filepath.Join(dir, "passwd"), []byte(passwords.String()), 0o644); err != nil {
		return nil, err
	}
	p := postfix{dir: dir, services: smtpd(t.smtp), settings: fmt.Sprintf(`virtual_mailbox_domains = peer.example
virtual_mailbox_maps = hash:%[1]s/postfix/users
virtual_transport = lmtp:unix:%[1]s/run/lmtp
`, dir)}
	if err := p.write(map[string]string{"users": recipients.String()}); err != nil {
		return nil, err
	}
	pid, stop, err := box.Start()
	if err != nil {
		return nil, err
	}
	if err := p.start(); err != nil {
		stop()
		return nil, err
	}
	t.pids = []int{pid, p.pid}
	t.stop = func() { p.stop(); stop() }
	if err := answers(t.smtp, t.imap); err != nil {
		t.stop()
		return nil, p.failed(err)
	}
	return t, nil
}

// postfix is one instance of it.
type postfix struct {
	dir      string
	settings string // lines of main.cf
	services string // lines of master.cf: what listens
	pid      int
	stop     func()
}

// smtpd is the service that takes mail at an address, with options of master(5).
func smtpd(address string, options ...string) string {
	return address + " inet n - n - - smtpd " + strings.Join(options, " ") + "\n"
}

// write writes the configuration and maps, which are looked up by hash.
// Postfix insists on its own users for the queue.
func (p *postfix) write(maps map[string]string) error {
	for _, d := range []string{"postfix", "queue", "data"} {
		if err := os.MkdirAll(filepath.Join(p.dir, d), 0o755); err != nil {
			return err
		}
	}
	if out, err := exec.Command("chown", "postfix", p.dir+"/data").CombinedOutput(); err != nil {
		return fmt.Errorf("owners: %w: %s", err, out)
	}
	files := map[string]string{"main.cf": mainCF(p.dir) + p.settings, "master.cf": p.services + masterCF}
	for name, text := range maps {
		files[name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.dir, "postfix", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for name := range maps {
		if err := p.command("postmap", filepath.Join(p.dir, "postfix", name)); err != nil {
			return err
		}
	}
	return nil
}

// command runs one of Postfix's programs on this instance.
func (p *postfix) command(program string, args ...string) error {
	if out, err := exec.Command(program, append([]string{"-c", filepath.Join(p.dir, "postfix")}, args...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, args, err, out)
	}
	return nil
}

func (p *postfix) start() error {
	cmd := exec.Command("postfix", "-c", filepath.Join(p.dir, "postfix"), "start-fg")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start postfix: %w", err)
	}
	p.pid = cmd.Process.Pid
	p.stop = func() {
		_ = p.command("postfix", "stop")
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	return nil
}

// failed adds the end of the log to an error.
func (p *postfix) failed(err error) error {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return fmt.Errorf("%w\n%s", err, text[max(0, len(text)-4000):])
}

func mainCF(dir string) string {
	return fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
myhostname = mail.peer.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
`, dir)
}

// masterCF are the services that every instance has.
const masterCF = `pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

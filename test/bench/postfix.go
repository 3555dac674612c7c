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
	if err := writePeer(dir, t); err != nil {
		return nil, err
	}
	pid, stop, err := box.Start()
	if err != nil {
		return nil, err
	}
	postfix := exec.Command("postfix", "-c", filepath.Join(dir, "postfix"), "start-fg")
	postfix.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := postfix.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("start postfix: %w", err)
	}
	t.pids = []int{pid, postfix.Process.Pid}
	t.stop = func() {
		_ = exec.Command("postfix", "-c", filepath.Join(dir, "postfix"), "stop").Run()
		_ = postfix.Process.Signal(syscall.SIGTERM)
		_ = postfix.Wait()
		stop()
	}
	time.Sleep(time.Second)
	if err := t.ready(); err != nil {
		t.stop()
		text, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return t, nil
}

// writePeer writes the people and Postfix's configuration; Postfix insists on
// its own users for the queue.
func writePeer(dir string, t *target) error {
	for _, d := range []string{"postfix", "queue", "data"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	if out, err := exec.Command("chown", "postfix", dir+"/data").CombinedOutput(); err != nil {
		return fmt.Errorf("owners: %w: %s", err, out)
	}
	var passwords, recipients strings.Builder
	for i := range users {
		fmt.Fprintf(&passwords, "%s:{PLAIN}%s\n", t.address(i), password)
		fmt.Fprintf(&recipients, "%s ok\n", t.address(i))
	}
	smtpHost, smtpPort, _ := net.SplitHostPort(t.smtp)
	lmtp := filepath.Join(dir, "run", "lmtp")
	files := map[string]string{
		"passwd":            passwords.String(),
		"postfix/users":     recipients.String(),
		"postfix/main.cf":   mainCF(dir, lmtp, smtpHost),
		"postfix/master.cf": masterCF(smtpHost + ":" + smtpPort),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if out, err := exec.Command("postmap", "-c", filepath.Join(dir, "postfix"), filepath.Join(dir, "postfix", "users")).CombinedOutput(); err != nil {
		return fmt.Errorf("postmap: %w: %s", err, out)
	}
	return nil
}

func mainCF(dir, lmtp, address string) string {
	return fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
myhostname = mail.peer.example
mydestination =
inet_interfaces = %[3]s
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = peer.example
virtual_mailbox_maps = hash:%[1]s/postfix/users
virtual_transport = lmtp:unix:%[2]s
smtpd_peername_lookup = no
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
`, dir, lmtp, address)
}

func masterCF(smtp string) string {
	return smtp + ` inet n - n - - smtpd
pickup unix n - n 60 1 pickup
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
}

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startPostfix starts Debian's Postfix with Dovecot behind it over LMTP, from
// configurations of their own in dir, as mdbox with Dovecot's default fsync
// (what an acknowledged letter needs), no filters, no TLS.
func startPostfix(dir string) (*target, error) {
	dir = filepath.Join(dir, "peer")
	t := &target{name: "Postfix+Dovecot", smtp: freePort(), imap: freePort(), password: password,
		address: func(i int) string { return fmt.Sprintf("u%d@peer.example", i) }}
	if err := writePeer(dir, t); err != nil {
		return nil, err
	}
	dovecot := exec.Command("dovecot", "-F", "-c", filepath.Join(dir, "dovecot.conf"))
	if err := dovecot.Start(); err != nil {
		return nil, fmt.Errorf("start dovecot: %w", err)
	}
	postfix := exec.Command("postfix", "-c", filepath.Join(dir, "postfix"), "start-fg")
	postfix.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := postfix.Start(); err != nil {
		_ = dovecot.Process.Signal(syscall.SIGTERM)
		return nil, fmt.Errorf("start postfix: %w", err)
	}
	t.pids = []int{dovecot.Process.Pid, postfix.Process.Pid}
	t.stop = func() {
		_ = exec.Command("postfix", "-c", filepath.Join(dir, "postfix"), "stop").Run()
		_ = postfix.Process.Signal(syscall.SIGTERM)
		_ = postfix.Wait()
		_ = dovecot.Process.Signal(syscall.SIGTERM)
		_ = dovecot.Wait()
	}
	time.Sleep(time.Second)
	if err := t.ready(); err != nil {
		t.stop()
		text, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return t, nil
}

// writePeer writes both configurations. Postfix insists on its own users for
// the queue, Dovecot on one for the mail: vmail is not assumed, mail is.
func writePeer(dir string, t *target) error {
	for _, d := range []string{"", "postfix", "queue", "data", "mail", "run", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	for d := dir; len(d) > 1; d = filepath.Dir(d) { // other users must get through
		if info, err := os.Stat(d); err == nil && info.Mode().Perm()&0o111 != 0o111 {
			if err := os.Chmod(d, info.Mode().Perm()|0o111); err != nil {
				return err
			}
		}
	}
	log := filepath.Join(dir, "log")
	if err := os.WriteFile(log, nil, 0o666); err != nil {
		return err
	}
	if out, err := exec.Command("sh", "-c", "chown -R mail: "+dir+"/mail && chown postfix "+dir+"/data && chmod 666 "+log).CombinedOutput(); err != nil {
		return fmt.Errorf("owners: %w: %s", err, out)
	}
	var passwords, recipients strings.Builder
	for i := range users {
		fmt.Fprintf(&passwords, "%s:{PLAIN}%s\n", t.address(i), password)
		fmt.Fprintf(&recipients, "%s ok\n", t.address(i))
	}
	smtpHost, smtpPort, _ := net.SplitHostPort(t.smtp)
	_, imapPort, _ := net.SplitHostPort(t.imap)
	uid, gid, err := mailUser()
	if err != nil {
		return err
	}
	lmtp := filepath.Join(dir, "run", "lmtp")
	files := map[string]string{
		"passwd":            passwords.String(),
		"postfix/users":     recipients.String(),
		"postfix/main.cf":   mainCF(dir, lmtp, smtpHost),
		"postfix/master.cf": masterCF(smtpHost + ":" + smtpPort),
		"dovecot.conf":      dovecotConf(dir, imapPort, uid, gid),
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

func mailUser() (uid, gid int, err error) {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); f[0] == "mail" && len(f) > 3 {
			uid, _ = strconv.Atoi(f[2])
			gid, _ = strconv.Atoi(f[3])
			return uid, gid, nil
		}
	}
	return 0, 0, fmt.Errorf("no user mail on this machine")
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

func dovecotConf(dir, imapPort string, uid, gid int) string {
	return fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
mail_location = mdbox:%[1]s/mail/%%n
mail_fsync = optimized
mail_uid = %[3]d
mail_gid = %[4]d
first_valid_uid = 1
listen = 127.0.0.1
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = %[1]s/passwd
}
userdb {
  driver = static
  args = uid=%[3]d gid=%[4]d home=%[1]s/mail/%%n
}
service imap-login {
  service_count = 0
  inet_listener imap {
    address = 127.0.0.1
    port = %[2]s
  }
  inet_listener imaps {
    port = 0
  }
}
service imap {
  process_limit = 400
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
service anvil {
  client_limit = 1200
}
mail_max_userip_connections = 0
`, dir, imapPort, uid, gid)
}

// Package dovecot writes the configuration of a private Debian Dovecot and
// runs it: on loopback, in a directory of its own, with what an acknowledged
// letter needs on the disk (mail_fsync = optimized), one password file, no
// filters, and log-in processes that serve many (its high-performance mode).
package dovecot

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"tem/test/bench/machine"
)

// Config is one instance. Dir must be reachable by the user mail, and
// Dir/passwd must hold the passwords.
type Config struct {
	Dir         string
	IMAP, POP3  string // addresses; "": not served
	LMTP        bool   // at Dir/run/lmtp
	Maildir     bool   // rather than mdbox
	Sessions    int    // at once
	Hibernate   string // imap_hibernate_timeout; "": never
	Certificate string // PEM files Certificate.pem and Certificate.key: TLS from the first octet; "": no TLS
}

// Write makes the directories and dovecot.conf in Dir.
func (c *Config) Write() error {
	for _, d := range []string{"", "mail", "run", "state"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := c.reachable(); err != nil {
		return err
	}
	uid, gid, err := machine.MailUser()
	if err != nil {
		return err
	}
	if err := os.Chown(filepath.Join(c.Dir, "mail"), uid, gid); err != nil {
		return fmt.Errorf("Dovecot's mail must belong to another user: %w", err)
	}
	return os.WriteFile(c.file(), []byte(c.text(uid, gid)), 0o644)
}

// reachable lets other users through to Dir and into its log.
func (c *Config) reachable() error {
	for d := c.Dir; len(d) > 1; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err == nil && info.Mode().Perm()&0o111 != 0o111 {
			if err := os.Chmod(d, info.Mode().Perm()|0o111); err != nil {
				return err
			}
		}
	}
	log := filepath.Join(c.Dir, "log")
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Chmod(0o666)
}

func (c *Config) file() string { return filepath.Join(c.Dir, "dovecot.conf") }

// Start runs it; stop ends it and waits.
func (c *Config) Start() (pid int, stop func(), err error) {
	cmd := exec.Command("dovecot", "-F", "-c", c.file())
	if err := cmd.Start(); err != nil {
		return 0, nil, fmt.Errorf("start dovecot: %w", err)
	}
	return cmd.Process.Pid, func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }, nil
}

// Version is that of the installed one.
func Version() string {
	out, _ := exec.Command("dovecot", "--version").Output()
	version, _, _ := bytes.Cut(out, []byte(" "))
	return string(bytes.TrimSpace(version))
}

func (c *Config) text(uid, gid int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = %[2]s
disable_plaintext_auth = no
mail_location = %[3]s:%[1]s/mail/%%n
mail_fsync = optimized
mail_uid = %[4]d
mail_gid = %[5]d
first_valid_uid = 1
listen = 127.0.0.1
auth_mechanisms = plain login
mail_max_userip_connections = 0
default_client_limit = %[6]d
passdb {
  driver = passwd-file
  args = %[1]s/passwd
}
userdb {
  driver = static
  args = uid=%[4]d gid=%[5]d home=%[1]s/mail/%%n
}
service anvil {
  client_limit = %[6]d
}
`, c.Dir, c.protocols(), c.format(), uid, gid, 3*c.Sessions+1000)
	c.writeTLS(&b)
	c.writeIMAP(&b)
	if c.POP3 != "" {
		c.writeLogin(&b, "pop3", "pop3s", c.POP3)
		fmt.Fprintf(&b, "service pop3 {\n  process_limit = %d\n}\n", c.Sessions+100)
	}
	if c.LMTP {
		b.WriteString("service lmtp {\n  unix_listener lmtp {\n    mode = 0666\n  }\n}\n")
	}
	return b.String()
}

func (c *Config) protocols() string {
	list := []string{"imap"}
	if c.POP3 != "" {
		list = append(list, "pop3")
	}
	if c.LMTP {
		list = append(list, "lmtp")
	}
	return strings.Join(list, " ")
}

func (c *Config) format() string {
	if c.Maildir {
		return "maildir"
	}
	return "mdbox"
}

func (c *Config) writeTLS(b *strings.Builder) {
	if c.Certificate == "" {
		b.WriteString("ssl = no\n")
		return
	}
	fmt.Fprintf(b, "ssl = yes\nssl_cert = <%[1]s.pem\nssl_key = <%[1]s.key\n", c.Certificate)
}

// writeIMAP lets sleeping sessions be handed to one process where that is
// wanted: imap and imap-hibernate must be able to reach each other's sockets.
func (c *Config) writeIMAP(b *strings.Builder) {
	c.writeLogin(b, "imap", "imaps", c.IMAP)
	fmt.Fprintf(b, "service imap {\n  process_limit = %d\n", c.Sessions+300)
	if c.Hibernate != "" {
		b.WriteString("  unix_listener imap-master {\n    mode = 0666\n  }\n")
	}
	b.WriteString("}\n")
	if c.Hibernate != "" {
		fmt.Fprintf(b, "imap_hibernate_timeout = %s\nservice imap-hibernate {\n  unix_listener imap-hibernate {\n    mode = 0666\n  }\n}\n", c.Hibernate)
	}
}

func (c *Config) writeLogin(b *strings.Builder, plain, secure, address string) {
	used, unused := plain, secure
	if c.Certificate != "" {
		used, unused = secure, plain
	}
	_, port, _ := net.SplitHostPort(address)
	ssl := "no"
	if c.Certificate != "" {
		ssl = "yes"
	}
	fmt.Fprintf(b, `service %s-login {
  service_count = 0
  client_limit = %d
  inet_listener %s {
    address = 127.0.0.1
    port = %s
    ssl = %s
  }
  inet_listener %s {
    port = 0
  }
}
`, plain, c.Sessions+500, used, port, ssl, unused)
}

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tem/test/bench/machine"
)

const password = "bench-password"

// big has the large mailbox, post the one that POP3 collects; the others are user(i).
const (
	big  = "big@bench.example"
	post = "post@bench.example"
)

func user(i int) string { return fmt.Sprintf("u%d@bench.example", i) }

// server is what is measured.
type server struct {
	name, version string
	dir           string // of all its data
	imap, pop3    string // addresses
	secure        bool   // TLS from the first octet
	pids          []int  // roots of its process trees; none when it does not run
	launch        func() (pid int, stop func(), err error)
	unindex       func() error // takes the text index away while it does not run; nil: it has none
	halt          func()
	session       *client // of big, in INBOX
	capabilities  string
}

// start has it answer.
func (s *server) start() (err error) {
	var pid int
	if pid, s.halt, err = s.launch(); err != nil {
		return err
	}
	s.pids = []int{pid}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := s.dial(minBuffer)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			s.stop()
			return fmt.Errorf("%s does not answer at %s: %w", s.name, s.imap, err)
		}
	}
}

// stop ends it and waits until its processes are gone.
func (s *server) stop() {
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
	if s.pids != nil {
		s.halt()
		s.pids = nil
	}
}

// restart stops it, has fn change what it left if fn is not nil, drops its
// files from the page cache if cold, and starts it.
func (s *server) restart(cold bool, fn func() error) error {
	s.stop()
	var err error
	if fn != nil {
		err = fn()
	}
	if cold {
		err = errors.Join(err, dropCaches(s.dir))
	}
	return errors.Join(err, s.start())
}

// dropCaches takes the files under dir out of the page cache, and no others:
// the machine may have other users.
func dropCaches(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil {
			return err
		}
		const dontNeed = 4 // POSIX_FADV_DONTNEED
		if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
			return fmt.Errorf("drop %s from the page cache: %w", path, errno)
		}
		return nil
	})
}

// Buffers of clients: for whole mailboxes, and for a session that hardly reads.
const (
	maxBuffer = 256 << 10
	minBuffer = 4 << 10
)

func (s *server) dial(buffer int) (*client, error) { return s.dialFrom("", buffer) }

// dialFrom connects from a loopback address, "" for any.
func (s *server) dialFrom(source string, buffer int) (*client, error) {
	conn, err := s.connect(source, s.imap)
	if err != nil {
		return nil, err
	}
	c, err := greet(conn, buffer)
	if err != nil {
		conn.Close()
	}
	return c, err
}

func (s *server) connect(source, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 30 * time.Second, KeepAlive: -1}
	if source != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	if s.secure {
		return tls.DialWithDialer(&d, "tcp", address, &tls.Config{InsecureSkipVerify: true}) // the certificate is ours, of this run
	}
	return d.Dial("tcp", address)
}

// login opens a session.
func (s *server) login(user, mailbox string, buffer int) (*client, error) {
	c, err := s.dial(buffer)
	if err != nil {
		return nil, err
	}
	if err := c.login(user, mailbox); err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: %s: %w", s.name, user, err)
	}
	return c, nil
}

// main is the session of big in its INBOX, opened where there is none.
func (s *server) main() (*client, error) {
	if s.session != nil {
		return s.session, nil
	}
	c, err := s.login(big, "INBOX", maxBuffer)
	if err != nil {
		return nil, err
	}
	s.session = c
	a, err := c.capability()
	s.capabilities = a
	return c, err
}

// forget closes the session after an error that left it in an unknown state.
func (s *server) forget() {
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
}

// lacks is an error that says so where the server does not advertise any of the names.
func (s *server) lacks(names ...string) error {
	for _, n := range names {
		if strings.Contains(s.capabilities+" ", " "+n+" ") {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", names[0], errAbsent)
}

// errAbsent is not a failure: the server does not do this.
var errAbsent = errors.New("not advertised")

// quiet waits until the servers have next to nothing to do, or for a minute.
func quiet(servers []*server, span time.Duration) {
	for range int(time.Minute / span) {
		before := cpuOf(servers)
		time.Sleep(span)
		if cpuOf(servers)-before <= 0.03*span.Seconds() {
			return
		}
	}
}

func cpuOf(servers []*server) (total float64) {
	for _, s := range servers {
		total += machine.CPUSeconds(s.pids)
	}
	return total
}

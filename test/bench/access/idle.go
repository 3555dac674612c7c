package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tem/test/bench/machine"
)

// park is a number of sessions that are asleep in IDLE.
type park struct {
	s        *server
	sessions []net.Conn // session i is one of user i modulo users
	users    int
	took     time.Duration // to open them
	fresh    machine.Usage // of the server just started
	base     machine.Usage // of the server when each user has been there, and settled
}

// settled is how long memory is left to itself before it is measured.
const settled = 30 * time.Second

// sleep prints what idle sessions cost: Tem, Dovecot, and Dovecot when it
// hands them to one process.
func (b *bench) sleep() error {
	const most = 10_000
	restore, err := raiseInotify(most + 1000)
	if err != nil {
		b.note("Dovecot polls, and hibernates nobody, beyond 128 sessions: %v", err)
	}
	defer restore()
	parkHeader()
	for _, n := range []int{most / 5, most} {
		for i, s := range b.servers {
			b.parkOf(s, n, "")
			if i > 0 {
				b.parkOf(s, n, ", hibernating")
			}
		}
	}
	return b.ctx.Err()
}

func parkHeader() {
	fmt.Printf("\n| idle sessions | server | PSS KB each | from a fresh start | RSS KB each | PSS MB | RSS MB | processes | s to open | ms until all are told of a letter |\n| --- | --- |%s\n", strings.Repeat(" ---: |", 8))
}

// parkOf measures n sessions of a server; what fails is noted.
func (b *bench) parkOf(s *server, n int, how string) {
	if b.ctx.Err() != nil {
		return
	}
	const peerSession = 1 << 20 // octets that a process of Dovecot's takes at most, with the kernel's share
	if need := int64(n) * peerSession; s != b.servers[0] && how == "" && machine.Available() < need+need/4 {
		b.note("%d idle sessions of %s%s: only %d MB of memory are available", n, s.name, how, machine.Available()>>20)
		return
	}
	b.say("parking %d sessions of %s%s", n, s.name, how)
	restart := func() error {
		if s == b.servers[0] {
			return nil
		}
		return s.sleeper(&b.options, n, how != "")
	}
	err := s.restart(false, restart)
	if err == nil {
		err = b.measurePark(s, n, how)
	}
	if err != nil {
		b.note("%d idle sessions of %s%s: %v", n, s.name, how, err)
	}
}

func (b *bench) measurePark(s *server, n int, how string) error {
	p, err := b.open(s, n)
	defer p.close()
	if err != nil {
		return err
	}
	if err := b.wait(settled); err != nil {
		return err
	}
	u := machine.Memory(s.pids)
	told, err := p.tell(b)
	if err != nil {
		b.note("%d idle sessions of %s%s: %v", n, s.name, how, err)
	}
	each := func(now, before int64) string { return number(float64(now-before) / float64(n) / 1e3) }
	fmt.Printf("| %d | %s%s | %s | %s | %s | %s | %s | %d | %.1f | %.1f |\n", n, s.name, how, each(u.PSS, p.base.PSS), each(u.PSS, p.fresh.PSS), each(u.RSS, p.base.RSS),
		number(float64(u.PSS)/1e6), number(float64(u.RSS)/1e6), u.Processes, p.took.Seconds(), told.Seconds()*1000)
	return nil
}

// wait does nothing for a while.
func (b *bench) wait(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

// perAddress is how many connections leave from one loopback address: fewer
// than a machine has ports for.
const perAddress = 20_000

// open opens n sessions over all users and has each IDLE.
func (b *bench) open(s *server, n int) (*park, error) {
	p := &park{s: s, sessions: make([]net.Conn, n), users: b.users, fresh: machine.Memory(s.pids)}
	for i := range b.users { // what a first login costs is not a session's
		if err := visit(s, user(i)); err != nil {
			return p, err
		}
	}
	if err := b.wait(settled); err != nil {
		return p, err
	}
	p.base = machine.Memory(s.pids)
	start := time.Now()
	err := inParallel(16, n, func(i int) (err error) {
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		p.sessions[i], err = fallAsleep(s, fmt.Sprintf("127.0.0.%d", 2+i/perAddress), user(i%p.users))
		if i%10_000 == 9_999 {
			b.say("%d sessions after %.0f s", i+1, time.Since(start).Seconds())
		}
		return err
	})
	p.took = time.Since(start)
	return p, err
}

// fallAsleep returns a session in IDLE without the reader it had.
func fallAsleep(s *server, source, user string) (net.Conn, error) {
	c, err := s.dialFrom(source, minBuffer)
	if err != nil {
		return nil, err
	}
	err = c.login(user, "INBOX")
	if err == nil {
		err = c.send([]byte("a IDLE\r\n"))
	}
	if err == nil {
		_, err = c.in.ReadSlice('\n')
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return c.Conn, nil
}

// tell appends a letter for user 0 and returns how long it took until the last
// of the user's sessions was told.
func (p *park) tell(b *bench) (time.Duration, error) {
	c, err := p.s.login(user(0), "", minBuffer)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	command := b.appendCommand("INBOX", 1, 1, b.letters)
	start := time.Now()
	if err := c.one(command); err != nil {
		return 0, err
	}
	for i := 0; i < len(p.sessions); i += p.users {
		if err := hear(p.sessions[i]); err != nil {
			return 0, fmt.Errorf("session %d was not told of a new letter: %w", i, err)
		}
	}
	return time.Since(start), nil
}

// hear reads until a session is told that there are messages.
func hear(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	var text []byte
	for piece := make([]byte, 512); !bytes.Contains(text, []byte(" EXISTS\r\n")); {
		n, err := c.Read(piece)
		if text = append(text, piece[:n]...); err != nil {
			return err
		}
	}
	return nil
}

func (p *park) close() {
	for _, c := range p.sessions {
		if c != nil {
			c.Close()
		}
	}
}

// hold has Tem hold n idle sessions.
func (b *bench) hold(n int) error {
	s := b.servers[0]
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	if uint64(n)+500 > l.Cur {
		return fmt.Errorf("%d sessions need more than the %d open files that one program may have here (ulimit -Hn)", n, l.Cur)
	}
	for i := range b.users {
		if err := b.upload(s, user(i), "INBOX", i*1000, inboxOf(i), b.letters); err != nil {
			return err
		}
	}
	if err := s.restart(false, nil); err != nil {
		return err
	}
	parkHeader()
	return b.measurePark(s, n, "")
}

// raiseInotify lets Dovecot watch so many mailboxes as one user, and returns
// what puts the limit of this machine back: with the kernel's 128 it polls
// beyond them.
func raiseInotify(least int) (restore func(), err error) {
	const file = "/proc/sys/fs/inotify/max_user_instances"
	before, err := os.ReadFile(file)
	if err != nil {
		return func() {}, err
	}
	if limit, err := strconv.Atoi(strings.TrimSpace(string(before))); err != nil || limit >= least {
		return func() {}, err
	}
	return func() { _ = os.WriteFile(file, before, 0o644) }, os.WriteFile(file, fmt.Append(nil, least), 0o644)
}

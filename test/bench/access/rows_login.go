package main

import (
	"errors"
	"sync"
	"sync/atomic"
)

func loginRows() []row {
	return []row{
		{protocol: "imap", group: "login", name: "login+SELECT, 1 session", unit: "/s", aim: 10, measure: logins(1, 200)},
		{protocol: "imap", group: "login", name: "login+SELECT, 10 sessions", unit: "/s", aim: 10, measure: logins(10, 600)},
		{protocol: "imap", group: "login", name: "first login of each of the users, 10 sessions", unit: "/s", once: true, measure: firstLogins},
		asked("select", "SELECT of the large mailbox", "SELECT INBOX", 0),
		{protocol: "imap", group: "select", name: "login+SELECT of the large mailbox", unit: "ms", measure: largeLogin},
		{protocol: "imap", group: "select qresync", name: "SELECT (QRESYNC) of the large mailbox, 100 changes", unit: "ms", measure: resync},
	}
}

// logins has count logins done by so many sessions at once, each with a SELECT and a LOGOUT.
func logins(sessions, count int) func(*bench, *server, *meter) error {
	return func(b *bench, s *server, m *meter) error {
		m.begin()
		err := inParallel(sessions, count, func(i int) error { return visit(s, user(i%b.users)) })
		m.end(float64(count))
		return err
	}
}

// firstLogins follows a restart: nobody's password has been seen.
func firstLogins(b *bench, s *server, m *meter) error {
	if err := s.restart(false, nil); err != nil {
		return err
	}
	return logins(10, b.users)(b, s, m)
}

func visit(s *server, user string) error {
	c, err := s.login(user, "INBOX", minBuffer)
	if err != nil {
		return err
	}
	return c.logout()
}

// inParallel calls fn with 0 … count-1 from so many goroutines.
func inParallel(workers, count int, fn func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < count && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = fn(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func largeLogin(b *bench, s *server, m *meter) error {
	return m.repeat(1, func() error { return visit(s, big) })
}

// resync opens the mailbox as a client that was away while 100 messages
// changed (RFC 7162 §3.2.5).
func resync(b *bench, s *server, m *meter) error {
	if _, err := s.main(); err != nil {
		return err
	}
	if err := s.lacks("QRESYNC"); err != nil {
		return err
	}
	c, err := s.login(big, "", maxBuffer) // ENABLE would change what later rows are answered
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.do("ENABLE QRESYNC"); err != nil {
		return err
	}
	before, err := c.do("SELECT INBOX")
	if err != nil {
		return err
	}
	for i := range 200 { // set, then taken away: each of 100 has changed
		if _, err := c.do("STORE %d %sFLAGS.SILENT ($Changed)", 1+i%100*b.inbox/100, "+-"[i/100:i/100+1]); err != nil {
			return err
		}
	}
	return m.repeat(1, func() error {
		a, err := c.do("SELECT INBOX (QRESYNC (%s %s))", before.value("UIDVALIDITY"), before.value("HIGHESTMODSEQ"))
		m.sample.found = a.untagged
		return err
	})
}

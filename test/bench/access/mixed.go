package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
)

func mixedRows() []row {
	return []row{{protocol: "imap", group: "mixed", name: "mixed load, 50 clients, commands", unit: "/s", aim: 4, measure: mixed}}
}

// The mixed load has so many clients, each of which has so many sessions.
const (
	clients  = 50
	sessions = 30
)

// step is a command of a session of the mixed load: how many sessions of a hundred give it, and
// how often it is repeated. The chances are those that imaptest has by default;
// SEARCH, which it has not, is ours.
type step struct {
	chance, again int
	command       func(v *visitor) string
}

var steps = []step{
	{50, 0, func(*visitor) string { return `LIST "" "*"` }},
	{50, 0, func(*visitor) string { return "STATUS INBOX (MESSAGES UNSEEN RECENT)" }},
	{100, 0, func(*visitor) string { return "SELECT INBOX" }},
	{100, 0, func(v *visitor) string {
		return "FETCH " + v.some(20) + " (UID FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)])"
	}},
	{100, 30, func(v *visitor) string { return "FETCH " + v.some(1) + " (BODY.PEEK[])" }},
	{10, 0, func(v *visitor) string { return "SEARCH BODY " + v.b.corpus.english[v.IntN(300)] }},
	{50, 0, func(v *visitor) string { return "STORE " + v.some(5) + " +FLAGS (\\Flagged)" }},
	{100, 0, func(v *visitor) string { return "STORE " + v.some(1) + " +FLAGS.SILENT (\\Deleted)" }},
	{100, 0, func(*visitor) string { return "EXPUNGE" }},
	{100, 5, (*visitor).append},
}

// visitor is a client of the mixed load in one session.
type visitor struct {
	*rand.Rand
	*client
	b     *bench
	tally *tally
}

// tally counts commands and those that were refused.
type tally struct {
	commands, refused atomic.Int64
	first             atomic.Pointer[string] // answer to a command that was refused
}

// some are up to n messages in a row, of those the session knows.
func (v *visitor) some(n int) string {
	from := 1 + v.IntN(max(1, v.exists))
	return fmt.Sprintf("%d:%d", from, min(from+n-1, max(1, v.exists)))
}

func (v *visitor) append() string {
	text := string(v.b.appendCommand("INBOX", v.IntN(v.b.inbox), 1, v.b.letters))
	return strings.TrimSuffix(strings.TrimPrefix(text, "a "), "\r\n")
}

// mixed has 50 clients log in as any of the users again and again; who does
// what is the same for all servers and runs.
func mixed(b *bench, s *server, m *meter) error {
	t := &tally{}
	m.begin()
	err := inParallel(clients, clients, func(i int) error {
		r := rand.New(rand.NewPCG(uint64(i), 5))
		for range sessions {
			v := &visitor{Rand: r, b: b, tally: t}
			if err := v.session(s); err != nil {
				return err
			}
		}
		return nil
	})
	m.end(float64(t.commands.Load()))
	if n := t.refused.Load(); n > 0 {
		m.sample.refused, m.sample.refusal = n, *t.first.Load()
	}
	return err
}

func (v *visitor) session(s *server) (err error) {
	if v.client, err = s.login(user(v.IntN(v.b.users)), "", minBuffer); err != nil {
		return err
	}
	defer v.Close()
	v.tally.commands.Add(2) // LOGIN and LOGOUT
	for _, step := range steps {
		for again := step.chance; v.IntN(100) < again; again = step.again {
			if err := v.give(step.command(v)); err != nil {
				return err
			}
		}
	}
	return v.logout()
}

// give sends a command. To be refused is an answer too: a message may have
// been expunged by another client.
func (v *visitor) give(command string) error {
	v.tally.commands.Add(1)
	_, err := v.do("%s", command)
	var no refused
	if errors.As(err, &no) {
		v.tally.refused.Add(1)
		v.tally.first.CompareAndSwap(nil, &no.text)
		return nil
	}
	return err
}

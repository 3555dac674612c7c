package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// scale is how large things are.
type scale struct {
	inbox, letters, collected, large, users int
}

var (
	full  = scale{inbox: 50_000, letters: 4 << 10, collected: 10_000, large: 100, users: 100}
	quick = scale{inbox: 5_000, letters: 4 << 10, collected: 1_000, large: 10, users: 20}
)

const largeSize = 5 << 20

// inboxOf is how many letters user i has.
func inboxOf(i int) int { return 100 + i*2%200 }

// fill gives a server its mail over IMAP.
func (b *bench) fill(s *server) error {
	b.say("filling %s", s.name)
	err := errors.Join(
		b.upload(s, big, "INBOX", 0, b.inbox, b.letters),
		b.upload(s, big, "Large", 0, b.large, largeSize),
		b.upload(s, post, "INBOX", 0, b.collected, b.letters))
	users := make(chan int)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for w := range errs {
		wg.Go(func() {
			for i := range users {
				errs[w] = errors.Join(errs[w], b.upload(s, user(i), "INBOX", i*1000, inboxOf(i), b.letters))
			}
		})
	}
	for i := range b.users {
		users <- i
	}
	close(users)
	wg.Wait()
	return errors.Join(err, errors.Join(errs...))
}

// upload appends letters from, from+1, … to a mailbox, in a pipeline, a
// hundred with each command where the server takes so many (RFC 3502).
func (b *bench) upload(s *server, user, mailbox string, from, count, size int) error {
	c, err := s.login(user, "", minBuffer)
	if err != nil {
		return err
	}
	defer c.Close()
	if mailbox != "INBOX" {
		if _, err := c.do("CREATE %s", mailbox); err != nil {
			return err
		}
	}
	list, err := c.capability()
	if err != nil {
		return err
	}
	each := 1
	if strings.Contains(list, " MULTIAPPEND") && size < 1<<20 {
		each = 100
	}
	err = c.pipeline((count+each-1)/each, func(i int) []byte {
		return b.appendCommand(mailbox, from+i*each, min(each, count-i*each), size)
	})
	if err != nil {
		return fmt.Errorf("%s: fill %s of %s: %w", s.name, mailbox, user, err)
	}
	return nil
}

// window is how many commands are on their way in a pipeline.
const window = 100

// pipeline sends count commands without waiting for each answer.
func (c *client) pipeline(count int, command func(i int) []byte) error {
	turns := make(chan struct{}, window)
	ended := make(chan struct{})
	sent := make(chan error, 1)
	go func() { sent <- c.sendAll(count, command, turns, ended) }()
	var err error
	for i := 0; i < count && err == nil; i++ {
		if _, err = c.finish(); err == nil {
			<-turns
		}
	}
	close(ended)
	return errors.Join(err, <-sent)
}

func (c *client) sendAll(count int, command func(i int) []byte, turns, ended chan struct{}) error {
	for i := range count {
		select {
		case turns <- struct{}{}:
		case <-ended:
			return nil
		}
		if err := c.send(command(i)); err != nil {
			return err
		}
	}
	return nil
}

// appendCommand is the APPEND of count letters from n on.
func (b *bench) appendCommand(mailbox string, n, count, size int) []byte {
	text := fmt.Appendf(nil, "a APPEND %s", mailbox)
	for i := range count {
		text = b.appendLetter(text, n+i, size)
	}
	return append(text, "\r\n"...)
}

// appendLetter adds a letter to an APPEND: seen but for one in four, flagged
// one in twenty, answered one in seven.
func (b *bench) appendLetter(command []byte, n, size int) []byte {
	flags := ""
	if n%4 != 0 {
		flags += " \\Seen"
	}
	if n%20 == 0 {
		flags += " \\Flagged"
	}
	if n%7 == 0 {
		flags += " \\Answered $Forwarded"
	}
	text := b.corpus.letter(n, size)
	return fmt.Appendf(command, " (%s) \"%s\" {%d+}\r\n%s", flags[min(1, len(flags)):], sent(n).Format("02-Jan-2006 15:04:05 -0700"), len(text), text)
}

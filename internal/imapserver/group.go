package imapserver

import (
	"context"
	"slices"
	"sync"

	"tem/internal/wire/imap"
)

// Commands that came together run side by side where none can change what
// another answers and where a client can tell whose answers it reads
// (RFC 9051 §5.5): those that only look, one of each kind whose responses don't
// carry the tag. Everything else runs alone, in order.

// maxGroup bounds what one session does at once.
const maxGroup = 4

// kindOf is what a command's answers look like.
type kindOf uint8

const (
	alone  kindOf = iota // must not run beside others
	tagged               // answers that name the command: any number of them
	fetches
	statuses
	lists
	searches
	sorts
	threads
	bare // no answers but the tagged one
)

func kind(cmd *imap.Command) kindOf {
	switch c := cmd.Args.(type) {
	case *imap.Noop:
		return bare
	case *imap.Status:
		if !slices.Contains(c.Items, "HIGHESTMODSEQ") { // which turns CONDSTORE on
			return statuses
		}
	case *imap.List:
		if !slices.Contains(c.Status, "HIGHESTMODSEQ") {
			return lists
		}
	case *imap.Fetch:
		if onlyLooks(c) {
			return fetches
		}
	case *imap.Search:
		return kindOfSearch(c.Return, &c.Key, searches)
	case *imap.Sort:
		return kindOfSearch(c.Return, &c.Key, sorts)
	case *imap.Thread:
		return kindOfSearch(nil, &c.Key, threads)
	case *imap.ESearch:
		return kindOfSearch(c.Return, &c.Key, tagged)
	case *imap.UIDBatches:
		return tagged
	}
	return alone
}

// kindOfSearch: one with RETURN is answered with the tag, another as plain says.
func kindOfSearch(r *imap.Return, k *imap.Key, plain kindOf) kindOf {
	switch {
	case k.Contains(keyAlone) || r != nil && (r.Save || r.Update):
		return alone
	case r != nil:
		return tagged
	}
	return plain
}

// keyAlone: needs the result of another command, turns CONDSTORE on, or is a
// FILTER, which may hold one of these.
func keyAlone(k *imap.Key) bool {
	return k.Set.Saved || k.Op == imap.ModSeq || k.Op == imap.Filter
}

// onlyLooks: sets no \Seen, turns nothing on, needs no result of another command.
func onlyLooks(c *imap.Fetch) bool {
	return !c.Set.Saved && c.ChangedSince == nil && !slices.ContainsFunc(c.Items, func(it imap.Item) bool {
		return it.Kind == imap.ItemModSeq || (it.Kind == imap.Section || it.Kind == imap.Binary) && !it.Peek
	})
}

// group runs first and the commands behind it, as far as they are there in
// whole and may run beside each other.
func (s *session) group(ctx context.Context, first *imap.Command) error {
	cmds := []*imap.Command{first}
	for len(cmds) < maxGroup && !s.ended && s.r.Ready() {
		cmd, err := s.read()
		if err != nil {
			return err
		}
		if cmd == nil {
			continue
		}
		if !joins(cmds, cmd) {
			s.behind = cmd
			break
		}
		cmds = append(cmds, cmd)
	}
	return s.sideBySide(ctx, cmds)
}

func joins(cmds []*imap.Command, cmd *imap.Command) bool {
	k := kind(cmd)
	return k == tagged || k != alone && !slices.ContainsFunc(cmds, func(c *imap.Command) bool { return kind(c) == k })
}

// sideBySide runs all; each is answered when it is done. The last to end tells
// what happened in the mailbox before its own answer.
func (s *session) sideBySide(ctx context.Context, cmds []*imap.Command) error {
	var mu sync.Mutex
	var running sync.WaitGroup
	var lost error
	left := len(cmds)
	expunges := s.behind == nil && !slices.ContainsFunc(cmds, func(c *imap.Command) bool { return !s.newTurn(c).mayExpunge() })
	end := func(t *turn, err error) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 && lost == nil && !isLost(err) {
			err = t.update(ctx, err, expunges)
		}
		if e := t.answer(err); e != nil && lost == nil {
			lost = e
		}
		if left > 0 && lost == nil { // who waits for this one need not wait for the others
			lost = s.flush()
		}
	}
	for _, cmd := range cmds {
		running.Go(func() {
			t := s.newTurn(cmd)
			end(t, t.run(ctx))
		})
	}
	running.Wait()
	return lost
}

// flush sends what is buffered.
func (s *session) flush() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.c.Flush()
}

package mail

import (
	"context"
	"errors"
	"sync"

	"tem/internal/kv"
)

// gatherWorth is how many rows of single messages, in pages that are over, make
// it worth while to gather them.
const gatherWorth = 512

// maxGathering bounds the list of mailboxes whose flags are to be gathered; of
// one that finds no room the next List tells again.
const maxGathering = 10000

// gatherer puts the flags of messages into pages, in the background, where a
// List has met many rows of single messages. It is part of the Store; its
// goroutine is that of Run.
type gatherer struct {
	gatherMu sync.Mutex
	lone     map[mailboxAt]bool
	gather   chan struct{} // one token: lone is not empty
}

type mailboxAt struct {
	account kv.Part
	box     MailboxID
}

func newGatherer() gatherer {
	return gatherer{lone: make(map[mailboxAt]bool), gather: make(chan struct{}, 1)}
}

// noteLone says that a mailbox has flags to gather. It does not wait.
func (g *gatherer) noteLone(at mailboxAt) {
	g.gatherMu.Lock()
	defer g.gatherMu.Unlock()
	if len(g.lone) < maxGathering {
		g.lone[at] = true
	}
	select {
	case g.gather <- struct{}{}:
	default:
	}
}

// takeLone takes one of the mailboxes noted.
func (g *gatherer) takeLone() (at mailboxAt, ok bool) {
	g.gatherMu.Lock()
	defer g.gatherMu.Unlock()
	for at := range g.lone {
		delete(g.lone, at)
		return at, true
	}
	return at, false
}

// runGatherer gathers what is noted until ctx ends.
func (s *Store) runGatherer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.gather:
		}
		for at, ok := s.takeLone(); ok && ctx.Err() == nil; at, ok = s.takeLone() {
			if err := s.Account(at.account).gather(ctx, at.box, pageOf); err != nil && !errors.Is(err, errGone) && ctx.Err() == nil {
				s.Log.Warn("flags were not gathered; the next list of the mailbox tries again", "account", at.account, "mailbox", at.box, "err", err)
			}
		}
	}
}

// gather puts the flags of messages into pages, up to the UID that end gives for
// the mailbox's next one, a commit for each chunk.
func (a *Account) gather(ctx context.Context, id MailboxID, end func(next UID) UID) error {
	from := UID(1)
	for from > 0 {
		err := a.tend(ctx, func(e *edit) (err error) {
			box := e.next.boxes[id]
			if box == nil {
				from = 0
				return nil
			}
			from, err = e.gather(ctx, id, from, end(box.UIDNext))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gather gathers a chunk of from <= uid < end and returns where to go on, 0 at
// the end.
func (e *edit) gather(ctx context.Context, id MailboxID, from, end UID) (next UID, err error) {
	if from >= end {
		return 0, nil
	}
	list, err := e.sheetsIn(ctx, id, from, end-1, e.s.chunks.gather)
	if err != nil {
		return 0, err
	}
	rows := 0
	for i := range list {
		rows += list[i].rows()
	}
	if rows == e.s.chunks.gather { // the last may be there in part
		next = list[len(list)-1].first
		list = list[:len(list)-1]
	}
	for i := range list {
		if s := &list[i]; s.rows() > 1 {
			s.page, e.dirty = true, true
		}
	}
	e.writeSheets(id, list)
	return next, nil
}

// rows is how many rows a sheet was read from.
func (s *sheet) rows() int { return len(s.items) - s.paged + min(s.paged, 1) }

package imapserver

import (
	"context"
	"errors"
	"net"
	"runtime"
	"time"

	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// A session that waits holds no buffers, and after a while no list of messages
// either, only which UIDs the client knows: there may be a hundred thousand
// such sessions. It works in a goroutine that ends when it rests, since a stack
// that has grown does not shrink as far as a new one.

// restAfter is how long a session waits before it lets go of what it can have again.
const restAfter = 10 * time.Second

// serve alternates between work and rest until the session ends.
func (s *session) serve(ctx context.Context) error {
	for news := false; ; {
		done := make(chan error, 1)
		go func() { done <- s.work(ctx, news) }()
		if err := <-done; err != nil || s.ended {
			return err
		}
		s.rest()
		err := s.c.Wait(s.active.Add(s.o.IdleTimeout))
		if news = errors.Is(err, line.ErrNudged); err != nil && !news {
			return err
		}
	}
}

// work deals with what comes, input or news, until it has been quiet for restAfter.
func (s *session) work(ctx context.Context, news bool) error {
	if news {
		if err := s.hear(ctx); err != nil {
			return err
		}
	}
	for !s.ended {
		switch err := s.step(ctx); {
		case err == errQuiet:
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// errQuiet: nothing has come for a while.
var errQuiet = errors.New("quiet")

// step waits for what comes first and deals with it. An error other than
// errQuiet ends the session.
func (s *session) step(ctx context.Context) error {
	if s.behind != nil || s.c.Buffered() > 0 {
		runtime.Gosched() // so that a client with very many commands does not keep others waiting for its whole share of time
		return s.heed(ctx)
	}
	err := s.c.Wait(s.restAt())
	switch {
	case err == nil:
		return s.heed(ctx)
	case errors.Is(err, line.ErrNudged):
		return s.hear(ctx)
	case isTimeout(err) && time.Since(s.active) < s.o.IdleTimeout:
		return errQuiet
	}
	return err
}

// restAt is when a session that works and hears nothing stops working: news keep
// it awake, but only the client keeps it alive.
func (s *session) restAt() time.Time {
	rest, end := s.quiet.Add(restAfter), s.active.Add(s.o.IdleTimeout)
	if end.Before(rest) {
		return end
	}
	return rest
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// heed deals with what the client says.
func (s *session) heed(ctx context.Context) error {
	defer func() {
		s.active = time.Now()
		s.quiet = s.active
	}()
	if s.expelled() {
		return nil
	}
	if s.idling != nil {
		return s.done(ctx)
	}
	if err := s.next(ctx); err != nil {
		return err
	}
	s.catchUp()
	return nil
}

// hear tells what happened, if the client wants to know without asking.
func (s *session) hear(ctx context.Context) error {
	if s.expelled() || s.idling == nil && s.watch == nil {
		return nil
	}
	if s.view != nil && s.wants(imap.MessageEvents) { // RFC 5465 §4: the same in IDLE
		if err := s.sync(ctx, s.idling != nil || s.immediate()); err != nil || s.ended {
			return err
		}
	}
	return s.newTurn(nil).lookAround(ctx, nil)
}

// rest lets go of what can be had again.
func (s *session) rest() {
	s.out = nil
	s.r.Release()
	if s.view != nil {
		s.view.fold()
	}
}

// fold keeps of the list of messages only which UIDs are in it.
func (v *view) fold() {
	if v.items == nil {
		return
	}
	v.folded = []mail.UIDRange{}
	for _, item := range v.items {
		v.folded = appendRange(v.folded, item.UID)
	}
	v.items = nil
}

// appendRange adds a UID that is larger than all before.
func appendRange(ranges []mail.UIDRange, uid mail.UID) []mail.UIDRange {
	if n := len(ranges); n > 0 && ranges[n-1].To+1 == uid {
		ranges[n-1].To = uid
		return ranges
	}
	return append(ranges, mail.UIDRange{From: uid, To: uid})
}

// unknownFlags are those of a message that changed while the list was folded:
// different from any, so that sync tells of it.
const unknownFlags = ^mail.Flags(0)

// unfold reads the list again, as the client knows it: what came since is left
// out, what is gone stays in until sync has told.
func (s *session) unfold(ctx context.Context) error {
	v := s.view
	if v == nil || v.folded == nil {
		return nil
	}
	_, now, err := v.account.List(ctx, v.box.ID)
	if err != nil && !isKind(err, mail.NotFound) { // sync finds out that the mailbox is gone
		return err
	}
	v.items, v.shared, v.gone = make([]mail.Item, 0, len(now)), false, nil // recall finds again what is gone
	for _, r := range v.folded {
		for uid := r.From; uid <= r.To; uid++ {
			for len(now) > 0 && now[0].UID < uid {
				now = now[1:]
			}
			v.items = append(v.items, v.recall(uid, now))
		}
	}
	v.folded = nil
	return nil
}

// recall is the message with that UID, which is the first there is now or gone.
func (v *view) recall(uid mail.UID, now []mail.Item) mail.Item {
	if len(now) == 0 || now[0].UID != uid {
		v.gone = appendRange(v.gone, uid)
		return mail.Item{UID: uid}
	}
	item := now[0]
	if item.ModSeq > v.box.HighestModSeq {
		item.Flags, v.vague = unknownFlags, true
	}
	return item
}

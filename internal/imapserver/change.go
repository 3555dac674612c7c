package imapserver

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Append stores a message (RFC 9051 §6.3.12). What speaks against it is found
// before its octets are asked for.
func (t *turn) Append(ctx context.Context, c *imap.Append) error {
	m, part, err := t.onePart()
	if err != nil {
		return err
	}
	system, keywords, err := parseFlags(m.Flags)
	if err != nil {
		return err
	}
	at, err := t.mayAppend(ctx, c.Mailbox, part.Size)
	if err != nil {
		return err
	}
	body, err := t.receive(ctx, part)
	if err != nil {
		return err
	}
	system, keywords = at.allow(system, keywords)
	target := mail.Target{Account: at.owner, Mailbox: at.box.Name, Flags: system, Keywords: keywords, Received: m.Date}
	placed, err := t.o.Mail.Deliver(ctx, body, []mail.Target{target}, nil)
	if err != nil {
		return tryCreate(err)
	}
	return ok(fmt.Sprintf("APPENDUID %d %d", placed[0].UIDValidity, placed[0].UID), "APPEND done")
}

// mayAppend refuses a message of that size.
func (t *turn) mayAppend(ctx context.Context, mailbox string, size int64) (place, error) {
	if size > t.o.MaxMessage {
		return place{}, no("TOOBIG", "a message may have at most %d octets", t.o.MaxMessage)
	}
	if !t.o.Room(size) {
		return place{}, no("UNAVAILABLE", "the server's disk is nearly full, try again later") // RFC 5530 §3
	}
	at, err := t.place(ctx, mailbox, mail.RightInsert)
	return at, tryCreate(err)
}

// onePart reads what is said of a message that comes in one piece.
func (t *turn) onePart() (*imap.Message, *imap.Part, error) {
	m, err := t.r.NextMessage()
	if err != nil {
		return nil, nil, err
	}
	part, err := t.r.NextPart()
	if err != nil {
		return nil, nil, err
	}
	if m.Catenate || part.UTF8 {
		return nil, nil, no("CANNOT", "a message is taken as one literal only")
	}
	return m, part, nil
}

// receive spools the octets and reads the end of the command.
func (t *turn) receive(ctx context.Context, part *imap.Part) (*mail.Body, error) {
	r, err := t.r.Open(part)
	if err != nil {
		return nil, err
	}
	sp := t.o.Mail.NewSpool(ctx)
	text := &nulFinder{w: sp}
	_, err = io.Copy(text, r)
	if err == nil {
		err = t.lastMessage()
	}
	if err == nil && text.found { // RFC 3516 §4.4: what holds NUL is not kept, however it is sent
		err = no("UNKNOWN-CTE", "a message with NUL in it can't be stored")
	}
	if err != nil {
		sp.Abort()
		return nil, err
	}
	return sp.Finish()
}

// lastMessage refuses to take one more.
func (s *session) lastMessage() error {
	m, err := s.r.NextMessage()
	if err == nil && m != nil {
		return no("CANNOT", "one message at a time")
	}
	return err
}

// nulFinder passes octets on and looks for NUL.
type nulFinder struct {
	w     io.Writer
	found bool
}

func (f *nulFinder) Write(p []byte) (int, error) {
	f.found = f.found || bytes.IndexByte(p, 0) >= 0
	return f.w.Write(p)
}

// Close expunges where that is allowed, and says nothing where it is not
// (RFC 4314 §4).
func (t *turn) Close(ctx context.Context, _ *imap.Close) error {
	if t.may(mail.RightExpunge) == nil {
		if _, err := t.view.account.Expunge(ctx, t.view.box.ID, nil); err != nil {
			return err
		}
	}
	t.deselect()
	return nil
}

// Expunge removes what is marked; sync tells which those were.
func (t *turn) Expunge(ctx context.Context, c *imap.Expunge) error {
	if err := t.may(mail.RightExpunge); err != nil {
		return err
	}
	var uids []mail.UID
	if c.UIDs != nil {
		picked, err := t.view.pick(*c.UIDs, true)
		if err != nil || len(picked) == 0 {
			return err
		}
		uids = t.view.uids(picked)
	}
	gone, err := t.view.account.Expunge(ctx, t.view.box.ID, uids)
	if err != nil || len(gone) == 0 || !t.enabled.qresync {
		return err
	}
	return t.upTo(ctx)
}

// upTo tells what happened and answers with the modseq up to which the client
// has been told all (RFC 7162 §3.2.7).
func (t *turn) upTo(ctx context.Context) error {
	if err := t.sync(ctx, true); err != nil || t.view == nil {
		return err
	}
	return ok(fmt.Sprintf("HIGHESTMODSEQ %d", t.view.box.HighestModSeq), "")
}

// Copy does COPY and MOVE (RFC 9051 §6.4.7, §6.4.8).
func (t *turn) Copy(ctx context.Context, c *imap.Copy) error {
	picked, err := t.view.pick(c.Set, c.UID)
	if err != nil || len(picked) == 0 {
		return err
	}
	do := t.view.account.CopyTo
	if c.Move {
		if err := t.may(mail.RightDeleteMessage | mail.RightExpunge); err != nil { // RFC 6851 §4.1: it is COPY, STORE and EXPUNGE
			return err
		}
		do = t.view.account.MoveTo
	}
	at, err := t.place(ctx, c.Mailbox, mail.RightInsert)
	if err != nil {
		return tryCreate(err)
	}
	copied, err := do(ctx, t.view.box.ID, t.view.uids(picked), at.destination())
	if err != nil || len(copied.From) == 0 {
		return tryCreate(err)
	}
	code := fmt.Appendf(nil, "COPYUID %d ", copied.UIDValidity)
	code = append(imap.AppendNumbers(code, copied.From), ' ')
	code = imap.AppendNumbers(code, copied.To)
	if !c.Move {
		return ok(string(code), "COPY done")
	}
	t.say("* OK [%s] moved", code) // RFC 6851 §4.3: before the EXPUNGEs
	if t.enabled.qresync {         // RFC 6851 §4.4
		return t.upTo(ctx)
	}
	return nil
}

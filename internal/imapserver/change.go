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
	if err := t.mayAppend(ctx, c.Mailbox, part.Size); err != nil {
		return err
	}
	body, err := t.receive(ctx, part)
	if err != nil {
		return err
	}
	target := mail.Target{Account: t.person.ID, Mailbox: c.Mailbox, Flags: system, Keywords: keywords, Received: m.Date}
	placed, err := t.o.Mail.Deliver(ctx, body, []mail.Target{target}, nil)
	if err != nil {
		return tryCreate(err)
	}
	return ok(fmt.Sprintf("APPENDUID %d %d", placed[0].UIDValidity, placed[0].UID), "APPEND done")
}

// mayAppend refuses a message of that size.
func (t *turn) mayAppend(ctx context.Context, mailbox string, size int64) error {
	if size > t.o.MaxMessage {
		return no("TOOBIG", "a message may have at most %d octets", t.o.MaxMessage)
	}
	if !t.o.Room(size) {
		return no("UNAVAILABLE", "the server's disk is nearly full, try again later") // RFC 5530 §3
	}
	_, err := t.place(ctx, mailbox, mail.RightInsert)
	return tryCreate(err)
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

// writable refuses changes of a mailbox that was opened by EXAMINE.
func (t *turn) writable() error {
	if t.view.readOnly {
		return no("NOPERM", "the mailbox is open read-only")
	}
	return nil
}

func (t *turn) Close(ctx context.Context, _ *imap.Close) error {
	if !t.view.readOnly {
		if _, err := t.view.account.Expunge(ctx, t.view.box.ID, nil); err != nil {
			return err
		}
	}
	t.deselect()
	return nil
}

// Expunge removes what is marked; sync tells which those were.
func (t *turn) Expunge(ctx context.Context, c *imap.Expunge) error {
	if err := t.writable(); err != nil {
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
	_, err := t.view.account.Expunge(ctx, t.view.box.ID, uids)
	return err
}

// Copy does COPY and MOVE (RFC 9051 §6.4.7, §6.4.8).
func (t *turn) Copy(ctx context.Context, c *imap.Copy) error {
	picked, err := t.view.pick(c.Set, c.UID)
	if err != nil || len(picked) == 0 {
		return err
	}
	do := t.view.account.Copy
	if c.Move {
		if err := t.writable(); err != nil {
			return err
		}
		do = t.view.account.Move
	}
	copied, err := do(ctx, t.view.box.ID, t.view.uids(picked), c.Mailbox)
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
	return nil
}

// Store changes flags (RFC 9051 §6.4.6).
func (t *turn) Store(ctx context.Context, c *imap.Store) error {
	if err := t.writable(); err != nil {
		return err
	}
	system, keywords, err := parseFlags(c.Flags)
	if err != nil {
		return err
	}
	v := t.view
	picked, err := v.pick(c.Set, c.UID)
	if err != nil || len(picked) == 0 {
		return err
	}
	op := flagOps[c.Op]
	changed, _, err := v.account.Store(ctx, v.box.ID, v.uids(picked), op, system, keywords, 0)
	if err != nil {
		return err
	}
	if err := t.learnKeywords(ctx, keywords); err != nil {
		return err
	}
	v.believe(changed, op, system|v.keywordBits(keywords), c.Silent)
	if !c.Silent {
		for _, i := range picked {
			t.sayItemFlags(i, c.UID)
		}
	}
	return t.missing(ctx, picked, c.UID)
}

// believe takes changed flags into the view. A silent change is believed to be
// only what was asked for: if another session changed more, sync finds the
// difference and tells of it (RFC 9051 §6.4.6).
func (v *view) believe(changed []mail.Item, op mail.FlagOp, asked mail.Flags, silent bool) {
	for _, item := range changed {
		i, known := v.find(item.UID)
		switch {
		case !known:
		case silent:
			v.items[i].Flags = combine(op, v.items[i].Flags, asked)
		default:
			v.items[i].Flags = item.Flags
		}
	}
}

var flagOps = map[byte]mail.FlagOp{'+': mail.AddFlags, '-': mail.RemoveFlags, 0: mail.SetFlags}

func combine(op mail.FlagOp, old, asked mail.Flags) mail.Flags {
	switch op {
	case mail.AddFlags:
		return old | asked
	case mail.RemoveFlags:
		return old &^ asked
	}
	return asked
}

// missing is the answer to a command by sequence numbers some of which belong
// to messages that another session has expunged (RFC 2180 §4.2.1, RFC 9051
// §7.1); UIDs that are gone are passed over (RFC 9051 §6.4.9).
func (t *turn) missing(ctx context.Context, picked []int, uid bool) error {
	err := t.sync(ctx, uid)
	if err != nil || uid || t.view == nil { // nil: the mailbox is gone too
		return err
	}
	for _, i := range picked {
		if t.view.isGone(t.view.items[i].UID) {
			return errGone
		}
	}
	return nil
}

var errGone = &reply{"NO", "EXPUNGEISSUED", "some of these messages are gone"}

// learnKeywords tells of keywords that are new to the mailbox, before a FETCH shows them.
func (t *turn) learnKeywords(ctx context.Context, used []string) error {
	if len(used) == 0 {
		return nil
	}
	box, err := t.view.account.MailboxByID(ctx, t.view.box.ID)
	if err != nil || len(box.Keywords) == len(t.view.box.Keywords) {
		return err
	}
	t.view.box.Keywords = box.Keywords
	t.sayFlags()
	return nil
}

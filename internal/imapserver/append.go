package imapserver

import (
	"context"
	"fmt"
	"io"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Append stores messages, all or none (RFC 9051 §6.3.12, RFC 3502). What speaks
// against one is found before its octets are asked for, where that can be known.
func (t *turn) Append(ctx context.Context, c *imap.Append) error {
	in, err := t.intake(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	var letters []mail.Letter
	for {
		letter, more, err := in.next(ctx)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		letters = append(letters, letter)
	}
	placed, err := t.o.Mail.DeliverAll(ctx, letters, nil)
	if err != nil {
		return tryCreate(err)
	}
	if code := in.appendUID(placed); code != "" {
		return ok(code, "APPEND done")
	}
	return nil
}

// intake takes the messages that one APPEND or REPLACE brings into a mailbox.
type intake struct {
	*turn
	to       place
	quotas   []mail.Quota
	freed    mail.Quota // what the command takes away in the same step (RFC 8508 §3.4)
	catenate bool       // the message is made of parts
	messages int
	octets   int64 // of all messages so far
	size     int64 // of the message that is being taken
}

func (t *turn) intake(ctx context.Context, mailbox string) (*intake, error) {
	to, err := t.place(ctx, mailbox, mail.RightInsert)
	if err != nil {
		return nil, tryCreate(err)
	}
	quotas, err := to.account.Quotas(ctx)
	return &intake{turn: t, to: to, quotas: quotas}, err
}

// next takes a message; there is none if more is false. Its octets are those of
// its parts, one behind the other.
func (in *intake) next(ctx context.Context) (letter mail.Letter, more bool, err error) {
	m, err := in.r.NextMessage()
	if err != nil || m == nil {
		return letter, false, err
	}
	target := mail.Target{Account: in.to.owner, Mailbox: in.to.box.Name, ID: in.to.box.ID, Received: m.Date}
	system, keywords, err := parseFlags(m.Flags)
	if err != nil {
		return letter, false, err
	}
	target.Flags, target.Keywords = in.to.allow(system, keywords)
	if in.messages++; in.messages > mail.MaxLetters {
		return letter, false, no("LIMIT", "at most %d messages in one APPEND", mail.MaxLetters)
	}
	if err := in.notTooMany(in.messages); err != nil {
		return letter, false, err
	}
	in.catenate = m.Catenate
	body, err := in.spool(ctx)
	return mail.Letter{Body: body, To: []mail.Target{target}}, true, err
}

// spool takes the parts of one message.
func (in *intake) spool(ctx context.Context) (*mail.Body, error) {
	sp := in.to.account.NewSpool(ctx)
	in.size = 0
	err := in.parts(ctx, &content{w: sp, mayUTF8: in.enabled.utf8Headers()})
	if err == nil && in.size == 0 {
		err = errEmpty
	}
	if err != nil {
		sp.Abort()
		return nil, err
	}
	return sp.Finish()
}

var errEmpty = &reply{"NO", "CANNOT", "an empty message is not stored"}

func (in *intake) parts(ctx context.Context, to *content) error {
	for {
		part, err := in.r.NextPart()
		if err != nil || part == nil {
			return err
		}
		if part.URL != "" {
			err = in.named(ctx, part.URL, to)
		} else {
			err = in.literal(part, to)
		}
		if err != nil {
			return err
		}
	}
}

// literal takes octets that the client sends.
func (in *intake) literal(part *imap.Part, to *content) error {
	if part.Size == 0 && !in.catenate { // RFC 3502 §6.3.11: so a client takes an APPEND back
		return errEmpty
	}
	if err := in.room(part.Size); err != nil {
		return err
	}
	r, err := in.r.Open(part)
	if err == nil {
		_, err = io.Copy(to, r)
	}
	return err
}

// maxTogether is how many octets the messages of one APPEND may have in all,
// unless one message alone may have more: small ones are held until they are stored.
const maxTogether = mail.MaxLetterBytes

// room refuses so many octets more of the message.
func (in *intake) room(octets int64) error {
	in.size += octets
	in.octets += octets
	switch {
	case in.size > in.o.MaxMessage || in.size < 0: // RFC 4469 §4.2, RFC 7889 §4
		return no("TOOBIG", "a message may have at most %d octets", in.o.MaxMessage)
	case in.octets > max(maxTogether, in.o.MaxMessage):
		return no("LIMIT", "the messages of one APPEND may have %d octets in all", max(maxTogether, in.o.MaxMessage))
	case !in.o.Room(octets):
		return no("UNAVAILABLE", "the server's disk is nearly full, try again later") // RFC 5530 §3
	}
	for _, q := range in.quotas {
		if q.BytesLimit > 0 && q.Bytes-in.freed.Bytes+in.octets > q.BytesLimit ||
			q.MessagesLimit > 0 && q.Messages-in.freed.Messages+int64(in.messages) > q.MessagesLimit {
			return no("OVERQUOTA", "this would be more than the quota allows")
		}
	}
	return nil
}

// appendUID is the response code that names the new messages, in the order in
// which they came (RFC 4315 §3, RFC 3502); "" for who may not read them (RFC 9051 §6.3.12).
func (in *intake) appendUID(placed [][]mail.Placed) string {
	if len(placed) == 0 {
		return ""
	}
	var uids []mail.UID
	for _, p := range placed {
		uids = append(uids, p[0].UID)
	}
	in.arrived(in.to.owner, placed[0][0].UIDValidity, uids)
	if in.to.rights&mail.RightRead == 0 {
		return ""
	}
	code := fmt.Appendf(nil, "APPENDUID %d ", placed[0][0].UIDValidity)
	return string(imap.AppendNumbers(code, uids))
}

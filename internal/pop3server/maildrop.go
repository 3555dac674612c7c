package pop3server

import (
	"context"
	"fmt"
	"strconv"

	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// maildrop is an account's INBOX as it was at login, and what the session
// wants to remove from it.
type maildrop struct {
	name    string
	account mail.AccountID
	mail    *mail.Account
	inbox   mail.Mailbox
	// messages have the POP3 number of their index + 1 for the whole session.
	messages  []message
	retrieved int
	removed   int
}

// message is what a session keeps of one message: small, for there can be many.
type message struct {
	uid     mail.UID
	size    int64
	deleted bool
}

// openMaildrop takes the snapshot.
func openMaildrop(ctx context.Context, a *mail.Account) (*maildrop, error) {
	box, err := a.Mailbox(ctx, "INBOX")
	if err != nil {
		return nil, err
	}
	box, items, err := a.List(ctx, box.ID)
	if err != nil {
		return nil, err
	}
	uids := make([]mail.UID, len(items))
	for i, it := range items {
		uids[i] = it.UID
	}
	d := &maildrop{mail: a, inbox: box, messages: make([]message, 0, len(items))}
	err = a.Fetch(ctx, box.ID, uids, func(m *mail.Meta) error {
		d.messages = append(d.messages, message{uid: m.UID, size: m.Size})
		return nil
	})
	return d, err
}

// total counts what is not marked as deleted.
func (d *maildrop) total() (n int, size int64) {
	for _, m := range d.messages {
		if !m.deleted {
			n++
			size += m.size
		}
	}
	return n, size
}

// at returns message n unless it is marked as deleted. RFC 1939 §5
func (d *maildrop) at(n int) (*message, error) {
	switch {
	case n > len(d.messages):
		return nil, &pop3.Error{Text: fmt.Sprintf("no message %d, there are %d", n, len(d.messages))}
	case d.messages[n-1].deleted:
		return nil, &pop3.Error{Text: fmt.Sprintf("message %d is deleted", n)}
	}
	return &d.messages[n-1], nil
}

// update removes what was marked. RFC 1939 §6
func (d *maildrop) update(ctx context.Context) error {
	var uids []mail.UID
	for _, m := range d.messages {
		if m.deleted {
			uids = append(uids, m.uid)
		}
	}
	if len(uids) == 0 {
		return nil
	}
	gone, err := d.mail.Remove(ctx, d.inbox.ID, uids)
	d.removed = len(gone)
	return err
}

// appendUID writes the unique id of a message, the same in every session:
// digits and a full stop, at most 21 octets of the 70 allowed. RFC 1939 §7 UIDL
func (d *maildrop) appendUID(b []byte, m *message) []byte {
	b = strconv.AppendUint(b, uint64(d.inbox.UIDValidity), 10)
	b = append(b, '.')
	return strconv.AppendUint(b, uint64(m.uid), 10)
}

func appendSize(_ *maildrop, b []byte, m *message) []byte { return strconv.AppendInt(b, m.size, 10) }

func (x *session) stat(context.Context, pop3.Command) error {
	n, size := x.drop.total()
	x.ok("%d %d", n, size) // RFC 1939 §5: exactly this form
	return nil
}

func (x *session) list(_ context.Context, c pop3.Command) error {
	return x.listing(c.N, appendSize)
}

func (x *session) uidl(_ context.Context, c pop3.Command) error {
	return x.listing(c.N, (*maildrop).appendUID)
}

// listing answers LIST and UIDL, for message n or all (0): a number and what
// show appends.
func (x *session) listing(n int, show func(*maildrop, []byte, *message) []byte) error {
	row := func(b []byte, n int, m *message) []byte {
		return show(x.drop, append(strconv.AppendInt(b, int64(n), 10), ' '), m)
	}
	if n != 0 {
		m, err := x.drop.at(n)
		if err != nil {
			return err
		}
		x.ok("%s", row(nil, n, m))
		return nil
	}
	count, size := x.drop.total()
	x.ok("%d messages (%d octets)", count, size)
	var b []byte
	for i := range x.drop.messages {
		if m := &x.drop.messages[i]; !m.deleted {
			b = row(b[:0], i+1, m)
			x.conn.WriteLineBytes(b)
		}
	}
	x.conn.WriteLine(".")
	return nil
}

// remove is DELE: a mark, no more. RFC 1939 §5
func (x *session) remove(_ context.Context, c pop3.Command) error {
	m, err := x.drop.at(c.N)
	if err != nil {
		return err
	}
	m.deleted = true
	x.ok("message %d will be deleted at QUIT", c.N)
	return nil
}

func (x *session) reset(context.Context, pop3.Command) error {
	for i := range x.drop.messages {
		x.drop.messages[i].deleted = false
	}
	n, size := x.drop.total()
	x.ok("%d messages (%d octets)", n, size)
	return nil
}

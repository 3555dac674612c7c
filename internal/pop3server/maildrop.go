package pop3server

import (
	"context"
	"strconv"

	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// maildrop is an account's INBOX as it was at login, and what is to become of
// it at QUIT.
type maildrop struct {
	account directory.Account
	mail    *mail.Account
	inbox   mail.Mailbox
	// messages have the POP3 number of their index + 1 for the whole session.
	messages  []entry
	retrieved int
	moved     int
	removed   int
}

// entry is what a session keeps of one message: 16 octets, for there can be many.
type entry struct {
	size  int64 // octets that RETR sends, once they are known for sure: see settle
	uid   mail.UID
	shape mail.Shape
	marks mark
}

// mark is what has been done to a message in this session: bits.
type mark uint8

const (
	deleted   mark = 1 << iota // by DELE
	collected                  // by RETR, to its end
	settled                    // its size is that of its surrogate
)

func (m *entry) is(k mark) bool { return m.marks&k != 0 }

// openMaildrop takes the snapshot.
func openMaildrop(ctx context.Context, a *mail.Account, of directory.Account) (*maildrop, error) {
	d := &maildrop{account: of, mail: a}
	inbox, err := a.Mailbox(ctx, "INBOX")
	if err != nil {
		return nil, err
	}
	d.inbox, err = a.Sizes(ctx, inbox.ID, mail.UID(of.POP.From), d.add)
	return d, err
}

func (d *maildrop) add(box *mail.Mailbox, l mail.Sized) {
	if d.messages == nil {
		d.messages = make([]entry, 0, box.Messages)
	}
	if l.Shape&mail.ShapeUnended != 0 {
		l.Size += crlf
	}
	d.messages = append(d.messages, entry{size: l.Size, uid: l.UID, shape: l.Shape})
}

// crlf is what RETR adds to a text that does not end with it. RFC 1939 §3
const crlf = 2

// total counts what is not marked as deleted.
func (d *maildrop) total() (n int, size int64) {
	for i := range d.messages {
		if m := &d.messages[i]; !m.is(deleted) {
			n++
			size += m.size
		}
	}
	return n, size
}

// at returns message n unless it is marked as deleted. RFC 1939 §5
func (d *maildrop) at(n int) (*entry, error) {
	switch {
	case n > len(d.messages):
		return nil, &pop3.Error{Text: "no message %d, there are %d", Args: []any{n, len(d.messages)}}
	case d.messages[n-1].is(deleted):
		return nil, &pop3.Error{Text: "message %d is deleted", Args: []any{n}}
	}
	return &d.messages[n-1], nil
}

// appendUID writes the unique id of a message, the same in every session for
// as long as the message is in INBOX: digits and a full stop, at most 21 octets
// of the 70 allowed. RFC 1939 §7 UIDL
func (d *maildrop) appendUID(b []byte, m *entry) []byte {
	b = strconv.AppendUint(b, uint64(d.inbox.UIDValidity), 10)
	b = append(b, '.')
	return strconv.AppendUint(b, uint64(m.uid), 10)
}

func appendSize(_ *maildrop, b []byte, m *entry) []byte { return strconv.AppendInt(b, m.size, 10) }

func (x *session) stat(ctx context.Context, _ pop3.Command) error {
	if err := x.settleAll(ctx); err != nil {
		return err
	}
	n, size := x.drop.total()
	x.ok("%d %d", n, size) // RFC 1939 §5: exactly this form
	return nil
}

func (x *session) list(ctx context.Context, c pop3.Command) error {
	if c.N == 0 {
		if err := x.settleAll(ctx); err != nil {
			return err
		}
		return x.listing(appendSize)
	}
	m, err := x.drop.at(c.N)
	if err != nil {
		return err
	}
	if err := x.settle(ctx, m); err != nil {
		return err
	}
	return x.one(c.N, m, appendSize)
}

func (x *session) uidl(_ context.Context, c pop3.Command) error {
	if c.N == 0 {
		return x.listing((*maildrop).appendUID)
	}
	m, err := x.drop.at(c.N)
	if err != nil {
		return err
	}
	return x.one(c.N, m, (*maildrop).appendUID)
}

// column appends to b what a listing says of a message.
type column func(d *maildrop, b []byte, m *entry) []byte

func (x *session) appendRow(n int, m *entry, show column) []byte {
	x.row = append(strconv.AppendInt(x.row[:0], int64(n), 10), ' ')
	x.row = show(x.drop, x.row, m)
	return x.row
}

func (x *session) one(n int, m *entry, show column) error {
	x.ok("%s", x.appendRow(n, m, show))
	return nil
}

// listing answers LIST and UIDL for all messages.
func (x *session) listing(show column) error {
	count, size := x.drop.total()
	x.ok("%d messages (%d octets)", count, size)
	for i := range x.drop.messages {
		if m := &x.drop.messages[i]; !m.is(deleted) {
			x.conn.WriteLineBytes(x.appendRow(i+1, m, show))
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
	m.marks |= deleted
	x.ok("message %d will be deleted at QUIT", c.N)
	return nil
}

// reset takes the marks of DELE back; what was collected stays collected.
func (x *session) reset(context.Context, pop3.Command) error {
	for i := range x.drop.messages {
		x.drop.messages[i].marks &^= deleted
	}
	n, size := x.drop.total()
	x.ok("%d messages (%d octets)", n, size)
	return nil
}

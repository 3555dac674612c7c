package imapclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tem/internal/wire/imap"
)

// Mailbox is one line of LIST.
type Mailbox struct {
	Name      string // decoded from modified UTF-7
	Delimiter string // "" if the mailbox has no hierarchy
	Attrs     []string
}

// Is reports an attribute such as \Sent or \Noselect, in any case.
func (m Mailbox) Is(attr string) bool {
	return slices.ContainsFunc(m.Attrs, func(a string) bool { return strings.EqualFold(a, attr) })
}

// List asks for the mailboxes that match a pattern with * and %.
func (c *Client) List(ctx context.Context, pattern string) ([]Mailbox, error) {
	var ms []Mailbox
	collect := func(r *response) error {
		if r.name != "LIST" || len(r.args) < 3 {
			return nil
		}
		ms = append(ms, Mailbox{
			Name:      mailboxName(r.args[2].Text), // a mailbox may be called NIL
			Delimiter: r.args[1].String(),
			Attrs:     texts(r.args[0].List),
		})
		return nil
	}
	err := c.run(ctx, collect, "LIST", `""`, mailboxArg(pattern))
	return ms, err
}

// mailboxName decodes a name; what is no modified UTF-7 stays as it came, so
// that it can be sent back.
func mailboxName(wire string) string {
	name, err := imap.DecodeUTF7(wire)
	if err != nil {
		return wire
	}
	return name
}

// Counts are what STATUS tells of a mailbox.
type Counts struct {
	Messages, Unseen uint32
	UIDNext          uint32
	UIDValidity      uint32
}

// Status asks for a mailbox's counts without opening it.
func (c *Client) Status(ctx context.Context, name string) (Counts, error) {
	var n Counts
	collect := func(r *response) error {
		if r.name == "STATUS" && len(r.args) >= 2 {
			n = counts(r.args[1].List)
		}
		return nil
	}
	err := c.run(ctx, collect, "STATUS", mailboxArg(name), "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)")
	return n, err
}

func counts(vs []Value) Counts {
	var n Counts
	fields := map[string]*uint32{"MESSAGES": &n.Messages, "UNSEEN": &n.Unseen, "UIDNEXT": &n.UIDNext, "UIDVALIDITY": &n.UIDValidity}
	for ; len(vs) >= 2; vs = vs[2:] {
		if f := fields[strings.ToUpper(vs[0].Text)]; f != nil {
			*f = number(vs[1].Text)
		}
	}
	return n
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// Select opens a mailbox, or EXAMINEs it when readOnly.
func (c *Client) Select(ctx context.Context, name string, readOnly bool) (Counts, error) {
	verb := "SELECT"
	if readOnly {
		verb = "EXAMINE"
	}
	var n Counts
	collect := func(r *response) error {
		switch {
		case r.name == "EXISTS":
			n.Messages = r.num
		case r.status != nil && r.status.Code == "UIDVALIDITY":
			n.UIDValidity = number(r.status.Args)
		case r.status != nil && r.status.Code == "UIDNEXT":
			n.UIDNext = number(r.status.Args)
		}
		return nil
	}
	c.selected, c.exists = "", 0
	if err := c.run(ctx, collect, verb, mailboxArg(name)); err != nil {
		return n, err
	}
	c.selected = name
	return n, nil
}

// Create makes a mailbox.
func (c *Client) Create(ctx context.Context, name string) error {
	return c.run(ctx, nil, "CREATE", mailboxArg(name))
}

// Append files a message of size octets with CRLF line ends. It returns the
// message's UID where the server tells it (RFC 4315 §3), else 0.
func (c *Client) Append(ctx context.Context, name string, flags []string, date time.Time, r io.Reader, size int64) (uint32, error) {
	parts := []any{"APPEND", mailboxArg(name)}
	if len(flags) > 0 {
		parts = append(parts, "("+strings.Join(flags, " ")+")")
	}
	if !date.IsZero() {
		parts = append(parts, `"`+formatTime(date)+`"`)
	}
	st, err := c.exec(ctx, nil, append(parts, literal{r, size})...)
	if err != nil {
		return 0, err
	}
	return appendUID(st), nil
}

func appendUID(st *Status) uint32 {
	f := strings.Fields(st.Args)
	if st.Code != "APPENDUID" || len(f) != 2 {
		return 0
	}
	return number(f[1])
}

// Store changes flags; op is "+", "-" or "" as in +FLAGS.SILENT.
func (c *Client) Store(ctx context.Context, set, op string, flags []string) error {
	return c.run(ctx, nil, "UID STORE", set, op+"FLAGS.SILENT", "("+strings.Join(flags, " ")+")")
}

// Copy copies messages into another mailbox.
func (c *Client) Copy(ctx context.Context, set, to string) error {
	return c.run(ctx, nil, "UID COPY", set, mailboxArg(to))
}

// Move moves messages: by MOVE (RFC 6851), else by copying and expunging.
func (c *Client) Move(ctx context.Context, set, to string) error {
	if c.Has("MOVE") || c.Has("IMAP4rev2") {
		return c.run(ctx, nil, "UID MOVE", set, mailboxArg(to))
	}
	if err := c.Copy(ctx, set, to); err != nil {
		return err
	}
	return c.Remove(ctx, set)
}

// Remove deletes messages for ever. Without UIDPLUS other messages marked
// \Deleted would go with them, so these make it an error instead.
func (c *Client) Remove(ctx context.Context, set string) error {
	if !c.Has("UIDPLUS") && !c.Has("IMAP4rev2") {
		if others, err := c.Search(ctx, "DELETED", "NOT", "UID", set); err != nil {
			return err
		} else if len(others) > 0 {
			return fmt.Errorf("imap: server has no UIDPLUS and %d other messages are marked deleted; expunge them first", len(others))
		}
	}
	if err := c.Store(ctx, set, "+", []string{`\Deleted`}); err != nil {
		return err
	}
	if c.Has("UIDPLUS") || c.Has("IMAP4rev2") {
		return c.run(ctx, nil, "UID EXPUNGE", set) // RFC 4315 §2.1
	}
	return c.run(ctx, nil, "EXPUNGE")
}

// ErrNoIdle: the server does not offer IDLE.
var ErrNoIdle = errors.New("imap: server has no IDLE")

// Idle waits until the server tells that a mailbox changed, the connection's
// read time-out passes in silence, or ctx ends. It returns with the connection ready for
// the next command, except when ctx ended (RFC 2177, RFC 9051 §6.3.13).
func (c *Client) Idle(ctx context.Context) error {
	if !c.Has("IDLE") && !c.Has("IMAP4rev2") {
		return ErrNoIdle
	}
	defer c.watch(ctx)()
	tag := c.nextTag()
	if err := c.conn.WriteLine(tag + " IDLE"); err != nil {
		return err
	}
	if st, err := c.awaitPlus(tag, nil); st != nil || err != nil {
		return errors.Join(err, refusal(st))
	}
	if err := c.awaitNews(); err != nil {
		return err
	}
	if err := c.conn.WriteLine("DONE"); err != nil {
		return err
	}
	st, err := c.finish(tag, nil)
	return errors.Join(err, refusal(st))
}

// awaitNews reads until something other than a sign of life comes.
func (c *Client) awaitNews() error {
	for {
		r, err := c.next(nil)
		if isTimeout(err) {
			return nil
		}
		if err != nil {
			return err
		}
		switch r.name {
		case "EXISTS", "EXPUNGE", "FETCH", "VANISHED":
			return nil
		}
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

package imapserver

import (
	"context"
	"fmt"
	"io"
	"strings"

	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/wire/imap"
)

// named takes the octets that a URL names, as FETCH would give them to this
// client (RFC 4469 §3). \Seen is not set.
func (in *intake) named(ctx context.Context, url string, to *content) error {
	u, err := imap.ParseURL(url)
	if err != nil {
		return badURL(url, err.Error())
	}
	at, m, err := in.locate(ctx, u)
	if err != nil {
		return urlFailed(url, err)
	}
	r, err := at.account.OpenMessage(ctx, &m)
	if err != nil {
		return urlFailed(url, err)
	}
	defer r.Close()
	text, root, err := in.shown(r, &m, false)
	if err != nil {
		return err
	}
	return in.copySection(url, &u.Section, text, root, to)
}

func (in *intake) copySection(url string, it *imap.Item, text octets, root *message.Part, to io.Writer) error {
	part, there, err := section(it, text, root)
	if err != nil {
		return err
	}
	if !there {
		return badURL(url, "there is no such part")
	}
	if it.Partial {
		part = cutPartial(part, it)
	}
	if err := in.room(part.Size()); err != nil {
		return err
	}
	_, err = io.Copy(to, part)
	return err
}

// locate finds the message of a URL.
func (in *intake) locate(ctx context.Context, u imap.URL) (at place, m mail.Meta, err error) {
	if at, err = in.base(ctx, u); err != nil {
		return at, m, err
	}
	if u.UIDValidity != 0 && u.UIDValidity != at.box.UIDValidity {
		return at, m, no("BADURL", "the mailbox has another UIDVALIDITY")
	}
	found := false
	err = at.account.Fetch(ctx, at.box.ID, []mail.UID{mail.UID(u.UID)}, func(one *mail.Meta) error {
		m, found = clone(one), true
		return nil
	})
	if err == nil && !found {
		err = no("BADURL", "there is no such message")
	}
	return at, m, err
}

// base is the mailbox of a URL: the one it names, beside the selected one if it
// does not begin with "/", or the selected one (RFC 4469 §3).
// DEVIATES(RFC 3986 §5.2.2): "/;UID=1" is taken for ";UID=1", since no mailbox has no name.
func (in *intake) base(ctx context.Context, u imap.URL) (place, error) {
	name := u.Mailbox
	switch {
	case name == "" && in.view == nil:
		return place{}, no("BADURL", "no mailbox is selected")
	case name == "":
		return in.view.place, nil
	case !u.Absolute && in.view != nil:
		beside := in.view.name()
		name = beside[:strings.LastIndexByte(beside, '/')+1] + name
	}
	return in.place(ctx, name, mail.RightRead)
}

// urlFailed is the answer where a URL can't be followed; other errors stay.
func urlFailed(url string, err error) error {
	if isKind(err, mail.NotFound) {
		return badURL(url, "there is no such mailbox or message")
	}
	if r, is := err.(*reply); is {
		return badURL(url, r.text)
	}
	return err
}

// maxURL bounds how much of a URL is said back.
const maxURL = 2048

// badURL names the URL (RFC 4469 §4.1) with what a response code can't hold encoded.
func badURL(url, text string) error {
	var said []byte
	for _, c := range []byte(url[:min(len(url), maxURL)]) {
		if c <= ' ' || c == ']' || c >= 0x7f {
			said = fmt.Appendf(said, "%%%02X", c)
		} else {
			said = append(said, c)
		}
	}
	return no("BADURL "+string(said), "%s", text)
}

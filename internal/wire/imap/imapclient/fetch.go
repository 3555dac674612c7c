package imapclient

import (
	"context"
	"net/mail"
	"strings"
	"time"

	"tem/internal/message"
)

// Message is what FETCH told of one message; fields not asked for are zero.
type Message struct {
	UID         uint32
	Flags       []string
	Received    time.Time // INTERNALDATE
	Size        int64
	Envelope    Envelope
	Attachments bool   // BODYSTRUCTURE shows a part that is an attachment
	Body        string // the BODY[…] section asked for
}

// Envelope is RFC 9051 §7.5.2's, decoded.
type Envelope struct {
	Date                  time.Time
	Subject               string
	From, ReplyTo, To, Cc []message.Mailbox
	Bcc                   []message.Mailbox
	InReplyTo, MessageID  string
}

// Items to ask Fetch for.
const (
	Summary = "UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE"
	Whole   = "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]"
	Head    = "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]"
)

// Fetch asks for items of the messages in a UID set and gives each to fn in
// the order they come. A server's unasked FETCH without a UID is left out.
func (c *Client) Fetch(ctx context.Context, set, items string, fn func(*Message) error) error {
	collect := func(r *response) error {
		if r.name != "FETCH" || len(r.args) == 0 {
			return nil
		}
		if m := parseFetch(r.args[0].List); m.UID != 0 {
			return fn(m)
		}
		return nil
	}
	return c.run(ctx, collect, "UID FETCH", set, "("+items+")")
}

func parseFetch(vs []Value) *Message {
	m := new(Message)
	for ; len(vs) >= 2; vs = vs[2:] {
		name, v := strings.ToUpper(vs[0].Text), vs[1]
		switch {
		case name == "UID":
			m.UID = number(v.Text)
		case name == "FLAGS":
			m.Flags = texts(v.List)
		case name == "INTERNALDATE":
			m.Received, _ = time.Parse(timeLayout, v.Text)
		case name == "RFC822.SIZE":
			m.Size = int64(number(v.Text))
		case name == "ENVELOPE":
			m.Envelope = parseEnvelope(v.List)
		case name == "BODYSTRUCTURE":
			m.Attachments = hasAttachment(v)
		case strings.HasPrefix(name, "BODY["):
			m.Body = v.String()
		}
	}
	return m
}

func parseEnvelope(vs []Value) Envelope {
	if len(vs) < 10 {
		return Envelope{}
	}
	date, _ := mail.ParseDate(vs[0].String())
	return Envelope{
		Date:      date,
		Subject:   message.DecodeWords(vs[1].String()),
		From:      parseAddresses(vs[2].List),
		ReplyTo:   parseAddresses(vs[4].List),
		To:        parseAddresses(vs[5].List),
		Cc:        parseAddresses(vs[6].List),
		Bcc:       parseAddresses(vs[7].List),
		InReplyTo: vs[8].String(),
		MessageID: vs[9].String(),
	}
}

// parseAddresses reads (name route mailbox host) structures; one without a
// host begins or ends a group.
func parseAddresses(vs []Value) []message.Mailbox {
	var ms []message.Mailbox
	group := ""
	for _, v := range vs {
		a := v.List
		if len(a) < 4 {
			continue
		}
		if a[3].IsNil() {
			group = message.DecodeWords(a[2].String())
			continue
		}
		ms = append(ms, message.Mailbox{
			Name:    message.DecodeWords(a[0].String()),
			Address: a[2].String() + "@" + a[3].String(),
			Group:   group,
		})
	}
	return ms
}

// hasAttachment looks for a disposition, ("attachment" …), anywhere in a body structure.
func hasAttachment(v Value) bool {
	if len(v.List) == 2 && !v.List[0].IsList && strings.EqualFold(v.List[0].Text, "attachment") {
		return true
	}
	for _, e := range v.List {
		if e.IsList && hasAttachment(e) {
			return true
		}
	}
	return false
}

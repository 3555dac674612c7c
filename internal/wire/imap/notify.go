package imap

import (
	"bytes"
	"context"
	"strings"
)

// Notify is NOTIFY (RFC 5465 §3).
type Notify struct {
	Status bool         // tell the state of the mailboxes first
	Groups []EventGroup // nil: NONE
}

// EventGroup are the events that are wanted of some mailboxes.
type EventGroup struct {
	Mailboxes MailboxFilter
	Events    Events   // 0: NONE
	New       []Item   // what to fetch of a new message
	Unknown   []string // events this package does not know, for NO [BADEVENT]
}

// Events is a set of kinds of events (RFC 5465 §5).
type Events uint8

const (
	MessageNew Events = 1 << iota
	MessageExpunge
	FlagChange
	AnnotationChange
	MailboxName
	SubscriptionChange
	MailboxMetadataChange
	ServerMetadataChange

	MessageEvents = MessageNew | MessageExpunge | FlagChange | AnnotationChange
)

// NotifyHandler runs NOTIFY.
type NotifyHandler interface {
	Notify(context.Context, *Notify) error
}

func notifyRows() []Row { return []Row{row("NOTIFY", LoggedIn, 0, parseNotify, Handler.Notify)} }

func parseNotify(d *decoder) *Notify {
	c := &Notify{}
	d.sp()
	if d.oneOf("word", "SET", "NONE") != "SET" {
		return c
	}
	d.sp()
	if c.Status = d.keyword("STATUS"); c.Status {
		d.sp()
	}
	selected := 0
	for d.err == nil {
		d.count()
		g := d.eventGroup()
		if g.Mailboxes.Kind <= FilterSelectedDelayed {
			selected++
		}
		if c.Groups = append(c.Groups, g); !d.take(' ') {
			break
		}
	}
	if selected > 1 { // RFC 5465 §8 filter-mailboxes-selected
		d.fail("only one of SELECTED and SELECTED-DELAYED")
	}
	return c
}

func (d *decoder) eventGroup() (g EventGroup) {
	d.want('(')
	if g.Mailboxes = d.mailboxFilter(); g.Mailboxes.Kind == FilterSubtreeOne { // RFC 7377 §4 has it for ESEARCH
		d.fail("NOTIFY knows no SUBTREE-ONE")
	}
	d.sp()
	if !d.keyword("NONE") {
		if d.list(func() { d.event(&g) }); g.Events == 0 && g.Unknown == nil {
			d.fail("expected an event")
		}
	}
	d.want(')')
	d.checkEvents(&g)
	return g
}

func (d *decoder) event(g *EventGroup) {
	name := d.atom()
	e, known := eventByName(name)
	if !known { // RFC 5465 §8 event-ext
		g.Unknown = append(g.Unknown, name)
		return
	}
	g.Events |= e
	if e != MessageNew || g.Mailboxes.Kind > FilterSelectedDelayed {
		return
	}
	if at := d.pos; d.take(' ') && d.peek() == '(' {
		d.list(func() { g.New = append(g.New, d.fetchItem()) })
	} else {
		d.pos = at
	}
}

// checkEvents refuses what RFC 5465 §5 and §8 do.
func (d *decoder) checkEvents(g *EventGroup) {
	both := MessageNew | MessageExpunge
	switch {
	case g.Events&MessageEvents != 0 && g.Events&both != both:
		d.fail("events of messages need MessageNew and MessageExpunge")
	case g.Mailboxes.Kind <= FilterSelectedDelayed && g.Events&^MessageEvents != 0:
		d.fail("only events of messages for the selected mailbox")
	}
}

// eventNames are in the order of their bits; the list never changes.
var eventNames = [...]string{"MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange",
	"MailboxName", "SubscriptionChange", "MailboxMetadataChange", "ServerMetadataChange"}

func eventByName(name string) (Events, bool) {
	for i, n := range eventNames {
		if strings.EqualFold(n, name) {
			return 1 << i, true
		}
	}
	return 0, false
}

// AppendEvents writes the events as BADEVENT lists them (RFC 5465 §8 unsupported-events-code).
func AppendEvents(dst []byte, events Events) []byte {
	dst = append(dst, '(')
	for i, n := range eventNames {
		if events&(1<<i) != 0 {
			dst = append(append(dst, n...), ' ')
		}
	}
	return append(bytes.TrimSuffix(dst, []byte(" ")), ')')
}

// AppendOldName writes what a LIST response says of a mailbox that was renamed
// (RFC 5465 §5.4, RFC 9051 §6.3.9.7).
func AppendOldName(dst []byte, old string, utf8 bool) []byte {
	return append(AppendMailbox(append(dst, `("OLDNAME" (`...), old, utf8), "))"...)
}

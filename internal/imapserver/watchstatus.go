package imapserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// sayState tells how a mailbox is that NOTIFY begins to watch (RFC 5465 §3.1).
func (t *turn) sayState(ctx context.Context, box *mail.Mailbox) error {
	wanted := t.watch.events(box.Name, box.Subscribed)
	if wanted&imap.MessageEvents == 0 || t.isSelected(box.ID) {
		return nil
	}
	items := []string{"UIDVALIDITY", "UIDNEXT", "MESSAGES"}
	if wanted&imap.FlagChange != 0 || t.enabled.condstore {
		items = append(items, "HIGHESTMODSEQ") // which does not turn CONDSTORE on
	}
	return t.sayWatched(ctx, box, items)
}

// tellStatus tells of messages and flags in a mailbox that is not selected.
func (t *turn) tellStatus(ctx context.Context, e *event, did *imap.Command) error {
	if e.now == nil || t.isSelected(e.now.ID) {
		return nil
	}
	items := t.news(e, t.watch.events(e.now.Name, e.now.Subscribed), did)
	if items == nil {
		return nil
	}
	return t.sayWatched(ctx, e.now, items)
}

// news are the items of STATUS that an event asks for; nil: there is nothing to tell.
func (t *turn) news(e *event, wanted imap.Events, did *imap.Command) (items []string) {
	if e.before == nil { // RFC 5465 §5.1: a new UIDVALIDITY is told
		if wanted&imap.MessageEvents != 0 && (e.now.UIDNext > 1 || !e.causedBy(did)) {
			items = append(items, "UIDVALIDITY", "UIDNEXT", "MESSAGES")
		}
		if wanted&imap.FlagChange != 0 && items != nil {
			items = append(items, "UNSEEN")
		}
		return t.withModSeq(items)
	}
	if wanted&imap.MessageNew != 0 && e.counts() && !t.mine.explains(t.watch.own.owner, e) { // RFC 5465 §5.2, §5.3
		items = append(items, "UIDNEXT", "MESSAGES")
	}
	if wanted&imap.FlagChange == 0 { // §5.1
		return t.withModSeq(items)
	}
	if items != nil || e.flags() && e.now.Unseen != e.before.unseen {
		items = append(items, "UNSEEN")
	}
	if t.enabled.condstore && (items != nil || e.flags()) {
		items = append(items, "UIDVALIDITY")
	}
	return t.withModSeq(items)
}

// withModSeq adds the modseq if the client wants to know of it.
func (t *turn) withModSeq(items []string) []string {
	if items != nil && t.enabled.condstore {
		return append(items, "HIGHESTMODSEQ")
	}
	return items
}

// counts reports whether messages came or went.
func (e *event) counts() bool {
	return e.now.UIDNext != e.before.uidNext || e.now.Messages != e.before.messages
}

// flags reports whether messages that were there have other flags.
func (e *event) flags() bool { return e.first != 0 && e.first < e.before.uidNext }

// explains reports whether nothing happened but that the client has put messages there.
func (a *arrival) explains(owner mail.AccountID, e *event) bool {
	n := uint32(len(a.uids))
	return n > 0 && !e.flags() && a.owner == owner && a.validity == e.before.validity && a.uids[0] == e.before.uidNext &&
		uint32(e.now.UIDNext-e.before.uidNext) == n && e.now.Messages == e.before.messages+n
}

func (t *turn) sayWatched(ctx context.Context, box *mail.Mailbox, items []string) error {
	return t.sayCounts(ctx, place{t.watch.own.account, t.watch.own.owner, "", *box, mail.AllRights}, items)
}

// isSelected reports whether one of the mailboxes that are watched is selected.
func (s *session) isSelected(id mail.MailboxID) bool {
	return s.view != nil && s.view.owner == s.watch.own.owner && s.view.box.ID == id
}

package imap

// FilterKind is how a MailboxFilter picks mailboxes.
type FilterKind uint8

const (
	FilterSelected        FilterKind = iota
	FilterSelectedDelayed            // NOTIFY only
	FilterInboxes
	FilterPersonal
	FilterSubscribed
	FilterSubtree    // Names and all below
	FilterSubtreeOne // Names and those just below (ESEARCH only)
	FilterMailboxes  // Names
)

// MailboxFilter is filter-mailboxes (RFC 5465 §6, RFC 7377 §4).
type MailboxFilter struct {
	Kind  FilterKind
	Names []string
}

func (d *decoder) mailboxFilter() (f MailboxFilter) {
	name := d.word()
	kinds := map[string]FilterKind{"SELECTED": FilterSelected, "SELECTED-DELAYED": FilterSelectedDelayed, "INBOXES": FilterInboxes,
		"PERSONAL": FilterPersonal, "SUBSCRIBED": FilterSubscribed, "SUBTREE": FilterSubtree, "SUBTREE-ONE": FilterSubtreeOne, "MAILBOXES": FilterMailboxes}
	kind, known := kinds[name]
	if !known {
		d.fail("unknown kind of mailboxes")
		return f
	}
	f.Kind = kind
	if kind >= FilterSubtree {
		d.sp()
		f.Names = d.mailboxes()
	}
	return f
}

// mailboxes reads one-or-more-mailbox (RFC 5465 §8).
func (d *decoder) mailboxes() (names []string) {
	if d.peek() != '(' {
		return []string{d.mailbox()}
	}
	if d.list(func() { names = append(names, d.mailbox()) }); len(names) == 0 {
		d.fail("expected a mailbox")
	}
	return names
}

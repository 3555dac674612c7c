package imap

import "slices"

// ESearch is ESEARCH, which searches many mailboxes (RFC 7377). What it finds
// is told as UIDs.
type ESearch struct {
	In      []MailboxFilter // nil: the selected mailbox
	Return  *Return         // nil: no RETURN
	Charset string          // in capitals; "": none
	Key     Key
}

func parseESearch(d *decoder) *ESearch {
	c := &ESearch{}
	d.sp()
	if d.keyword("IN") {
		d.sp()
		d.list(func() { c.In = append(c.In, d.mailboxFilter()) })
		d.sp()
		if len(c.In) == 0 || slices.ContainsFunc(c.In, isDelayed) { // RFC 7377 §4 filter-mailboxes-selected
			d.fail("IN takes mailboxes, but not SELECTED-DELAYED")
		}
	}
	if c.Return = d.returns(); c.Return != nil && c.Return.Save && slices.ContainsFunc(c.In, isOther) { // RFC 7377 §2.2
		d.fail("SAVE is for the selected mailbox only")
	}
	c.Charset = d.charset()
	c.Key = d.program()
	return c
}

func isDelayed(f MailboxFilter) bool { return f.Kind == FilterSelectedDelayed }
func isOther(f MailboxFilter) bool   { return f.Kind != FilterSelected }

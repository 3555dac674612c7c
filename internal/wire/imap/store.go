package imap

import "strings"

// Store is STORE or UID STORE (RFC 9051 §6.4.6).
type Store struct {
	UID            bool
	Set            Set
	UnchangedSince *uint64 // nil: none (RFC 7162 §3.1.3)
	Op             byte    // '+', '-' or 0 to replace
	Silent         bool
	Flags          []string
	Labels         []string // X-GM-LABELS instead of flags: mailbox names, or \Inbox and the like; nil: flags
}

func parseStore(d *decoder, uid bool) *Store {
	d.sp()
	c := &Store{UID: uid, Set: d.messages(uid)}
	d.sp()
	if d.peek() == '(' { // RFC 4466 §2.5
		d.list(func() { d.storeModifier(c) })
		d.sp()
	}
	if c.Op = d.peek(); c.Op == '+' || c.Op == '-' {
		d.pos++
	} else {
		c.Op = 0
	}
	name, silent := strings.CutSuffix(d.word(), ".SILENT")
	c.Silent = silent
	d.sp()
	switch name {
	case "FLAGS":
		c.Flags = listOr(d, d.flag)
	case "X-GM-LABELS":
		c.Labels = append([]string{}, listOr(d, d.label)...)
	default:
		d.fail("expected FLAGS or X-GM-LABELS")
	}
	return c
}

func (d *decoder) storeModifier(c *Store) {
	d.oneOf("modifier", "UNCHANGEDSINCE")
	if c.UnchangedSince != nil {
		d.fail("UNCHANGEDSINCE twice")
	}
	d.sp()
	n := d.modSeq()
	c.UnchangedSince = &n
}

// listOr reads a list in parentheses, or items with spaces between up to the end.
func listOr(d *decoder, item func() string) (items []string) {
	if d.peek() == '(' {
		d.list(func() { items = append(items, item()) })
		return items
	}
	for d.err == nil {
		d.count()
		if items = append(items, item()); !d.take(' ') {
			break
		}
	}
	return items
}

// label reads a label of Gmail's as mailbox names are written; one such as
// \Inbox, too, which need not be quoted.
func (d *decoder) label() string { return d.decodeName(d.rawLabel()) }

// rawLabel is a label in octets of the connection.
func (d *decoder) rawLabel() string {
	if d.peek() == '\\' {
		return d.flag()
	}
	return d.astring()
}

// AppendLabels writes labels as label reads them, with spaces between; without
// utf8 in modified UTF-7.
func AppendLabels(dst []byte, labels []string, utf8 bool) []byte {
	for i, label := range labels {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = AppendMailbox(dst, label, utf8)
	}
	return dst
}

package imap

import "strings"

// parseAppend reads up to the marker of the message's literal, which must end the text.
func parseAppend(d *decoder) *Append {
	c := &Append{Mailbox: d.oneMailbox()}
	d.sp()
	if d.peek() == '(' {
		c.Flags = d.flags()
		d.sp()
	}
	if d.peek() == '"' {
		c.Date = d.dateTime()
		d.sp()
	}
	m, ok := marker(d.b[d.pos:])
	if !ok {
		d.fail("expected the literal of a message")
		return c
	}
	d.pos += m.len
	c.Size, c.NonSync, c.Binary = m.size, m.plus, m.binary
	return c
}

func parseUIDExpunge(d *decoder) *Expunge {
	d.sp()
	set := d.set()
	return &Expunge{UIDs: &set}
}

func parseCopy(d *decoder, uid, move bool) *Copy {
	d.sp()
	return &Copy{UID: uid, Move: move, Set: d.set(), Mailbox: d.oneMailbox()}
}

func parseStore(d *decoder, uid bool) *Store {
	d.sp()
	c := &Store{UID: uid, Set: d.set()}
	d.sp()
	if c.Op = d.peek(); c.Op == '+' || c.Op == '-' {
		d.pos++
	} else {
		c.Op = 0
	}
	name, silent := strings.CutSuffix(d.word(), ".SILENT")
	if c.Silent = silent; name != "FLAGS" {
		d.fail("expected FLAGS")
	}
	d.sp()
	if d.peek() == '(' {
		c.Flags = d.flags()
		return c
	}
	for d.err == nil {
		if c.Flags = append(c.Flags, d.flag()); !d.take(' ') {
			break
		}
	}
	return c
}

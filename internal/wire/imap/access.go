package imap

import (
	"encoding/base64"
	"strings"
)

func (d *decoder) oneMailbox() string {
	d.sp()
	return d.mailbox()
}

func parseLogin(d *decoder) *Login {
	c := &Login{}
	d.sp()
	c.User = d.astring()
	d.sp()
	c.Password = d.astring()
	return c
}

func parseAuthenticate(d *decoder) *Authenticate {
	d.sp()
	c := &Authenticate{Mechanism: d.word()}
	if !d.take(' ') {
		return c
	}
	if d.take('=') { // RFC 4959 §3: an empty response
		c.Initial = []byte{}
		return c
	}
	text := d.span(func(b byte) bool { return b > ' ' })
	var err error
	if c.Initial, err = base64.StdEncoding.DecodeString(string(text)); err != nil {
		d.fail("the initial response is not base64")
	}
	return c
}

func parseID(d *decoder) *ID {
	c := &ID{Fields: map[string]string{}}
	d.sp()
	if d.peek() != '(' {
		d.nstring()
		return c
	}
	d.list(func() {
		name := strings.ToLower(d.str())
		d.sp()
		if c.Fields[name] = d.nstring(); len(c.Fields) > 30 { // RFC 2971 §3.3
			d.fail("more than 30 fields")
		}
	})
	return c
}

func parseEnable(d *decoder) *Enable {
	c := &Enable{}
	for d.sp(); d.err == nil; d.sp() {
		if c.Names = append(c.Names, d.word()); d.pos == len(d.b) {
			break
		}
	}
	return c
}

func parseCreate(d *decoder) *Create {
	c := &Create{Mailbox: d.oneMailbox()}
	if d.take(' ') { // RFC 6154 §3
		d.list(func() {
			if d.word() != "USE" {
				d.fail("unknown parameter of CREATE")
			}
			d.sp()
			c.Uses = append(c.Uses, d.flags()...)
		})
	}
	return c
}

func parseStatus(d *decoder) *Status {
	c := &Status{Mailbox: d.oneMailbox()}
	d.sp()
	c.Items = d.statusItems()
	return c
}

func parseCompress(d *decoder) *Compress {
	d.sp()
	return &Compress{d.word()}
}

// statusItems reads what to tell of a mailbox (RFC 9051 §6.3.11): RECENT is
// of RFC 3501 §6.3.10, HIGHESTMODSEQ of RFC 7162, APPENDLIMIT of RFC 7889,
// MAILBOXID of RFC 8474 and DELETED-STORAGE of RFC 9208.
func (d *decoder) statusItems() (items []string) {
	d.list(func() {
		items = append(items, d.oneOf("status item", "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE",
			"HIGHESTMODSEQ", "APPENDLIMIT", "MAILBOXID", "DELETED-STORAGE"))
	})
	return items
}

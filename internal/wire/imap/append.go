package imap

import "time"

// Append is APPEND before its messages, which the server takes from
// Reader.NextMessage (RFC 9051 §6.3.12, RFC 3502).
type Append struct{ Mailbox string }

// Replace is REPLACE or UID REPLACE before its one message (RFC 8508).
type Replace struct {
	UID     bool
	Number  uint32 // of the message that goes: a UID or sequence number; may be Star
	Mailbox string
}

// Message is what APPEND or REPLACE says of a message before its parts.
type Message struct {
	Flags    []string
	Date     time.Time // zero: none given
	Catenate bool      // made of parts (RFC 4469)
}

// Part is a piece of a message: octets, which Reader.Open gives, or those that
// a URL names. A message that is not Catenate has one of octets.
type Part struct {
	URL     string // "": octets
	Size    int64
	NonSync bool // the octets come without being asked for
	Binary  bool // literal8 (RFC 3516)
	UTF8    bool // headers may hold UTF-8 (RFC 6855 §4)
}

func appendRows() []Row {
	return []Row{
		row("APPEND", LoggedIn, Messages, func(d *decoder) *Append { return &Append{d.oneMailbox()} }, Handler.Append),
		row("REPLACE", Selected, Messages|ByNumber, func(d *decoder) *Replace { return parseReplace(d, false) }, Handler.Replace),
		row("UID REPLACE", Selected, Messages, func(d *decoder) *Replace { return parseReplace(d, true) }, Handler.Replace),
	}
}

func parseReplace(d *decoder, uid bool) *Replace {
	d.sp()
	return &Replace{UID: uid, Number: d.setNumber(), Mailbox: d.oneMailbox()}
}

// message reads an append-message up to its data (RFC 4466 §3, RFC 4469 §5).
func (d *decoder) message() *Message {
	m := &Message{}
	d.sp()
	if d.peek() == '(' {
		m.Flags = d.flags()
		d.sp()
	}
	if d.peek() == '"' {
		m.Date = d.dateTime()
		d.sp()
	}
	if m.Catenate = d.keyword("CATENATE"); m.Catenate {
		d.sp()
		d.want('(')
	}
	return m
}

// namedPart reads a cat-part (RFC 4469 §5, RFC 6855 §4).
func (d *decoder) namedPart() *Part {
	switch d.oneOf("part", "URL", "TEXT", "UTF8") {
	case "URL":
		d.sp()
		return &Part{URL: d.url()}
	case "UTF8":
		return d.utf8Part()
	}
	d.sp()
	return d.octetsPart()
}

func (d *decoder) url() string {
	url := d.astring()
	if url == "" {
		d.fail("a URL may not be empty")
	}
	return url
}

// utf8Part reads (~{size}, whose parenthesis is closed behind the octets.
func (d *decoder) utf8Part() *Part {
	d.sp()
	d.want('(')
	p := d.octetsPart()
	if p.UTF8 = true; !p.Binary {
		d.fail("UTF8 takes a literal8")
	}
	return p
}

// octetsPart reads the marker of a literal, which ends the text.
func (d *decoder) octetsPart() *Part {
	m, ok := marker(d.b[d.pos:])
	if !ok || m.len != len(d.b)-d.pos {
		d.fail("expected the literal of a message")
		return &Part{}
	}
	d.pos += m.len
	return &Part{Size: m.size, NonSync: m.plus, Binary: m.binary}
}

package imap

import (
	"strconv"
	"strings"
)

// Fetch is FETCH or UID FETCH (RFC 9051 §6.4.5).
type Fetch struct {
	UID          bool
	Set          Set
	Items        []Item
	ChangedSince *uint64  // nil: none (RFC 7162 §3.1.4.1)
	Vanished     bool     // RFC 7162 §3.2.6
	Partial      *Partial // RFC 9394 §3.3; nil: all
}

// ItemKind is what an Item asks for.
type ItemKind uint8

const (
	Flags ItemKind = iota
	UID
	InternalDate
	Size
	Envelope
	Body
	BodyStructure
	Section // some octets of the message
	Binary  // decoded octets of a part (RFC 3516)
	BinarySize
	ItemModSeq   // RFC 7162
	Preview      // RFC 8970; Lazy
	SaveDate     // RFC 8514
	ItemEmailID  // RFC 8474
	ItemThreadID //
	ItemGmailMsgID
	ItemGmailThrID
	ItemGmailLabels
)

// Item is one thing to fetch.
type Item struct {
	Kind    ItemKind
	Label   string // how the answer names it
	Peek    bool   // does not set \Seen
	Path    []int  // section part
	Text    string // "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, MIME or TEXT
	Fields  []string
	Partial bool
	Offset  int64
	Count   int64
	Lazy    bool
}

func parseFetch(d *decoder, uid bool) *Fetch {
	d.sp()
	c := &Fetch{UID: uid, Set: d.messages(uid)}
	d.sp()
	c.Items = d.fetchItems()
	if d.take(' ') { // RFC 4466 §2.4
		d.list(func() { d.fetchModifier(c) })
	}
	if c.Vanished && (!uid || c.ChangedSince == nil) { // RFC 7162 §3.2.6
		d.fail("VANISHED needs UID FETCH and CHANGEDSINCE")
	}
	if c.Partial != nil && !uid { // RFC 9394 §3.3
		d.fail("PARTIAL needs UID FETCH")
	}
	return c
}

// fetchItems reads a list of items, one item or a macro.
func (d *decoder) fetchItems() (items []Item) {
	if d.peek() == '(' {
		d.list(func() { items = append(items, d.fetchItem()) })
		return items
	}
	at := d.pos
	if items = macro(strings.ToUpper(string(d.span(isAtomChar)))); items == nil {
		d.pos = at
		items = []Item{d.fetchItem()}
	}
	return items
}

func (d *decoder) fetchModifier(c *Fetch) {
	switch d.oneOf("modifier", "CHANGEDSINCE", "VANISHED", "PARTIAL") {
	case "CHANGEDSINCE":
		d.sp()
		n := d.modSeq()
		c.ChangedSince = &n
	case "VANISHED":
		c.Vanished = true
	case "PARTIAL":
		d.sp()
		c.Partial = d.partial()
	}
}

// macro expands ALL, FAST and FULL (RFC 9051 §6.4.5).
func macro(name string) []Item {
	fast := []Item{{Kind: Flags, Label: "FLAGS"}, {Kind: InternalDate, Label: "INTERNALDATE"}, {Kind: Size, Label: "RFC822.SIZE"}}
	switch name {
	case "FAST":
		return fast
	case "ALL":
		return append(fast, Item{Kind: Envelope, Label: "ENVELOPE"})
	case "FULL":
		return append(fast, Item{Kind: Envelope, Label: "ENVELOPE"}, Item{Kind: Body, Label: "BODY"})
	}
	return nil
}

func (d *decoder) fetchItem() Item {
	name := strings.ToUpper(string(d.span(func(c byte) bool { return isAtomChar(c) && c != '[' && c != '<' })))
	if kind, known := simpleItems[name]; known {
		return Item{Kind: kind, Label: name}
	}
	switch name {
	case "RFC822": // RFC 3501 §6.4.5
		return Item{Kind: Section, Label: name}
	case "RFC822.HEADER":
		return Item{Kind: Section, Label: name, Text: "HEADER", Peek: true}
	case "RFC822.TEXT":
		return Item{Kind: Section, Label: name, Text: "TEXT"}
	case "PREVIEW":
		return Item{Kind: Preview, Label: name, Lazy: d.lazy()}
	case "BODY", "BODY.PEEK":
		if d.peek() == '[' {
			return d.section(Item{Kind: Section, Label: "BODY", Peek: name == "BODY.PEEK"})
		}
		if name == "BODY" {
			return Item{Kind: Body, Label: name}
		}
	case "BINARY", "BINARY.PEEK":
		return d.section(Item{Kind: Binary, Label: "BINARY", Peek: name == "BINARY.PEEK"})
	case "BINARY.SIZE":
		return d.section(Item{Kind: BinarySize, Label: name, Peek: true})
	}
	d.fail("unknown fetch item")
	return Item{}
}

// simpleItems are those without arguments; the table never changes.
var simpleItems = map[string]ItemKind{"FLAGS": Flags, "UID": UID, "INTERNALDATE": InternalDate, "RFC822.SIZE": Size,
	"ENVELOPE": Envelope, "BODYSTRUCTURE": BodyStructure, "MODSEQ": ItemModSeq, "SAVEDATE": SaveDate,
	"EMAILID": ItemEmailID, "THREADID": ItemThreadID,
	"X-GM-MSGID": ItemGmailMsgID, "X-GM-THRID": ItemGmailThrID, "X-GM-LABELS": ItemGmailLabels}

// lazy reads PREVIEW's (LAZY) with the space before it (RFC 8970 §4.1); other
// parentheses may be the modifiers of FETCH.
func (d *decoder) lazy() bool {
	at := d.pos
	if d.take(' ') && d.take('(') && d.keyword("LAZY") && d.take(')') {
		return true
	}
	d.pos = at
	return false
}

// section reads [section]<partial> and completes the item's label.
func (d *decoder) section(it Item) Item {
	d.want('[')
	d.sectionPath(&it)
	if it.Kind != Section && it.Text != "" {
		d.fail("BINARY takes part numbers only")
	}
	d.want(']')
	if it.Kind != BinarySize && d.take('<') {
		it.Partial = true
		it.Offset = d.number64()
		d.want('.')
		it.Count = d.number64()
		d.want('>')
	}
	it.Label = sectionLabel(&it)
	return it
}

// sectionPath reads part numbers and what of the part is wanted.
func (d *decoder) sectionPath(it *Item) {
	if d.peek() != ']' && !isDigit(d.peek()) {
		d.sectionText(it, false)
	}
	for isDigit(d.peek()) {
		n := d.number32()
		if n == 0 || len(it.Path) > MaxDepth*2 {
			d.fail("malformed section")
		}
		if it.Path = append(it.Path, int(n)); !d.take('.') {
			return
		}
		if !isDigit(d.peek()) {
			d.sectionText(it, true)
		}
	}
}

// sectionLabel is how the answer names a section (RFC 9051 §7.5.2).
func sectionLabel(it *Item) string {
	label := []byte(it.Label + "[")
	for i, n := range it.Path {
		if i > 0 {
			label = append(label, '.')
		}
		label = strconv.AppendInt(label, int64(n), 10)
	}
	if it.Text != "" && len(it.Path) > 0 {
		label = append(label, '.')
	}
	label = append(label, it.Text...)
	if it.Fields != nil {
		label = append(appendFields(append(label, " ("...), it.Fields), ')')
	}
	label = append(label, ']')
	if it.Partial {
		label = append(strconv.AppendInt(append(label, '<'), it.Offset, 10), '>')
	}
	return string(label)
}

func appendFields(dst []byte, fields []string) []byte {
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = AppendAString(dst, f)
	}
	return dst
}

func (d *decoder) sectionText(it *Item, inPart bool) {
	it.Text = strings.ToUpper(string(d.span(func(c byte) bool { return isAtomChar(c) })))
	switch {
	case it.Text == "HEADER" || it.Text == "TEXT" || it.Text == "MIME" && inPart:
	case it.Text == "HEADER.FIELDS" || it.Text == "HEADER.FIELDS.NOT":
		d.sp()
		it.Fields = []string{}
		d.list(func() { it.Fields = append(it.Fields, d.astring()) })
	default:
		d.fail("unknown section")
	}
}

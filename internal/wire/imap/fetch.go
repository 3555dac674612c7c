package imap

import (
	"strconv"
	"strings"
)

func parseFetch(d *decoder, uid bool) *Fetch {
	d.sp()
	c := &Fetch{UID: uid, Set: d.set()}
	d.sp()
	if d.peek() == '(' {
		d.list(func() { c.Items = append(c.Items, d.fetchItem()) })
		return c
	}
	at := d.pos
	if c.Items = macro(strings.ToUpper(string(d.span(isAtomChar)))); c.Items == nil {
		d.pos = at
		c.Items = []Item{d.fetchItem()}
	}
	return c
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
	switch name {
	case "FLAGS":
		return Item{Kind: Flags, Label: name}
	case "UID":
		return Item{Kind: UID, Label: name}
	case "INTERNALDATE":
		return Item{Kind: InternalDate, Label: name}
	case "RFC822.SIZE":
		return Item{Kind: Size, Label: name}
	case "ENVELOPE":
		return Item{Kind: Envelope, Label: name}
	case "BODYSTRUCTURE":
		return Item{Kind: BodyStructure, Label: name}
	case "RFC822": // RFC 3501 §6.4.5
		return Item{Kind: Section, Label: name}
	case "RFC822.HEADER":
		return Item{Kind: Section, Label: name, Text: "HEADER", Peek: true}
	case "RFC822.TEXT":
		return Item{Kind: Section, Label: name, Text: "TEXT"}
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

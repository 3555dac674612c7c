package imap

import (
	"bytes"
	"context"
	"strconv"
	"strings"
)

// The commands of RFC 5464. Mailbox "" is the server. Names of entries are in
// lower case, as case makes no difference (RFC 5464 §3.2).
type (
	GetMetadata struct {
		Mailbox string
		Entries []string
		MaxSize *uint32 // octets of a value; nil: any
		Depth   Depth
	}
	SetMetadata struct {
		Mailbox string
		Entries []Metadata
	}
)

// Metadata is one entry; a nil Value is NIL, which removes it.
type Metadata struct {
	Name  string
	Value []byte
}

// Depth is how far below an entry GETMETADATA looks (RFC 5464 §4.2.2).
type Depth uint8

const (
	DepthZero     Depth = iota // the entry alone
	DepthOne                   // and those just below
	DepthInfinity              // and all below
)

// MetadataHandler runs the commands about metadata.
type MetadataHandler interface {
	GetMetadata(context.Context, *GetMetadata) error
	SetMetadata(context.Context, *SetMetadata) error
}

func metadataRows() []Row {
	return []Row{
		row("GETMETADATA", LoggedIn, 0, parseGetMetadata, Handler.GetMetadata),
		row("SETMETADATA", LoggedIn, 0, parseSetMetadata, Handler.SetMetadata),
	}
}

// parseGetMetadata takes the options where the grammar has them, before the
// mailbox, and where the examples have them, after it (RFC 5464 §5, §4.2.1).
func parseGetMetadata(d *decoder) *GetMetadata {
	c := &GetMetadata{}
	d.sp()
	if d.peek() == '(' {
		d.list(func() { d.metadataOption(c) })
		d.sp()
	}
	c.Mailbox = d.mailbox()
	d.sp()
	if d.peek() == '(' && d.metadataOptionNext() {
		d.list(func() { d.metadataOption(c) })
		d.sp()
	}
	c.Entries = d.entries()
	return c
}

// metadataOptionNext tells a list of options from one of entries, which begin with /.
func (d *decoder) metadataOptionNext() bool {
	first := bytes.ToUpper(d.b[d.pos+1:])
	return bytes.HasPrefix(first, []byte("MAXSIZE")) || bytes.HasPrefix(first, []byte("DEPTH"))
}

func (d *decoder) metadataOption(c *GetMetadata) {
	switch d.oneOf("option", "MAXSIZE", "DEPTH") {
	case "MAXSIZE":
		d.sp()
		n := d.number32()
		c.MaxSize = &n
	case "DEPTH":
		d.sp()
		depths := map[string]Depth{"0": DepthZero, "1": DepthOne, "INFINITY": DepthInfinity}
		c.Depth = depths[d.oneOf("depth", "0", "1", "INFINITY")]
	}
}

// entries reads an entry or a list of them.
func (d *decoder) entries() (names []string) {
	if d.peek() != '(' {
		return []string{d.entry()}
	}
	if d.list(func() { names = append(names, d.entry()) }); len(names) == 0 {
		d.fail("expected an entry")
	}
	return names
}

// entry reads the name of an entry (RFC 5464 §3.2).
func (d *decoder) entry() string {
	name := d.astring()
	bad := func(r rune) bool { return r <= 0x19 || r > 0x7f || r == '*' || r == '%' }
	if !strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.Contains(name, "//") || strings.ContainsFunc(name, bad) {
		d.fail("malformed name of an entry")
	}
	return strings.ToLower(name)
}

func parseSetMetadata(d *decoder) *SetMetadata {
	c := &SetMetadata{Mailbox: d.oneMailbox()}
	d.sp()
	d.list(func() {
		m := Metadata{Name: d.entry()}
		d.sp()
		m.Value = d.value()
		c.Entries = append(c.Entries, m)
	})
	if len(c.Entries) == 0 {
		d.fail("expected an entry")
	}
	return c
}

// value reads a string, a literal8, or NIL as nil (RFC 5464 §5).
func (d *decoder) value() []byte {
	switch d.peek() {
	case '~':
		return append([]byte{}, d.octets()...)
	case '"', '{':
		return append([]byte{}, d.str()...)
	}
	d.nstring()
	return nil
}

// AppendMetadata writes a METADATA response without "* " that has values (RFC 5464 §4.4.1).
func AppendMetadata(dst []byte, mailbox string, entries []Metadata, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "METADATA "...), mailbox, utf8)
	dst = append(dst, " ("...)
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(AppendAString(dst, e.Name), ' ')
		dst = appendValue(dst, e.Value)
	}
	return append(dst, ')')
}

// AppendMetadataChanged writes a METADATA response without "* " that names
// what changed (RFC 5464 §4.4.2).
func AppendMetadataChanged(dst []byte, mailbox string, names []string, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "METADATA "...), mailbox, utf8)
	for _, n := range names {
		dst = AppendAString(append(dst, ' '), n)
	}
	return dst
}

// appendValue writes a value; one with NUL in it needs a literal8 (RFC 5464 §5).
func appendValue(dst, value []byte) []byte {
	switch {
	case value == nil:
		return append(dst, "NIL"...)
	case bytes.IndexByte(value, 0) < 0:
		return AppendString(dst, string(value))
	}
	dst = strconv.AppendInt(append(dst, "~{"...), int64(len(value)), 10)
	return append(append(dst, "}\r\n"...), value...)
}

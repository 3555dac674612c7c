package imap

import (
	"encoding/base64"
	"strings"
)

// Row is what the table says of one command.
type Row struct {
	Name   string
	States State // where it is allowed
	Traits Traits
	parse  func(*decoder) any
}

// Table returns the rows of all commands (RFC 9051 §6).
func Table() []Row {
	return []Row{
		{"CAPABILITY", Any, 0, bare[Capability]},
		{"NOOP", Any, 0, bare[Noop]},
		{"LOGOUT", Any, 0, bare[Logout]},
		{"ID", Any, 0, parseID},
		{"STARTTLS", NotAuthenticated, 0, bare[StartTLS]},
		{"LOGIN", NotAuthenticated, 0, parseLogin},
		{"AUTHENTICATE", NotAuthenticated, 0, parseAuthenticate},
		{"ENABLE", LoggedIn, 0, parseEnable},
		{"SELECT", LoggedIn, 0, func(d *decoder) any { return &Select{Mailbox: d.oneMailbox()} }},
		{"EXAMINE", LoggedIn, 0, func(d *decoder) any { return &Select{Mailbox: d.oneMailbox(), ReadOnly: true} }},
		{"CREATE", LoggedIn, 0, parseCreate},
		{"DELETE", LoggedIn, 0, func(d *decoder) any { return &Delete{d.oneMailbox()} }},
		{"RENAME", LoggedIn, 0, func(d *decoder) any { return &Rename{d.oneMailbox(), d.oneMailbox()} }},
		{"SUBSCRIBE", LoggedIn, 0, func(d *decoder) any { return &Subscribe{d.oneMailbox(), true} }},
		{"UNSUBSCRIBE", LoggedIn, 0, func(d *decoder) any { return &Subscribe{d.oneMailbox(), false} }},
		{"LIST", LoggedIn, 0, parseList},
		{"LSUB", LoggedIn, 0, parseLSub},
		{"NAMESPACE", LoggedIn, 0, bare[Namespace]},
		{"STATUS", LoggedIn, 0, parseStatus},
		{"APPEND", LoggedIn, 0, parseAppend},
		{"IDLE", LoggedIn, 0, bare[Idle]},
		{"CHECK", Selected, 0, bare[Check]},
		{"CLOSE", Selected, 0, bare[Close]},
		{"UNSELECT", Selected, 0, bare[Unselect]},
		{"EXPUNGE", Selected, 0, bare[Expunge]},
		{"UID EXPUNGE", Selected, 0, parseUIDExpunge},
		{"SEARCH", Selected, Numbers, func(d *decoder) any { return parseSearch(d, false) }},
		{"UID SEARCH", Selected, 0, func(d *decoder) any { return parseSearch(d, true) }},
		{"FETCH", Selected, Numbers, func(d *decoder) any { return parseFetch(d, false) }},
		{"UID FETCH", Selected, 0, func(d *decoder) any { return parseFetch(d, true) }},
		{"STORE", Selected, Numbers, func(d *decoder) any { return parseStore(d, false) }},
		{"UID STORE", Selected, 0, func(d *decoder) any { return parseStore(d, true) }},
		{"COPY", Selected, 0, func(d *decoder) any { return parseCopy(d, false, false) }},
		{"UID COPY", Selected, 0, func(d *decoder) any { return parseCopy(d, true, false) }},
		{"MOVE", Selected, 0, func(d *decoder) any { return parseCopy(d, false, true) }},
		{"UID MOVE", Selected, 0, func(d *decoder) any { return parseCopy(d, true, true) }},
	}
}

var rows = index(Table())

func index(table []Row) map[string]*Row {
	m := make(map[string]*Row, len(table))
	for i := range table {
		m[table[i].Name] = &table[i]
	}
	return m
}

func bare[T any](*decoder) any { return new(T) }

// Parse reads one whole command without its last CRLF; with utf8, mailbox
// names are UTF-8. The error is a *SyntaxError.
func Parse(b []byte, utf8 bool) (*Command, error) {
	d := &decoder{b: b, utf8: utf8}
	tag := string(d.span(isTagChar))
	if tag == "" || !d.take(' ') {
		return nil, &SyntaxError{Tag: "*", Text: "expected a tag and a command"}
	}
	name := d.word()
	if name == "UID" {
		d.sp()
		name += " " + d.word()
	}
	row, known := rows[name]
	if d.err == nil && !known {
		return nil, &SyntaxError{Tag: tag, Text: "unknown command"}
	}
	if d.err == nil {
		args := row.parse(d)
		if d.end(); d.err == nil {
			return &Command{tag, row, args}, nil
		}
	}
	return nil, &SyntaxError{Tag: tag, Text: d.err.Error()}
}

func (d *decoder) oneMailbox() string {
	d.sp()
	return d.mailbox()
}

func parseLogin(d *decoder) any {
	c := &Login{}
	d.sp()
	c.User = d.astring()
	d.sp()
	c.Password = d.astring()
	return c
}

func parseAuthenticate(d *decoder) any {
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

func parseID(d *decoder) any {
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

func parseEnable(d *decoder) any {
	c := &Enable{}
	for d.sp(); d.err == nil; d.sp() {
		if c.Names = append(c.Names, d.word()); d.pos == len(d.b) {
			break
		}
	}
	return c
}

func parseCreate(d *decoder) any {
	c := &Create{Mailbox: d.oneMailbox()}
	if d.take(' ') { // RFC 6154 §3
		d.list(func() {
			if d.word() != "USE" {
				d.fail("unknown parameter of CREATE")
			}
			d.sp()
			for _, use := range d.flags() {
				c.SpecialUse = use
			}
		})
	}
	return c
}

func parseStatus(d *decoder) any {
	c := &Status{Mailbox: d.oneMailbox()}
	d.sp()
	c.Items = d.words()
	return c
}

func (d *decoder) words() (words []string) {
	d.list(func() { words = append(words, d.word()) })
	return words
}

func parseLSub(d *decoder) any {
	c := &List{LSub: true, Reference: d.oneMailbox()}
	d.sp()
	c.Patterns = []string{d.pattern()}
	return c
}

func parseList(d *decoder) any {
	c := &List{}
	d.sp()
	if d.peek() == '(' {
		d.list(func() { d.listSelection(c) })
		d.sp()
	}
	c.Reference = d.mailbox()
	d.sp()
	if d.peek() == '(' {
		d.list(func() { c.Patterns = append(c.Patterns, d.pattern()) })
	} else {
		c.Patterns = []string{d.pattern()}
	}
	if d.take(' ') {
		if d.word() != "RETURN" {
			d.fail("expected RETURN")
		}
		d.sp()
		d.list(func() { d.listReturn(c) })
	}
	if c.RecursiveMatch && !c.Subscribed { // RFC 9051 §6.3.9.1
		d.fail("RECURSIVEMATCH needs SUBSCRIBED")
	}
	return c
}

func (d *decoder) listSelection(c *List) {
	switch d.word() {
	case "SUBSCRIBED":
		c.Subscribed = true
	case "RECURSIVEMATCH":
		c.RecursiveMatch = true
	case "SPECIAL-USE":
		c.SpecialUse = true
	case "REMOTE":
	default:
		d.fail("unknown selection option")
	}
}

func (d *decoder) listReturn(c *List) {
	switch d.word() {
	case "SUBSCRIBED":
		c.ReturnSubscribed = true
	case "CHILDREN":
		c.ReturnChildren = true
	case "SPECIAL-USE":
		c.ReturnSpecialUse = true
	case "STATUS":
		d.sp()
		c.Status = d.words()
	default:
		d.fail("unknown return option")
	}
}

// parseAppend reads up to the marker of the message's literal, which must end the text.
func parseAppend(d *decoder) any {
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

func parseUIDExpunge(d *decoder) any {
	d.sp()
	set := d.set()
	return &Expunge{UIDs: &set}
}

func parseCopy(d *decoder, uid, move bool) any {
	d.sp()
	return &Copy{UID: uid, Move: move, Set: d.set(), Mailbox: d.oneMailbox()}
}

func parseStore(d *decoder, uid bool) any {
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

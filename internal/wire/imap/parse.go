package imap

// Mode is how a connection's commands are to be read, by what was enabled.
type Mode struct {
	UTF8    bool // mailbox names are UTF-8 (IMAP4rev2, UTF8=ACCEPT)
	UIDOnly bool // no sequence numbers (RFC 9586 §3)
}

// Parse reads one whole command without its last CRLF. Of APPEND and REPLACE
// it reads what is before the messages: see Reader.NextMessage. The error is a
// *SyntaxError.
func Parse(b []byte, mode Mode) (*Command, error) {
	cmd, _, err := parse(b, mode)
	return cmd, err
}

// parse also returns the text of messages, which Parse leaves alone.
func parse(b []byte, mode Mode) (cmd *Command, rest []byte, err error) {
	d := &decoder{b: b, Mode: mode}
	tag := string(d.span(isTagChar))
	if tag == "" || !d.take(' ') {
		return nil, nil, &SyntaxError{Tag: "*", Text: "expected a tag and a command"}
	}
	row := d.row()
	if d.err != nil {
		return nil, nil, d.syntax(tag)
	}
	args := row.parse(d)
	if row.Traits&Messages == 0 {
		d.end()
	}
	if d.err != nil {
		return nil, nil, d.syntax(tag)
	}
	return &Command{tag, row, args}, b[d.pos:], nil
}

// row reads the name of a command.
func (d *decoder) row() *Row {
	name := d.word()
	if name == "UID" {
		d.sp()
		name += " " + d.word()
	}
	row, known := rows[name]
	if !known {
		d.fail("unknown command")
		return nil
	}
	if d.UIDOnly && row.Traits&ByNumber != 0 {
		d.uidRequired()
	}
	return row
}

// uidRequired refuses sequence numbers after ENABLE UIDONLY (RFC 9586 §3).
func (d *decoder) uidRequired() {
	if d.err == nil {
		d.code = "UIDREQUIRED"
	}
	d.fail("sequence numbers can't be used after ENABLE UIDONLY")
}

// syntax is what went wrong.
func (d *decoder) syntax(tag string) *SyntaxError {
	return &SyntaxError{Tag: tag, Code: d.code, Text: d.err.Error()}
}

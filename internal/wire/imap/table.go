package imap

import (
	"context"
)

// Row is what the table says of one command.
type Row struct {
	Name   string
	States State // where it is allowed
	Traits Traits
	parse  func(*decoder) any
	run    func(context.Context, Handler, any) error
}

// row ties a command's parser to the method that runs what it parsed.
func row[T any](name string, states State, traits Traits, parse func(*decoder) *T, run func(Handler, context.Context, *T) error) Row {
	return Row{name, states, traits,
		func(d *decoder) any { return parse(d) },
		func(ctx context.Context, h Handler, args any) error { return run(h, ctx, args.(*T)) }}
}

// Table returns the rows of all commands (RFC 9051 §6, RFC 3501 §6).
func Table() []Row {
	return []Row{
		row("CAPABILITY", Any, 0, bare[Capability], Handler.Capability),
		row("NOOP", Any, 0, bare[Noop], Handler.Noop),
		row("LOGOUT", Any, 0, bare[Logout], Handler.Logout),
		row("ID", Any, 0, parseID, Handler.ID),
		row("STARTTLS", NotAuthenticated, 0, bare[StartTLS], Handler.StartTLS),
		row("LOGIN", NotAuthenticated, 0, parseLogin, Handler.Login),
		row("AUTHENTICATE", NotAuthenticated, 0, parseAuthenticate, Handler.Authenticate),
		row("ENABLE", LoggedIn, 0, parseEnable, Handler.Enable),
		row("SELECT", LoggedIn, 0, func(d *decoder) *Select { return &Select{Mailbox: d.oneMailbox()} }, Handler.Select),
		row("EXAMINE", LoggedIn, 0, func(d *decoder) *Select { return &Select{Mailbox: d.oneMailbox(), ReadOnly: true} }, Handler.Select),
		row("CREATE", LoggedIn, 0, parseCreate, Handler.Create),
		row("DELETE", LoggedIn, 0, func(d *decoder) *Delete { return &Delete{d.oneMailbox()} }, Handler.Delete),
		row("RENAME", LoggedIn, 0, func(d *decoder) *Rename { return &Rename{d.oneMailbox(), d.oneMailbox()} }, Handler.Rename),
		row("SUBSCRIBE", LoggedIn, 0, func(d *decoder) *Subscribe { return &Subscribe{d.oneMailbox(), true} }, Handler.Subscribe),
		row("UNSUBSCRIBE", LoggedIn, 0, func(d *decoder) *Subscribe { return &Subscribe{d.oneMailbox(), false} }, Handler.Subscribe),
		row("LIST", LoggedIn, 0, parseList, Handler.List),
		row("LSUB", LoggedIn, 0, parseLSub, Handler.List),
		row("NAMESPACE", LoggedIn, 0, bare[Namespace], Handler.Namespace),
		row("STATUS", LoggedIn, 0, parseStatus, Handler.Status),
		row("APPEND", LoggedIn, 0, parseAppend, Handler.Append),
		row("IDLE", LoggedIn, 0, bare[Idle], Handler.Idle),
		row("CHECK", Selected, 0, bare[Check], Handler.Check),
		row("CLOSE", Selected, 0, bare[Close], Handler.Close),
		row("UNSELECT", Selected, 0, bare[Unselect], Handler.Unselect),
		row("EXPUNGE", Selected, 0, bare[Expunge], Handler.Expunge),
		row("UID EXPUNGE", Selected, 0, parseUIDExpunge, Handler.Expunge),
		row("SEARCH", Selected, Numbers, func(d *decoder) *Search { return parseSearch(d, false) }, Handler.Search),
		row("UID SEARCH", Selected, 0, func(d *decoder) *Search { return parseSearch(d, true) }, Handler.Search),
		row("FETCH", Selected, Numbers, func(d *decoder) *Fetch { return parseFetch(d, false) }, Handler.Fetch),
		row("UID FETCH", Selected, 0, func(d *decoder) *Fetch { return parseFetch(d, true) }, Handler.Fetch),
		row("STORE", Selected, Numbers, func(d *decoder) *Store { return parseStore(d, false) }, Handler.Store),
		row("UID STORE", Selected, 0, func(d *decoder) *Store { return parseStore(d, true) }, Handler.Store),
		row("COPY", Selected, 0, func(d *decoder) *Copy { return parseCopy(d, false, false) }, Handler.Copy),
		row("UID COPY", Selected, 0, func(d *decoder) *Copy { return parseCopy(d, true, false) }, Handler.Copy),
		row("MOVE", Selected, 0, func(d *decoder) *Copy { return parseCopy(d, false, true) }, Handler.Copy),
		row("UID MOVE", Selected, 0, func(d *decoder) *Copy { return parseCopy(d, true, true) }, Handler.Copy),
	}
}

// rows finds a row by its name; it never changes.
var rows = index(Table())

func index(table []Row) map[string]*Row {
	m := make(map[string]*Row, len(table))
	for i := range table {
		m[table[i].Name] = &table[i]
	}
	return m
}

func bare[T any](*decoder) *T { return new(T) }

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

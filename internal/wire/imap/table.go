package imap

import (
	"context"
	"slices"
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

// Table returns the rows of all commands. Each family has its rows beside its parsers.
func Table() []Row {
	return slices.Concat(sessionRows(), mailboxRows(), appendRows(), messageRows(), searchRows(), sortRows(), batchRows(),
		quotaRows(), aclRows(), metadataRows(), notifyRows())
}

// sessionRows are about the connection and the person (RFC 9051 §6.1, §6.2).
func sessionRows() []Row {
	return []Row{
		row("CAPABILITY", Any, 0, bare[Capability], Handler.Capability),
		row("NOOP", Any, 0, bare[Noop], Handler.Noop),
		row("LOGOUT", Any, 0, bare[Logout], Handler.Logout),
		row("ID", Any, 0, parseID, Handler.ID),
		row("STARTTLS", NotAuthenticated, 0, bare[StartTLS], Handler.StartTLS),
		row("LOGIN", NotAuthenticated, 0, parseLogin, Handler.Login),
		row("AUTHENTICATE", NotAuthenticated, 0, parseAuthenticate, Handler.Authenticate),
		row("UNAUTHENTICATE", LoggedIn, 0, bare[Unauthenticate], Handler.Unauthenticate),
		row("ENABLE", LoggedIn, 0, parseEnable, Handler.Enable),
		row("COMPRESS", LoggedIn, 0, parseCompress, Handler.Compress),
		row("IDLE", LoggedIn, 0, bare[Idle], Handler.Idle),
	}
}

// mailboxRows are about mailboxes as a whole (RFC 9051 §6.3).
func mailboxRows() []Row {
	return []Row{
		row("SELECT", LoggedIn, 0, func(d *decoder) *Select { return parseSelect(d, false) }, Handler.Select),
		row("EXAMINE", LoggedIn, 0, func(d *decoder) *Select { return parseSelect(d, true) }, Handler.Select),
		row("CREATE", LoggedIn, 0, parseCreate, Handler.Create),
		row("DELETE", LoggedIn, 0, func(d *decoder) *Delete { return &Delete{d.oneMailbox()} }, Handler.Delete),
		row("RENAME", LoggedIn, 0, func(d *decoder) *Rename { return &Rename{d.oneMailbox(), d.oneMailbox()} }, Handler.Rename),
		row("SUBSCRIBE", LoggedIn, 0, func(d *decoder) *Subscribe { return &Subscribe{d.oneMailbox(), true} }, Handler.Subscribe),
		row("UNSUBSCRIBE", LoggedIn, 0, func(d *decoder) *Subscribe { return &Subscribe{d.oneMailbox(), false} }, Handler.Subscribe),
		row("LIST", LoggedIn, 0, parseList, Handler.List),
		row("LSUB", LoggedIn, 0, parseLSub, Handler.List),
		row("NAMESPACE", LoggedIn, 0, bare[Namespace], Handler.Namespace),
		row("STATUS", LoggedIn, 0, parseStatus, Handler.Status),
	}
}

// messageRows are about the messages of the selected mailbox (RFC 9051 §6.4).
func messageRows() []Row {
	return []Row{
		row("CHECK", Selected, 0, bare[Check], Handler.Check),
		row("CLOSE", Selected, 0, bare[Close], Handler.Close),
		row("UNSELECT", Selected, 0, bare[Unselect], Handler.Unselect),
		row("EXPUNGE", Selected, 0, bare[Expunge], Handler.Expunge),
		row("UID EXPUNGE", Selected, 0, parseUIDExpunge, Handler.Expunge),
		row("FETCH", Selected, Numbers|ByNumber, func(d *decoder) *Fetch { return parseFetch(d, false) }, Handler.Fetch),
		row("UID FETCH", Selected, 0, func(d *decoder) *Fetch { return parseFetch(d, true) }, Handler.Fetch),
		row("STORE", Selected, Numbers|ByNumber, func(d *decoder) *Store { return parseStore(d, false) }, Handler.Store),
		row("UID STORE", Selected, 0, func(d *decoder) *Store { return parseStore(d, true) }, Handler.Store),
		row("COPY", Selected, ByNumber, func(d *decoder) *Copy { return parseCopy(d, false, false) }, Handler.Copy),
		row("UID COPY", Selected, 0, func(d *decoder) *Copy { return parseCopy(d, true, false) }, Handler.Copy),
		row("MOVE", Selected, ByNumber, func(d *decoder) *Copy { return parseCopy(d, false, true) }, Handler.Copy),
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

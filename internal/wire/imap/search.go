package imap

import (
	"context"
	"strings"
)

// Search is SEARCH or UID SEARCH (RFC 9051 §6.4.4). Texts in its keys are
// octets of Charset.
type Search struct {
	UID     bool
	Return  *Return // nil: no RETURN
	Charset string  // in capitals; "": none
	Key     Key
}

// SearchHandler runs what looks for messages.
type SearchHandler interface {
	Search(context.Context, *Search) error
	ESearch(context.Context, *ESearch) error
}

func searchRows() []Row {
	return []Row{
		row("SEARCH", Selected, Numbers|ByNumber, func(d *decoder) *Search { return parseSearch(d, false) }, Handler.Search),
		row("UID SEARCH", Selected, 0, func(d *decoder) *Search { return parseSearch(d, true) }, Handler.Search),
		row("ESEARCH", LoggedIn, 0, parseESearch, Handler.ESearch),
	}
}

func parseSearch(d *decoder, uid bool) *Search {
	d.sp()
	c := &Search{UID: uid, Return: d.returns()}
	c.Charset = d.charset()
	c.Key = d.program()
	return c
}

// charset reads CHARSET with the space after it, if it is next.
func (d *decoder) charset() string {
	if !d.keyword("CHARSET") {
		return ""
	}
	d.sp()
	name := strings.ToUpper(d.astring())
	d.sp()
	return name
}

// program reads one key or more, all of which must match.
func (d *decoder) program() (k Key) {
	for d.err == nil {
		if k.Keys = append(k.Keys, d.key()); !d.take(' ') {
			break
		}
	}
	return k
}

// keyword takes the word if it is next.
func (d *decoder) keyword(word string) bool {
	at := d.pos
	if strings.EqualFold(string(d.span(isAtomChar)), word) {
		return true
	}
	d.pos = at
	return false
}

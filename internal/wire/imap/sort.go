package imap

import (
	"context"
	"strings"
)

// Sort is SORT or UID SORT (RFC 5256 §3, RFC 5267 §3.1).
type Sort struct {
	UID     bool
	Return  *Return   // nil: no RETURN
	By      []SortKey // at least one
	Charset string    // in capitals
	Key     Key
}

// SortKey is one criterion of SORT. By is ARRIVAL, CC, DATE, FROM, SIZE,
// SUBJECT, TO, DISPLAYFROM, DISPLAYTO (RFC 5957) or RELEVANCY (RFC 6203).
type SortKey struct {
	By      string
	Reverse bool
}

// Thread is THREAD or UID THREAD (RFC 5256 §3).
type Thread struct {
	UID       bool
	Algorithm string // ORDEREDSUBJECT, REFERENCES or REFS
	Charset   string // in capitals
	Key       Key
}

// CancelUpdate ends the updates of earlier searches (RFC 5267 §4.3.5).
type CancelUpdate struct{ Tags []string }

// SortHandler runs what puts messages in order.
type SortHandler interface {
	Sort(context.Context, *Sort) error
	Thread(context.Context, *Thread) error
	CancelUpdate(context.Context, *CancelUpdate) error
}

func sortRows() []Row {
	return []Row{
		row("SORT", Selected, Numbers|ByNumber, func(d *decoder) *Sort { return parseSort(d, false) }, Handler.Sort),
		row("UID SORT", Selected, 0, func(d *decoder) *Sort { return parseSort(d, true) }, Handler.Sort),
		row("THREAD", Selected, Numbers|ByNumber, func(d *decoder) *Thread { return parseThread(d, false) }, Handler.Thread),
		row("UID THREAD", Selected, 0, func(d *decoder) *Thread { return parseThread(d, true) }, Handler.Thread),
		row("CANCELUPDATE", LoggedIn, 0, parseCancelUpdate, Handler.CancelUpdate),
	}
}

func parseSort(d *decoder, uid bool) *Sort {
	d.sp()
	c := &Sort{UID: uid, Return: d.returns()}
	if d.list(func() { c.By = append(c.By, d.sortKey()) }); len(c.By) == 0 {
		d.fail("expected a sort key")
	}
	c.Charset, c.Key = d.criteria()
	return c
}

func (d *decoder) sortKey() (k SortKey) {
	if k.Reverse = d.keyword("REVERSE"); k.Reverse {
		d.sp()
	}
	k.By = d.oneOf("sort key", "ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO", "RELEVANCY")
	return k
}

func parseThread(d *decoder, uid bool) *Thread {
	d.sp()
	c := &Thread{UID: uid, Algorithm: d.oneOf("thread algorithm", "ORDEREDSUBJECT", "REFERENCES", "REFS")}
	c.Charset, c.Key = d.criteria()
	return c
}

// criteria reads the charset, which must be there, and the keys (RFC 5256 §5 search-criteria).
func (d *decoder) criteria() (charset string, key Key) {
	d.sp()
	charset = strings.ToUpper(d.astring())
	d.sp()
	return charset, d.program()
}

func parseCancelUpdate(d *decoder) *CancelUpdate {
	c := &CancelUpdate{}
	for d.sp(); d.err == nil; d.sp() {
		d.count()
		if c.Tags = append(c.Tags, d.quoted()); d.pos == len(d.b) {
			break
		}
	}
	return c
}

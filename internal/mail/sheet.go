package mail

import (
	"cmp"
	"context"
	"slices"

	"tem/internal/kv"
)

// sheet is the span of one page as a commit finds it and changes it.
type sheet struct {
	first UID
	items []Item // those of the page, then those with rows of their own, as far as they were read
	paged int    // how many are of the page
	whole bool   // all were read
	page  bool   // the page has to be written
	own   []Item // have to be written into their own rows
}

// sheets reads those rows of flags that uids may be in. It settles the account.
func (e *edit) sheets(ctx context.Context, id MailboxID, uids []UID) ([]sheet, error) {
	if uids = sorted(uids); len(uids) == 0 {
		return nil, nil
	}
	if isDense(uids) {
		return e.sheetsIn(ctx, id, uids[0], uids[len(uids)-1], 0)
	}
	if err := e.settle(ctx); err != nil {
		return nil, err
	}
	var s sheetReader
	err := e.s.view(ctx, func(r kv.Reader) error {
		keys := itemKeys(id, uids)
		return r.GetMulti(e.a.id, keys, func(i int, row []byte) error { return s.row(uidOf(keys[i]), row) })
	})
	return s.list, err
}

// sheetsIn reads the pages from one UID's to another's in whole, and all rows in
// their spans, up to limit of these (0: no limit).
func (e *edit) sheetsIn(ctx context.Context, id MailboxID, from, to UID, limit int) ([]sheet, error) {
	if err := e.settle(ctx); err != nil {
		return nil, err
	}
	s := sheetReader{whole: true}
	err := e.s.view(ctx, func(r kv.Reader) error {
		lo, hi := pageSpan(id, from, to)
		return r.Scan(e.a.id, lo, hi, kv.ScanOptions{Limit: limit}, func(key, row []byte) error { return s.row(uidOf(key), row) })
	})
	return s.list, err
}

// sheetReader makes sheets of rows that come in order.
type sheetReader struct {
	whole bool
	list  []sheet
	items []Item // of all sheets
	start int    // of the last one's
}

func (s *sheetReader) row(first UID, row []byte) (err error) {
	if n := len(s.list); n == 0 || s.list[n-1].first != pageOf(first) {
		s.list = append(s.list, sheet{first: pageOf(first), whole: s.whole})
		s.start = len(s.items)
	}
	if s.items, err = appendItems(s.items, first, row); err != nil {
		return err
	}
	last := &s.list[len(s.list)-1]
	last.items = s.items[s.start:len(s.items):len(s.items)]
	if isPage(row) {
		last.paged = len(last.items)
	}
	return nil
}

// eachPicked calls fn for those of sorted uids that are there: item n of a sheet.
func eachPicked(list []sheet, uids []UID, fn func(s *sheet, n int)) {
	p := picker{uids: uids}
	for i := range list {
		for n := range list[i].items {
			if p.wants(list[i].items[n].UID) {
				fn(&list[i], n)
			}
		}
	}
}

// set changes the flags of item n.
func (s *sheet) set(n int, i Item) {
	s.items[n] = i
	if s.page = s.page || n < s.paged; n >= s.paged {
		s.own = append(s.own, i)
	}
}

// add puts in a message whose flags were lost: into the page, if there is one.
func (s *sheet) add(i Item) {
	if s.paged == 0 {
		s.own = append(s.own, i)
		return
	}
	n, _ := slices.BinarySearchFunc(s.items[:s.paged], i.UID, compareUID)
	s.items = slices.Insert(slices.Clip(s.items), n, i)
	s.paged, s.page = s.paged+1, true
}

func compareUID(i Item, uid UID) int { return cmp.Compare(i.UID, uid) }

// drop takes a message out; own says that it has a row of its own, which remains
// to be deleted.
func (s *sheet) drop(uid UID) (own bool) {
	n, found := slices.BinarySearchFunc(s.items, uid, compareUID)
	if !found {
		return false
	}
	s.items = slices.Delete(s.items, n, n+1)
	if n >= s.paged {
		return true
	}
	s.paged, s.page = s.paged-1, true
	return false
}

// writeSheets writes what has changed. Where a span was read in whole, rows of
// single messages in it go into its page.
func (e *edit) writeSheets(id MailboxID, list []sheet) {
	size := 0
	for i := range list {
		size += (9 + itemSize) * len(list[i].own)
	}
	buf := make([]byte, 0, size)
	for i := range list {
		s := &list[i]
		switch {
		case s.whole && (s.page || len(s.own) > 0) && len(s.items) > 1:
			e.gatherSheet(id, s)
		default:
			if s.page {
				e.writePage(id, s.first, s.items[:s.paged])
			}
			buf = e.writeItems(buf, id, s.own)
		}
	}
}

// manyRows is how many rows are worth a deletion of their range.
const manyRows = 32

func (e *edit) gatherSheet(id MailboxID, s *sheet) {
	lone := s.items[s.paged:]
	if len(lone) >= manyRows {
		lo, hi := pageSpan(id, s.first, s.first)
		e.b.DeleteRange(e.a.id, lo, hi)
	} else {
		for _, i := range lone {
			e.b.Delete(e.a.id, messageKey(keyFlags, id, i.UID))
		}
	}
	e.writePage(id, s.first, s.items)
}

// writePage writes a page, or takes it away if nothing is in it.
func (e *edit) writePage(id MailboxID, first UID, items []Item) {
	key := messageKey(keyFlags, id, first)
	if len(items) == 0 {
		e.b.Delete(e.a.id, key)
		return
	}
	e.b.Set(e.a.id, key, appendPage(make([]byte, 0, 64), first, items))
}

// writeItems writes rows of single messages; keys and values share buf.
func (e *edit) writeItems(buf []byte, id MailboxID, items []Item) []byte {
	for _, i := range items {
		k := len(buf)
		buf = appendInstance(append(buf, keyFlags), id, i.UID)
		v := len(buf)
		buf = i.append(buf)
		e.b.Set(e.a.id, buf[k:v:v], buf[v:len(buf):len(buf)])
	}
	return buf
}

// flagRows is what a commit does to the flags of messages that come back or go,
// of one mailbox.
type flagRows struct {
	lost []Item // to be written
	gone []UID  // to be taken away
}

func (e *edit) flagRows(id MailboxID) *flagRows {
	f := e.flags[id]
	if f == nil {
		f = new(flagRows)
		e.flags[id] = f
	}
	return f
}

// writeFlags carries out what flagRows gathered.
func (e *edit) writeFlags(ctx context.Context) error {
	for id, f := range e.flags {
		uids := slices.Clone(f.gone)
		for _, i := range f.lost {
			uids = append(uids, i.UID)
		}
		list, err := e.sheets(ctx, id, uids)
		if err != nil {
			return err
		}
		for _, uid := range sorted(f.gone) {
			if s := sheetOf(list, uid); s != nil && s.drop(uid) {
				e.b.Delete(e.a.id, messageKey(keyFlags, id, uid))
			}
		}
		for _, i := range f.lost {
			if s := sheetOf(list, i.UID); s != nil {
				s.add(i)
			} else {
				e.writeItems(nil, id, []Item{i})
			}
		}
		e.writeSheets(id, list)
	}
	return nil
}

func sheetOf(list []sheet, uid UID) *sheet {
	n, found := slices.BinarySearchFunc(list, pageOf(uid), func(s sheet, first UID) int { return cmp.Compare(s.first, first) })
	if !found {
		return nil
	}
	return &list[n]
}

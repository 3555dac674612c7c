package imapserver

import (
	"cmp"
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Sort answers SORT (RFC 5256 §3) and its RETURN form (RFC 5267 §3).
func (t *turn) Sort(ctx context.Context, c *imap.Sort) error {
	return t.look(ctx, search{verb: "SORT", uid: c.UID, want: c.Return, charset: c.Charset, key: &c.Key, by: c.By})
}

const relevancy = "RELEVANCY"

func byRelevancy(by []imap.SortKey) bool {
	return slices.ContainsFunc(by, func(k imap.SortKey) bool { return k.By == relevancy })
}

// sortKeys never changes.
var sortKeys = map[string]mail.SortBy{"ARRIVAL": mail.ByArrival, "CC": mail.ByCc, "DATE": mail.ByDate, "FROM": mail.ByFrom,
	"SIZE": mail.BySize, "SUBJECT": mail.BySubject, "TO": mail.ByTo, "DISPLAYFROM": mail.ByDisplayFrom, "DISPLAYTO": mail.ByDisplayTo}

// storeKeys are the keys that the store sorts by.
func storeKeys(by []imap.SortKey) (keys []mail.SortKey) {
	for _, k := range by {
		if k.By != relevancy {
			keys = append(keys, mail.SortKey{By: sortKeys[k.By], Reverse: k.Reverse})
		}
	}
	return keys
}

// sort puts what was found in order. A message that has gone meanwhile is left out.
//
// DEVIATES(RFC 6203 §6): RELEVANCY decides before the other keys, wherever it stands.
func (r *result) sort(ctx context.Context, by []imap.SortKey) error {
	uids, err := r.v.account.Sort(ctx, r.v.box.ID, r.v.uids(r.at), storeKeys(by))
	if err != nil {
		return err
	}
	r.at = r.at[:0]
	for _, uid := range uids {
		i, _ := r.v.find(uid)
		r.at = append(r.at, i)
	}
	if n := slices.IndexFunc(by, func(k imap.SortKey) bool { return k.By == relevancy }); n >= 0 {
		slices.SortStableFunc(r.at, func(x, y int) int {
			if by[n].Reverse {
				x, y = y, x
			}
			return cmp.Compare(r.scores[y], r.scores[x])
		})
	}
	return nil
}

// threadings never changes.
var threadings = map[string]mail.Threading{"ORDEREDSUBJECT": mail.OrderedSubject, "REFERENCES": mail.References, "REFS": mail.Refs}

// Thread answers THREAD (RFC 5256 §3).
func (t *turn) Thread(ctx context.Context, c *imap.Thread) error {
	f, err := t.newFinder(ctx, t.view, c.Charset, &c.Key)
	if err != nil {
		return err
	}
	f.whole = true
	at, err := f.find(ctx)
	if err != nil {
		return err
	}
	threads, err := t.view.account.Threads(ctx, t.view.box.ID, t.view.uids(at), threadings[c.Algorithm])
	if err != nil {
		return err
	}
	nodes := make([]imap.ThreadNode, len(threads))
	for n, node := range threads {
		nodes[n] = imap.ThreadNode{Number: uint32(node.UID), Children: node.Children}
		if i, known := t.view.find(node.UID); known && !c.UID {
			nodes[n].Number = uint32(i + 1)
		}
	}
	out := []byte("* THREAD")
	if len(nodes) > 0 {
		out = imap.AppendThreads(append(out, ' '), nodes)
	}
	return t.line(out)
}

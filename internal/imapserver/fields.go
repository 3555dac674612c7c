package imapserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// fields is a list of header fields that an item asks for.
type fields struct {
	item  *imap.Item
	names *mail.FieldSet
}

// fieldsOf are the items of octets, if all of them are lists of fields of the
// message's own header: what a client asks for that lists a mailbox. These are
// answered from what the store keeps of headers.
func fieldsOf(items []imap.Item) (list []fields) {
	for i := range items {
		it := &items[i]
		if !ofBody(it) {
			continue
		}
		if it.Kind != imap.Section || it.Text != "HEADER.FIELDS" || len(it.Path) > 0 {
			return nil
		}
		list = append(list, fields{it, mail.NewFieldSet(it.Fields)})
	}
	return list
}

// isBrief reports whether items can be answered without most of the metadata.
func isBrief(items []imap.Item) bool {
	for i := range items {
		switch items[i].Kind {
		case imap.UID, imap.Flags, imap.ItemModSeq, imap.Size, imap.InternalDate, imap.SaveDate, imap.ItemGmailLabels, imap.Section:
		default:
			return false
		}
	}
	return true
}

// runFields answers from what is kept of headers, then for those messages of
// which that is not enough.
func (f *fetcher) runFields(ctx context.Context, picked []int) error {
	for len(picked) > 0 {
		n, rest, err := f.gatherFields(ctx, picked)
		if err == nil {
			err = f.t.write()
		}
		if err == nil {
			err = f.runBodies(ctx, rest)
		}
		if err != nil {
			return err
		}
		picked = picked[n:]
	}
	return nil
}

// gatherFields deals with the first n of picked, as many as should be held in
// memory: rest are those of them that are not answered.
func (f *fetcher) gatherFields(ctx context.Context, picked []int) (n int, rest []int, err error) {
	t := f.t
	err = t.view.account.FetchFields(ctx, t.view.box.ID, t.view.uids(picked), f.brief, func(m *mail.Meta, kept mail.Fields) (more bool, err error) {
		for ; t.view.items[picked[n]].UID != m.UID; n++ {
			rest = append(rest, picked[n]) // nothing is kept of it, or it is gone
		}
		known, err := f.answerFields(picked[n], m, kept)
		if !known {
			rest = append(rest, picked[n])
		}
		n++
		return len(t.out) < gatherMost, err
	})
	if len(t.out) < gatherMost {
		rest, n = append(rest, picked[n:]...), len(picked)
	}
	return n, rest, err
}

// answerFields answers for one message, unless it has to be read.
func (f *fetcher) answerFields(i int, m *mail.Meta, kept mail.Fields) (known bool, err error) {
	t := f.t
	start, literals := len(t.out), len(t.literals)
	t.out = f.appendItems(t.out, i, m)
	for _, want := range f.fields {
		if f.picked, known, err = kept.Append(f.picked[:0], want.names); !known {
			t.out, t.literals = t.out[:start], t.literals[:literals]
			return false, err
		}
		if t.out[len(t.out)-1] != '(' {
			t.out = append(t.out, ' ')
		}
		t.out = append(append(t.out, want.item.Label...), ' ')
		t.addLiteral(partOf(want.item, f.picked))
	}
	t.out = append(t.out, ")\r\n"...)
	return true, nil
}

// partOf is what a partial item asks for (RFC 9051 §6.4.5).
func partOf(it *imap.Item, text []byte) []byte {
	if it.Partial {
		text = text[min(it.Offset, int64(len(text))):]
		text = text[:min(it.Count, int64(len(text)))]
	}
	return text
}

// addLiteral puts a literal behind what is gathered.
func (t *turn) addLiteral(text []byte) {
	t.out = append(appendUint(append(t.out, '{'), uint64(len(text))), "}\r\n"...)
	from := len(t.out)
	t.out = append(t.out, text...)
	t.literals = append(t.literals, span{from, len(t.out)})
}

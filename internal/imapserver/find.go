package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// finder looks by search keys for messages of one mailbox.
type finder struct {
	t       *turn
	v       *view // of the mailbox
	charset string
	key     *imap.Key
	modseq  bool                  // a MODSEQ key is there: answers tell the highest
	fuzzy   bool                  // a FUZZY key is there
	inside  bool                  // of a FUZZY key, while the query is made
	how     closeness             // of what is inside
	boxes   []mail.Mailbox        // what labels are looked for among, if a key asks for any
	tell    func(done, total int) // nil: nobody wants to know how far it is
	whole   bool                  // an answer for some of the messages is none (messagelimit.go)
	asked   mail.Query            // what find looked for
}

// newFinder refuses what can't be looked for anywhere. A MODSEQ key turns
// CONDSTORE on (RFC 7162 §3.1).
func (t *turn) newFinder(ctx context.Context, v *view, charset string, key *imap.Key) (*finder, error) {
	key, err := t.expand(ctx, charset, key)
	if err != nil {
		return nil, err
	}
	f := &finder{t: t, v: v, charset: charset, key: key, tell: t.progressed, modseq: has(key, imap.ModSeq), fuzzy: has(key, imap.Fuzzy)}
	if _, err := f.text(""); err != nil {
		return nil, err
	}
	if key.Contains(asksForLabels) {
		if f.boxes, err = t.labelBoxes(ctx, &v.place); err != nil {
			return nil, err
		}
	}
	if f.modseq {
		t.wantModSeq()
		return f, t.upToDate(ctx)
	}
	return f, nil
}

// has reports whether there is a key of that kind.
func has(key *imap.Key, op imap.Op) bool {
	return key.Contains(func(k *imap.Key) bool { return k.Op == op })
}

// upToDate tells of what others have changed, so that the view has the flags and
// modseqs that there are; numbers stay as they are.
func (t *turn) upToDate(ctx context.Context) error {
	if t.view == nil {
		return nil
	}
	if err := t.sync(ctx, false); err != nil {
		return err
	}
	if t.ended {
		return errGone
	}
	return nil
}

// find returns the messages that match, of those the client knows: their
// indexes in the view, ascending.
func (f *finder) find(ctx context.Context) ([]int, error) {
	q, err := f.query(f.key)
	if err == nil {
		f.asked, err = f.limited(q)
	}
	if err != nil {
		return nil, err
	}
	return f.run(ctx, f.asked)
}

// run looks at what is at hand if that is how the store has it, else in the store.
func (f *finder) run(ctx context.Context, q mail.Query) ([]int, error) {
	v := f.v
	box, err := v.account.MailboxByID(ctx, v.box.ID)
	if err != nil {
		return nil, err
	}
	if box.HighestModSeq == v.box.HighestModSeq {
		if at, decided, err := v.box.Decide(ctx, v.items, q); decided || err != nil {
			return v.withoutGone(at), err
		}
	}
	uids, err := f.search(ctx, q)
	return v.indexes(uids), err
}

// search asks the store.
func (f *finder) search(ctx context.Context, q mail.Query) ([]mail.UID, error) {
	return f.v.account.SearchWith(ctx, f.v.box.ID, q, mail.SearchOptions{Progress: f.tell})
}

// withoutGone leaves out what was expunged.
func (v *view) withoutGone(at []int) []int {
	if len(v.gone) == 0 {
		return at
	}
	gone := v.marked(v.gone)
	return slices.DeleteFunc(at, func(i int) bool { return gone[i] })
}

// indexes are those of the UIDs, which ascend, that the client knows.
func (v *view) indexes(uids []mail.UID) []int {
	at := make([]int, 0, len(uids))
	i := 0
	for _, uid := range uids {
		for i < len(v.items) && v.items[i].UID < uid {
			i++
		}
		if i < len(v.items) && v.items[i].UID == uid {
			at = append(at, i)
		}
	}
	return at
}

// ranges are the UIDs of indexes that ascend.
func (v *view) ranges(at []int) []mail.UIDRange {
	list := []mail.UIDRange{}
	for _, i := range at {
		list = appendRange(list, v.items[i].UID)
	}
	return list
}

package mail

import (
	"context"

	"tem/internal/fulltext"
	"tem/internal/kv"
)

// CheckIndex reads all messages that are indexed and calls fn for each email
// that the text index does not find by all of its words. An index that is not
// there is no fault; one that is damaged is an error for fulltext.IsDamaged.
// RebuildIndex mends both.
func (s *Store) CheckIndex(ctx context.Context, account kv.Part, fn func(EmailID) error) error {
	b, from := fulltext.NewBuilder(), EmailID(0)
	for {
		var missing fulltext.Docs
		err := s.view(ctx, func(r kv.Reader) (err error) {
			b.Reset()
			t := indexBatch{s: s, ctx: ctx, account: account, b: b, r: r}
			missing, from, err = t.check(from)
			return err
		})
		if err != nil {
			return err
		}
		for d := range missing.All {
			if err := fn(EmailID(d)); err != nil {
				return err
			}
		}
		if from == 0 {
			return nil
		}
	}
}

// check compares a batch of emails with the index; next is 0 at the end.
func (t *indexBatch) check(from EmailID) (missing fulltext.Docs, next EmailID, err error) {
	v, err := t.s.textIndex().text.View(t.r, t.account)
	if err != nil {
		return nil, 0, err
	}
	list, err := instancesFrom(t.r, t.account, from, indexEmails)
	for len(list) > 0 && list[len(list)-1].email >= EmailID(v.Next()) {
		list = list[:len(list)-1]
	}
	if err != nil || len(list) == 0 {
		return nil, 0, err
	}
	if err := readInstances(t.r, t.account, list, func(_ instance, m *Meta, _ []byte) error { return t.add(m) }); err != nil {
		return nil, 0, err
	}
	missing, err = v.Missing(t.b)
	return missing, list[len(list)-1].email + 1, err
}

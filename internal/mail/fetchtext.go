package mail

import (
	"context"

	"tem/internal/kv"
)

// FetchText is Fetch that brings the text along where it lies beside the rows;
// text is nil where the body has to be opened. Both are valid only during the
// call, which ends the reading if it returns false.
func (a *Account) FetchText(ctx context.Context, id MailboxID, uids []UID, fn func(m *Meta, text []byte) (more bool, err error)) error {
	if a.s.Shared { // a body at a time is as good as all of them there
		return a.Fetch(ctx, id, uids, func(m *Meta) error { return stopUnless(fn(m, nil)) })
	}
	t := textReader{fn: fn}
	return a.read(ctx, func(r kv.Reader) error {
		t.r = r
		return eachRow(r, keyMeta, a.id, id, uids, t.next)
	})
}

// textReader reads the text of one message after the other in a View.
type textReader struct {
	r    kv.Reader
	fn   func(m *Meta, text []byte) (more bool, err error)
	m    Meta
	key  [1][]byte
	more bool
}

func (t *textReader) next(u UID, row []byte) error {
	if err := t.m.decode(u, row); err != nil {
		return err
	}
	found := false
	t.key[0] = append(append(t.key[0][:0], keyBody), t.m.Body[:]...)
	err := t.r.GetMulti(bodyPart(t.m.Body), t.key[:], func(_ int, text []byte) (err error) {
		found = true
		t.more, err = t.fn(&t.m, text)
		return err
	})
	if err == nil && !found {
		t.more, err = t.fn(&t.m, nil)
	}
	return stopUnless(t.more, err)
}

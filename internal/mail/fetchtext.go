package mail

import (
	"context"

	"tem/internal/kv"
)

// FetchText is Fetch that brings the text along where it lies beside the rows;
// text is nil where the body has to be opened. Both are valid only during the
// call, which ends the reading if it returns false.
func (a *Account) FetchText(ctx context.Context, id MailboxID, uids []UID, fn func(m *Meta, text []byte) (more bool, err error)) error {
	more := true
	if a.s.Shared { // a body at a time is as good as all of them there
		return a.Fetch(ctx, id, uids, func(m *Meta) (err error) {
			if more {
				more, err = fn(m, nil)
			}
			return err
		})
	}
	var m Meta
	return a.read(ctx, func(r kv.Reader) error {
		return eachRow(r, keyMeta, a.id, id, uids, func(u UID, val []byte) error {
			if !more {
				return kv.ErrStop
			}
			if err := m.decode(u, val); err != nil {
				return err
			}
			text, _, err := r.Get(bodyPart(m.Body), bodyKey(m.Body))
			if err == nil {
				more, err = fn(&m, text)
			}
			return err
		})
	})
}

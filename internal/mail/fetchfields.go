package mail

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"

	"tem/internal/kv"
	"tem/internal/message"
)

// fieldsRow is the row of what is kept of a message's header.
func (m *Meta) fieldsRow() []byte {
	row := binary.AppendUvarint(make([]byte, 0, 24+len(m.fields)), uint64(m.Size))
	return append(appendTime(row, m.Received), m.fields...)
}

// decodeFields fills what the row has of a message's metadata.
func (m *Meta) decodeFields(uid UID, row []byte) (Fields, error) {
	d := decoder{b: row}
	m.UID, m.Size, m.Received = uid, int64(d.uint()), d.time()
	return Fields{d.b}, d.err
}

// FetchFields calls fn with what is kept of the header of each uid, in order,
// until it returns false; it leaves out those of which nothing is kept. brief
// spares the metadata: m has only UID, Size and Received. As with Fetch, both
// are valid only during the call, and fn does not wait for anybody.
func (a *Account) FetchFields(ctx context.Context, id MailboxID, uids []UID, brief bool, fn func(m *Meta, f Fields) (more bool, err error)) error {
	if !brief {
		return a.fetchWithFields(ctx, id, uids, fn)
	}
	var m Meta
	return a.eachOf(ctx, keyFields, id, uids, func(u UID, row []byte) error {
		f, err := m.decodeFields(u, row)
		if err != nil {
			return err
		}
		return stopUnless(fn(&m, f))
	})
}

// fetchWithFields reads one kind of rows and then the other. It holds those of
// the fields: the caller asks for so many messages as it wants held.
func (a *Account) fetchWithFields(ctx context.Context, id MailboxID, uids []UID, fn func(m *Meta, f Fields) (more bool, err error)) error {
	const usual = 400 // octets of a row, more than most have
	held := heldRows{buf: make([]byte, 0, usual*len(uids)), rows: make([]heldRow, 0, len(uids))}
	if err := a.eachOf(ctx, keyFields, id, uids, held.add); err != nil {
		return err
	}
	return a.Fetch(ctx, id, uids, func(m *Meta) error {
		row := held.next(m.UID)
		if row == nil {
			return nil
		}
		f, err := new(Meta).decodeFields(m.UID, row)
		if err != nil {
			return err
		}
		return stopUnless(fn(m, f))
	})
}

// stopUnless is what a callback of a scan returns that may want no more.
func stopUnless(more bool, err error) error {
	if err == nil && !more {
		return kv.ErrStop
	}
	return err
}

// transferred is a message and a copy of it.
type transferred struct {
	from UID
	to   Instance
}

// copyFields gives copies, in the account of to, the rows of fields that the
// messages of a mailbox have; list is in the order of from.
func (e *edit) copyFields(ctx context.Context, id MailboxID, list []transferred, to *edit) error {
	uids := make([]UID, len(list))
	for n := range list {
		uids[n] = list[n].from
	}
	return e.s.view(ctx, func(r kv.Reader) error {
		return eachRow(r, keyFields, e.a.id, id, uids, func(u UID, row []byte) error {
			row = bytes.Clone(row)
			for ; len(list) > 0 && list[0].from <= u; list = list[1:] {
				if list[0].from == u {
					to.b.Set(to.a.id, messageKey(keyFields, list[0].to.Mailbox, list[0].to.UID), row)
				}
			}
			return nil
		})
	})
}

// readFields makes anew what is kept of the header of a stored message.
func (s *Store) readFields(ctx context.Context, m *Meta) ([]byte, error) {
	r, err := s.OpenBody(ctx, m.Body)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return fieldsOf(r, m)
}

// fieldsOf is what is kept of the header of a message whose octets are r.
func fieldsOf(r io.ReaderAt, m *Meta) ([]byte, error) {
	root, err := message.DecodePart(m.Parts)
	if err != nil {
		return nil, err
	}
	header := make([]byte, min(root.Body-root.Start, message.MaxHeader))
	if n, err := r.ReadAt(header, root.Start); n < len(header) {
		return nil, err
	}
	return keepFields(header), nil
}

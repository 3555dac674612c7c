package mail

import (
	"bytes"
	"context"
	"errors"
	"io"

	"tem/internal/blob"
	"tem/internal/fold"
	"tem/internal/fulltext"
	"tem/internal/kv"
	"tem/internal/message"
)

// instance is one place that an email is in.
type instance struct {
	email EmailID
	box   MailboxID
	uid   UID
}

// instancesFrom gives the first instance of each email from a number on, up to limit of them.
func instancesFrom(r kv.Reader, account kv.Part, from EmailID, limit int) (list []instance, err error) {
	err = r.Scan(account, emailPrefix(from), []byte{keyEmail + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
		var i instance
		i.email, i.box, i.uid = instanceOf(key)
		if n := len(list); n > 0 && list[n-1].email == i.email {
			return nil
		}
		if len(list) == limit {
			return kv.ErrStop
		}
		list = append(list, i)
		return nil
	})
	return list, err
}

// readInstances calls fn with the metadata of each; m and row are valid only
// during the call. Neighbours in a mailbox are read together.
func readInstances(r kv.Reader, account kv.Part, list []instance, fn func(at instance, m *Meta, row []byte) error) error {
	var m Meta
	for len(list) > 0 {
		uids := []UID{list[0].uid}
		for n := 1; n < len(list) && list[n].box == list[0].box && list[n].uid > list[n-1].uid; n++ {
			uids = append(uids, list[n].uid)
		}
		group := list[:len(uids)]
		list = list[len(uids):]
		err := eachRow(r, keyMeta, account, group[0].box, uids, func(u UID, row []byte) error {
			for group[0].uid < u {
				group = group[1:]
			}
			if err := m.decode(u, row); err != nil {
				return err
			}
			return fn(group[0], &m, row)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// indexBatch indexes the next emails of an account and reports whether there
// are more. b is only memory.
func (s *Store) indexBatch(ctx context.Context, account kv.Part, b *fulltext.Builder) (more bool, err error) {
	b.Reset()
	batch := indexBatch{s: s, ctx: ctx, account: account, b: b}
	if err := s.KV.View(ctx, batch.read); err != nil || batch.next == 0 {
		return false, err
	}
	err = s.textIndex().text.Append(ctx, account, batch.st, b, batch.next, batch.guard)
	return batch.more, err
}

// indexBatch is a batch of emails on its way into the text index.
type indexBatch struct {
	s       *Store
	ctx     context.Context
	account kv.Part
	b       *fulltext.Builder

	st    *fulltext.State
	next  uint32       // the first email that is not in the batch; 0: there is nothing to do
	more  bool         // there are emails from next on
	guard kv.Condition // the account is the one that was read

	r     kv.Reader
	texts [fulltext.Bcc + 1][]byte // of the header
	bytes int64
	room  []byte // memory of one message
	piece []byte // and of what is read of its texts at a time
}

// maxBatch is how many octets of messages make a batch full, so that none is
// in memory for long.
const maxBatch = 4 * indexBytes

func (t *indexBatch) read(r kv.Reader) (err error) {
	t.r = r
	if t.st, err = fulltext.Load(r, t.account); err != nil {
		return err
	}
	st, err := readState(r, t.account)
	if err != nil || st.nextEmail <= EmailID(t.st.Next()) || st.nextEmail > maxDocs {
		return err
	}
	batch := t.s.textIndex().batch
	list, err := instancesFrom(r, t.account, EmailID(t.st.Next()), batch)
	if err != nil || len(list) == 0 && t.st.Next() == 0 {
		return err // nothing was ever indexed, and there is nothing to index
	}
	t.next = uint32(st.nextEmail)
	if len(list) == batch {
		t.next, t.more = uint32(list[len(list)-1].email)+1, true
	}
	full := false
	return readInstances(r, t.account, list, func(at instance, m *Meta, row []byte) error {
		if t.guard.Key == nil {
			t.guard = kv.Condition{Part: t.account, Key: messageKey(keyMeta, at.box, at.uid), Want: bytes.Clone(row)}
		}
		if full {
			return nil
		}
		if full = t.bytes >= maxBatch; full {
			t.next, t.more = uint32(at.email), true
			return nil
		}
		return t.add(m)
	})
}

// add indexes one email. One whose body is gone or damaged is left to be read by
// searches, which will say so.
func (t *indexBatch) add(m *Meta) error {
	t.b.Begin(uint32(m.Email))
	t.bytes += m.Size
	body, err := t.s.openIn(t.ctx, t.r, m.Body, &t.room)
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, kv.ErrDamaged) {
		t.b.MarkPartly()
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	root, err := message.DecodePart(m.Parts)
	if err != nil {
		return err
	}
	if t.piece == nil {
		t.piece = message.NewTextRoom()
	}
	return t.addTexts(message.SearchText{R: body, Root: root, Room: t.piece})
}

func (t *indexBatch) addTexts(text message.SearchText) error {
	header, err := text.Header()
	if err != nil {
		return err
	}
	for i := range t.texts {
		t.texts[i] = t.texts[i][:0]
	}
	header.Fields(func(name string, value, _ []byte) bool {
		t.addField(name, value)
		return true
	})
	for class, text := range t.texts {
		t.b.Add(fulltext.Class(class), text)
	}
	if err := t.addPieces(fulltext.Header, text.WritePartHeaders); err != nil {
		return err
	}
	return t.addPieces(fulltext.Body, text.WriteBody)
}

// addPieces adds a text of which little is in memory at a time.
func (t *indexBatch) addPieces(class fulltext.Class, write func(io.Writer) error) error {
	windows := fold.NewWindows(func(piece []byte) error {
		t.b.Add(class, piece)
		return t.ctx.Err()
	})
	if err := write(windows); err != nil {
		return err
	}
	return windows.End()
}

// addField adds a field's name to the header, and its value to its class unless it is noise.
func (t *indexBatch) addField(name string, value []byte) {
	t.texts[fulltext.Header] = append(append(t.texts[fulltext.Header], name...), ':', ' ')
	if class := classOf(name); !message.IsNoise(name) {
		t.texts[class] = append(message.AppendValue(t.texts[class], value), 0)
	}
	if h := t.texts[fulltext.Header]; h[len(h)-1] != 0 {
		t.texts[fulltext.Header] = append(h, 0)
	}
}

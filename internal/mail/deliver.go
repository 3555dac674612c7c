package mail

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
)

// Deliver puts one message into mailboxes of any number of accounts, together
// with the rows that extra adds, in one commit; it is durable when Deliver
// returns. With no targets it only keeps the body for the rows of extra, which
// must refer to it (Refer). extra may be called more than once, each time with
// a fresh batch. OverQuota errors name the account; nothing was stored then.
func (s *Store) Deliver(ctx context.Context, body *Body, to []Target, extra func(b *kv.Batch)) ([]Placed, error) {
	ids := make([]kv.Part, len(to))
	for i := range to {
		ids[i] = to[i].Account
	}
	placed := make([]Placed, len(to))
	threads, err := s.findThreads(ctx, body, ids)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, ids, func(b *kv.Batch, edits []*edit) error {
		if body.isInline {
			b.Set(kv.Bodies, bodyKey(body.ID), body.inline)
		}
		for i := range to {
			e := edits[slices.IndexFunc(edits, func(e *edit) bool { return e.a.id == to[i].Account })]
			p, err := e.deliver(body, &to[i], threads[to[i].Account])
			if err != nil {
				return err
			}
			placed[i] = p
		}
		if extra != nil {
			extra(b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return placed, nil
}

// deliver adds the message to one mailbox of the account.
func (e *edit) deliver(body *Body, t *Target, thread ThreadID) (Placed, error) {
	name, err := canonical(t.Mailbox)
	if t.Mailbox == "" {
		name, err = inbox, nil
	}
	if err != nil {
		return Placed{}, err
	}
	id, ok := e.next.names[name]
	if !ok {
		return Placed{}, noMailbox(t.Mailbox, e.a.id)
	}
	box := e.box(id)
	flags, err := box.flags(t.Flags, t.Keywords, true)
	if err != nil {
		return Placed{}, err
	}
	m := body.meta
	m.Received = t.Received
	if m.Received.IsZero() {
		m.Received = e.s.Now()
	}
	m.Email = e.next.state.nextEmail
	e.next.state.nextEmail++
	if m.Thread = thread; thread == 0 {
		m.Thread = ThreadID(m.Email)
	}
	if err := e.add(box, &m, flags); err != nil {
		return Placed{}, err
	}
	return Placed{e.a.id, id, box.UIDValidity, m.UID, m.Email}, nil
}

// add gives m the mailbox's next UID and writes its rows.
func (e *edit) add(box *Mailbox, m *Meta, flags Flags) error {
	if err := e.charge(m.Size); err != nil {
		return err
	}
	if box.UIDNext == 0 { // after 2^32-1 messages; RFC 9051 §2.3.1.1
		return fail(LimitReached, "mailbox %s has used up its UIDs", box.Name)
	}
	m.UID = box.UIDNext
	box.UIDNext++
	box.count(flags, m.Size, 1)
	id, b := e.a.id, e.b
	b.Set(id, messageKey(keyMeta, box.ID, m.UID), m.append(make([]byte, 0, m.rowSize())))
	b.Set(id, messageKey(keyFlags, box.ID, m.UID), Item{m.UID, flags, e.modseq}.append(make([]byte, 0, 16)))
	b.Set(id, emailKey(m, box.ID), nil)
	b.Set(id, threadKey(m, box.ID), nil)
	for _, h := range m.hashes {
		val := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(m.Thread)), m.subject)
		b.Set(id, appendInstance(messageIDPrefix(h), box.ID, m.UID), val)
	}
	e.s.Refer(b, m.Body, instanceOwner(id, box.ID, m.UID))
	l := e.entry(box.ID)
	l.changed = append(l.changed, m.UID)
	return nil
}

func (m *Meta) rowSize() int {
	return 120 + len(m.Envelope) + len(m.Structure) + len(m.BasicBody) + len(m.Parts) + len(m.Preview)
}

// charge counts a message against the quota.
func (e *edit) charge(size int64) error {
	q := &e.next.state.quota
	if q.BytesLimit > 0 && q.Bytes+size > q.BytesLimit || q.MessagesLimit > 0 && q.Messages+1 > q.MessagesLimit {
		return &Error{Kind: OverQuota, Text: "the account is over quota", Account: e.a.id}
	}
	q.Bytes += size
	q.Messages++
	return nil
}

// drop removes a message's rows.
func (e *edit) remove(box *Mailbox, m *Meta, flags Flags) {
	e.next.state.quota.Bytes -= m.Size
	e.next.state.quota.Messages--
	box.count(flags, m.Size, -1)
	id, b := e.a.id, e.b
	b.Delete(id, messageKey(keyMeta, box.ID, m.UID))
	b.Delete(id, messageKey(keyFlags, box.ID, m.UID))
	b.Delete(id, emailKey(m, box.ID))
	b.Delete(id, threadKey(m, box.ID))
	for _, h := range m.hashes {
		b.Delete(id, appendInstance(messageIDPrefix(h), box.ID, m.UID))
	}
	e.s.Release(b, m.Body, instanceOwner(id, box.ID, m.UID))
	l := e.entry(box.ID)
	l.gone = append(l.gone, m.UID)
}

// count adds (n=1) or takes away (n=-1) one message.
func (m *Mailbox) count(f Flags, size int64, n int32) {
	m.Messages += uint32(n)
	m.Size += size * int64(n)
	m.countFlags(f, n)
}

func (m *Mailbox) countFlags(f Flags, n int32) {
	if f&Seen == 0 {
		m.Unseen += uint32(n)
	}
	if f&Deleted != 0 {
		m.DeletedCount += uint32(n)
	}
}

const systemFlags = Seen | Answered | Flagged | Deleted | Draft

// flags joins system flags and keywords; unknown keywords are made known, if
// that is asked for, or left out.
func (m *Mailbox) flags(system Flags, keywords []string, learn bool) (Flags, error) {
	f := system & systemFlags
	for _, k := range keywords {
		n := m.keyword(k)
		if n < 0 && !learn {
			continue
		}
		if n < 0 {
			if err := checkKeyword(k); err != nil {
				return 0, err
			}
			if n = len(m.Keywords); n == MaxKeywords {
				return 0, fail(LimitReached, "mailbox %s has %d keywords, the most it can have", m.Name, n)
			}
			m.Keywords = append(slices.Clip(m.Keywords), k)
		}
		f |= 1 << (FirstKeyword + n)
	}
	return f, nil
}

// keyword is a keyword's number, -1 if it is not known. Case does not matter (RFC 9051 §2.3.2).
func (m *Mailbox) keyword(k string) int {
	return slices.IndexFunc(m.Keywords, func(have string) bool { return strings.EqualFold(have, k) })
}

// maxKeyword is the length of a keyword in octets.
const maxKeyword = 100

// checkKeyword allows an IMAP atom (RFC 9051 §9, flag-keyword).
func checkKeyword(k string) error {
	bad := strings.IndexFunc(k, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) })
	if k == "" || len(k) > maxKeyword || bad >= 0 {
		return fail(Invalid, "%.*q is no keyword", maxKeyword, k)
	}
	return nil
}

// findThreads looks for the conversations that the body continues: same base
// subject, and one Message-ID in common (RFC 8621 §3).
func (s *Store) findThreads(ctx context.Context, body *Body, ids []kv.Part) (map[kv.Part]ThreadID, error) {
	if len(body.thread) == 0 || len(ids) == 0 {
		return nil, nil
	}
	found := make(map[kv.Part]ThreadID)
	err := s.view(ctx, func(r kv.Reader) error {
		for _, id := range ids {
			if found[id] != 0 {
				continue
			}
			t, err := findThread(r, id, body)
			if err != nil {
				return err
			}
			found[id] = t
		}
		return nil
	})
	return found, err
}

func findThread(r kv.Reader, id kv.Part, body *Body) (thread ThreadID, err error) {
	for _, h := range body.thread {
		lo := messageIDPrefix(h)
		hi := append(slices.Clip(lo), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
		err = r.Scan(id, lo, hi, kv.ScanOptions{Limit: 8}, func(_, val []byte) error {
			d := &decoder{b: val}
			t, subject := ThreadID(d.uint64()), d.uint64()
			if d.err == nil && subject == body.meta.subject {
				thread = t
				return kv.ErrStop
			}
			return d.err
		})
		if err != nil || thread != 0 {
			break
		}
	}
	return thread, err
}

// Refer adds a row that keeps a body alive for an owner outside of mail, and
// Release one that lets it go; the sweeper deletes bodies that nobody refers to.
func (s *Store) Refer(b *kv.Batch, id blob.ID, owner []byte) {
	b.Set(kv.Bodies, referenceKey(id, owner), nil)
}

// Release takes an owner's reference away and makes the body a candidate for the sweeper.
func (s *Store) Release(b *kv.Batch, id blob.ID, owner []byte) {
	b.Delete(kv.Bodies, referenceKey(id, owner))
	b.Set(kv.Bodies, garbageKey(dayOf(s.Now()), id), nil)
}

// dayOf counts days since 1970.
func dayOf(t time.Time) uint16 { return uint16(t.Unix() / 86400) }
